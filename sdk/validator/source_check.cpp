#include <fmt/format.h>

#include <map>
#include <utility>

#include "causeway/ext/candidate-source.h"
#include "plugin/text.hpp"
#include "sdk/validator/contract_checks.hpp"
#include "sdk/validator/made_up_life.hpp"

namespace causeway::validator {

namespace {

constexpr int kSteps = 400;
constexpr Duration kQuiet = std::chrono::minutes(2);
constexpr std::size_t kManyDatagrams = 100;  // a second

class SourceLife final : public MadeUpLife {
 public:
  SourceLife(Stage& stage, plugin::Instance& instance, std::uint64_t seed, std::uint32_t extra)
      : MadeUpLife(stage, instance, seed, extra), table_(instance.table<cw_candidate_source>()) {}

  void run() {
    configure();
    change_bases();
    for (int step = 0; step < kSteps && !has_failed(); ++step) {
      const auto what = random_.below(100);
      if (what < 40) {
        pass_time(std::chrono::milliseconds(random_.below(5'000)));
      } else if (what < 80) {
        answer();
      } else if (what < 92) {
        change_bases();
      } else {
        configure();
      }
    }
    if (has_failed()) return;
    configure();
    change_bases();
    is_done_ = false;
    change_bases();
    pass_time(kQuiet);
    if (!is_done_ && !has_failed()) {
      stage_.warning(
          "contract",
          "never called done, though nothing answered for two minutes: call it when everything was tried "
          "once, also if there is nothing to try; after a reload the host waits for it");
    }
  }

 private:
  void configure() {
    const char* const texts[] = {
        R"({"stun_servers":["198.51.100.7:3478","[2001:db8::1]:3478"]})",
        R"({"stun_servers":["198.51.100.7:3478"],"key-of-another-source":{"a":[1,2,null]}})",
        R"({"stun_servers":[]})"};
    const std::string json = texts[random_.below(std::size(texts))];
    const cw_string given = text(json);
    call("configure", json, [&] { return table_.configure(instance_.get(), given.data, given.size); });
  }
  void change_bases() {
    present_ = make_bases();
    const cw_array array = bases(present_);
    call("set_bases", fmt::format("{} bases", present_.size()),
         [&] { return table_.set_bases(instance_.get(), &array); });
  }
  void answer() {
    if (sent_.empty() || table_.on_datagram == nullptr) return;
    auto at = sent_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(sent_.size())));
    const auto& [base, from] = at->first;
    if (!knows(base)) {
      sent_.erase(at);
      return;
    }
    const Bytes given = make_answer(random_, at->second);
    const cw_address* const source = address(plugin::to_c(from));
    const std::uint8_t* const data = bytes(given);
    const std::uint32_t on = base;
    call("on_datagram", fmt::format("{} bytes", given.size()),
         [&] { return table_.on_datagram(instance_.get(), on, source, data, given.size()); });
  }
  void pass_time(Duration by) {
    sent_in_step_ = 0;
    advance(by);
    const auto seconds = 1 + static_cast<std::size_t>(by / std::chrono::seconds(1));
    if (sent_in_step_ > kManyDatagrams * seconds) {
      stage_.warning("contract", fmt::format("sent {} datagrams within {} s: servers take that for an attack",
                                             sent_in_step_, seconds));
    }
  }

  cw_status fire(std::uint32_t timer) override {
    return table_.on_timer == nullptr ? CW_OK : table_.on_timer(instance_.get(), timer);
  }
  void carry_out(plugin::Request& request) override {
    if (auto* send = std::get_if<plugin::request::Send>(&request)) {
      ++sent_in_step_;
      const auto base = static_cast<std::uint32_t>(send->base);
      write_down(fmt::format("send {} {} {}", base, send->to.to_string(), to_hex(send->bytes)));
      check_base("sends from", base);
      if (sent_.size() < 256) sent_[{base, send->to}] = std::move(send->bytes);
    } else if (const auto* found = std::get_if<plugin::request::Found>(&request)) {
      write_down(
          fmt::format("found {} {}", static_cast<std::uint32_t>(found->base), found->address.to_string()));
      check_base("found a candidate of", static_cast<std::uint32_t>(found->base));
    } else if (const auto* lost = std::get_if<plugin::request::Lost>(&request)) {
      write_down(
          fmt::format("lost {} {}", static_cast<std::uint32_t>(lost->base), lost->address.to_string()));
    } else if (std::holds_alternative<plugin::request::Done>(request)) {
      is_done_ = true;
      write_down("done");
    }
  }
  void check_base(const char* what, std::uint32_t base) {
    if (!knows(base)) {
      stage_.warning(
          "contract",
          fmt::format("{} base {}, which is not among those of the last set_bases: forget a base and its "
                      "timers when it is missing there",
                      what, base));
    }
  }

  cw_candidate_source table_;
  std::map<std::pair<std::uint32_t, net::Endpoint>, Bytes> sent_;  ///< the last one each
  std::size_t sent_in_step_ = 0;
  bool is_done_ = false;
};

std::string live(Stage& stage, const LibraryPtr& library, std::uint32_t extra) {
  const InstancePtr instance = make_instance(stage, library, 42);
  if (!instance) return {};
  std::string record;
  {
    SourceLife life(stage, *instance, stage.seed(), extra);
    life.run();
    record = life.record();
  }
  end_instance(stage, instance);
  return record;
}

}  // namespace

void check_source(Stage& stage, const LibraryPtr& library) {
  const std::string plain = live(stage, library, 0);
  const Slowest first = stage.take_slowest();
  if (stage.errors() > 0) return;
  const std::string grown = live(stage, library, 24);
  judge_times(stage, first, stage.take_slowest());
  if (plain == grown) return;
  if (plain == live(stage, library, 0)) {
    stage.error("contract",
                "acts otherwise when cw_base_view is longer: index arrays by `stride`, never by sizeof");
  } else {
    stage.warning(
        "contract",
        "the same life went two ways: a simulation cannot replay it; take time and chance from the host "
        "(causeway.host.clock, causeway.host.random)");
  }
}

}  // namespace causeway::validator
