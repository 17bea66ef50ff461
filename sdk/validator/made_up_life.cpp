#include "sdk/validator/made_up_life.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "causeway/ext/candidate-source.h"
#include "plugin/text.hpp"

namespace causeway::validator {

namespace {

constexpr std::size_t kMostFires = 1'000;  // in one advance; more is a plugin that wants to run all the time
constexpr std::size_t kMostAnswer = 1'472;
constexpr std::size_t kStunHeader = 20;  // RFC 8489 §5

void put16(Bytes& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value & 0xff));
}

/// RFC 8489 §14.2: an address with the cookie over it.
void put_mapped_address(Random& random, Bytes& out) {
  put16(out, random.chance(80) ? 0x0020 : random.pick<std::uint16_t>({0x0001, 0x0016, 0x0012}));
  const bool is_v6 = random.chance(20);
  put16(out, is_v6 ? 20 : 8);
  out.push_back(0);
  out.push_back(is_v6 ? 2 : 1);
  for (int i = 0; i < (is_v6 ? 18 : 6); ++i)
    out.push_back(random.byte());
}

Bytes make_stun_answer(Random& random, ByteView sent) {
  Bytes out(sent.begin(), sent.begin() + kStunHeader);
  out[0] = static_cast<std::uint8_t>(out[0] | (random.chance(85) ? 0x01 : 0x00));
  if (random.chance(15)) out[1] |= 0x10;  // an error response, or an indication
  if (random.chance(90)) put_mapped_address(random, out);
  if (random.chance(30)) {  // ERROR-CODE, RFC 8489 §14.8
    put16(out, 0x0009);
    put16(out, 4);
    put16(out, 0);
    put16(out, random.pick<std::uint16_t>({0x0401, 0x0300, 0x0426, 0x0403, 0xffff}));
  }
  if (random.chance(30)) {  // LIFETIME, RFC 8656 §18.2
    put16(out, 0x000d);
    put16(out, 4);
    put16(out, 0);
    put16(out, static_cast<std::uint16_t>(random.below(0x10000)));
  }
  const std::size_t length = out.size() - kStunHeader;
  out[2] = static_cast<std::uint8_t>(length >> 8);
  out[3] = static_cast<std::uint8_t>(length & 0xff);
  return out;
}

}  // namespace

Bytes make_answer(Random& random, ByteView sent) {
  Bytes out;
  if (sent.size() >= kStunHeader && (sent[0] & 0xc0) == 0 && random.chance(80)) {
    out = make_stun_answer(random, sent);
  } else if (!sent.empty() && random.chance(60)) {
    out.assign(sent.begin(), sent.end());
  } else {
    out.resize(random.below(random.chance(20) ? kMostAnswer : 64));
    for (std::uint8_t& byte : out)
      byte = random.byte();
  }
  if (random.chance(40) && !out.empty()) {
    for (std::uint64_t i = random.below(4); i-- > 0;)
      out[random.below(out.size())] = random.byte();
  }
  if (random.chance(15)) out.resize(random.below(out.size() + 1));
  if (random.chance(10)) out.resize(std::min(out.size() + random.below(40), kMostAnswer), random.byte());
  if (out.size() > kMostAnswer) out.resize(kMostAnswer);
  if (out.empty()) out.push_back(random.byte());  // an empty datagram is nobody's message
  return out;
}

MadeUpLife::MadeUpLife(Stage& stage, plugin::Instance& instance, std::uint64_t seed, std::uint32_t extra)
    : stage_(stage), instance_(instance), random_(seed), extra_(extra) {
  instance_.services().set_wake([] {});  // what is posted runs after the next call
}

Now MadeUpLife::moment() const {
  return {now_, WallTime(std::chrono::seconds(1'700'000'000)) + now_.time_since_epoch()};
}

cw_string MadeUpLife::text(const std::string& of) {
  if (of.empty()) return {nullptr, 0};
  char* const at = static_cast<char*>(text_.place(of.size()));
  std::memcpy(at, of.data(), of.size());
  return {at, of.size()};
}

const std::uint8_t* MadeUpLife::bytes(ByteView of) {
  auto* const at = static_cast<std::uint8_t*>(bytes_.place(of.size()));
  if (!of.empty()) std::memcpy(at, of.data(), of.size());
  return at;
}

const cw_address* MadeUpLife::address(const cw_address& of) {
  void* const at = arguments_.place((sizeof of + 7) / 8 * 8);
  std::memcpy(at, &of, sizeof of);
  return static_cast<const cw_address*>(at);
}

cw_array MadeUpLife::bases(const std::vector<Base>& of) {
  const auto stride = static_cast<std::uint32_t>(sizeof(cw_base_view)) + extra_;
  auto* const at = static_cast<std::uint8_t*>(arguments_.place(of.size() * stride));
  std::memset(at, 0xa5, of.size() * stride);
  for (std::size_t i = 0; i < of.size(); ++i) {
    cw_base_view view{};
    view.struct_size = stride;
    view.id = of[i].id;
    view.address = plugin::to_c(*net::Endpoint::parse(of[i].address));
    view.interface_name = text(of[i].interface_name);
    std::memcpy(at + i * stride, &view, sizeof view);
  }
  return {at, static_cast<std::uint32_t>(of.size()), stride};
}

std::vector<MadeUpLife::Base> MadeUpLife::make_bases() {
  // Some of those that there were stay, as in life; ids are never used twice.
  std::vector<Base> made;
  for (const Base& base : present_) {
    if (random_.chance(60)) made.push_back(base);
  }
  const auto more = random_.pick<std::size_t>({0, 1, 1, 2, 6});
  for (std::size_t i = 0; i < more; ++i) {
    const std::uint32_t id = ++last_base_;
    made.push_back({id,
                    random_.chance(70) ? fmt::format("192.168.{}.{}:41641", id % 250, 2 + random_.below(200))
                                       : fmt::format("[2001:db8:{:x}::7]:41641", id),
                    random_.pick<const char*>({"eth0", "wlan0", "wwan0", "abcdefghijklmno"})});
  }
  return made;
}

bool MadeUpLife::knows(std::uint32_t base) const {
  return std::any_of(present_.begin(), present_.end(),
                     [base](const Base& known) { return known.id == base; });
}

void MadeUpLife::begin() {
  instance_.services().begin(moment());
  for (Guarded* part : {&bytes_, &arguments_, &text_})
    part->set_read_only();
}

void MadeUpLife::take() {
  for (Guarded* part : {&bytes_, &arguments_, &text_})
    part->reset();
  for (plugin::Request& request : instance_.services().take()) {
    if (const auto* set = std::get_if<plugin::request::SetTimer>(&request)) {
      timers_[set->timer] = set->deadline;
      write_down(fmt::format("timer {} at {}", set->timer, set->deadline.time_since_epoch().count()));
    } else if (const auto* cancel = std::get_if<plugin::request::CancelTimer>(&request)) {
      timers_.erase(cancel->timer);
    } else {
      carry_out(request);
    }
  }
}

void MadeUpLife::call(const char* function, const std::string& detail,
                      const std::function<cw_status()>& call) {
  begin();
  const cw_status status = stage_.call(function, detail, call);
  if (status != CW_OK) {
    has_failed_ = true;
    stage_.error("contract",
                 fmt::format("{} failed ({}, {}): what comes from outside is no reason to fail, the "
                             "third failure in a row ends the plugin",
                             function, plugin::status_text(status), detail));
  }
  instance_.services().run_posted();
  take();
}

void MadeUpLife::advance(Duration by) {
  const SteadyTime until = now_ + by;
  for (std::size_t fires = 0;; ++fires) {
    const auto next = std::min_element(timers_.begin(), timers_.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (next == timers_.end() || next->second > until) break;
    if (fires == kMostFires) {
      has_failed_ = true;
      stage_.error(
          "contract",
          fmt::format("asked for {} timers within {:.0f} s: set the next deadline after now(), not at it",
                      fires, to_milliseconds(by) / 1e3));
      break;
    }
    const std::uint32_t timer = next->first;
    now_ = std::max(now_, next->second);
    timers_.erase(next);
    call("on_timer", fmt::format("timer {}", timer), [&] { return fire(timer); });
  }
  now_ = until;
}

}  // namespace causeway::validator
