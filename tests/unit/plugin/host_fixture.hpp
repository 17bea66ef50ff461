#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/executor.hpp"
#include "plugin/host.hpp"
#include "unit/plugin/plugin_files.hpp"

namespace causeway::plugin::test {

/// A node around a host: inline executor, virtual time, callbacks written down.
class HostWorld {
 public:
  struct Sent {
    net::BaseId base;
    net::Endpoint to;
    Bytes bytes;
  };

  HostWorld() { start(); }

  /// As the daemon does after a restart: same directory, nothing else kept.
  void start() {
    Host::Options options;
    options.private_directory = scratch_.path() / "run/plugins";
    options.seed = 7;
    host_.emplace(options, callbacks(), executor_);
  }
  void stop() { host_.reset(); }

  Host& host() { return *host_; }
  Now now() const { return {SteadyTime(time_), WallTime(1'700'000'000s + time_)}; }
  void advance(Duration by) {
    time_ += by;
    host_->on_timeout(now());
  }
  std::filesystem::path private_directory() const { return scratch_.path() / "run/plugins"; }
  const std::filesystem::path& scratch() const { return scratch_.path(); }

  /// The row of this name; the newest if there are several.
  std::optional<PluginView> row(const std::string& name) {
    for (const PluginView& view : host_->list()) {
      if (view.name == name) return view;
    }
    return std::nullopt;
  }
  Host::PairRanking score(const std::string& peer, std::vector<path::PathView> paths) {
    std::optional<Host::PairRanking> result;
    host_->score_paths({peer}, std::move(paths), now(), [&](Host::PairRanking r) { result = std::move(r); });
    EXPECT_TRUE(result) << "inline decisions come at once";
    return result.value_or(Host::PairRanking{});
  }
  std::vector<std::uint32_t> rank(std::vector<ice::Candidate> candidates) {
    std::vector<std::uint32_t> result;
    host_->rank_candidates(std::move(candidates), now(),
                           [&](std::vector<std::uint32_t> r) { result = std::move(r); });
    return result;
  }

  std::vector<std::string> events;  ///< "found 1 203.0.113.1:4000", "lost …", "done"
  std::vector<Sent> sent;
  int ranking_changes = 0;

 private:
  HostCallbacks callbacks() {
    const auto text = [](net::BaseId base, const net::Endpoint& address) {
      return std::to_string(static_cast<std::uint32_t>(base)) + " " + address.to_string();
    };
    HostCallbacks c;
    c.candidate_found = [this, text](const std::string&, net::BaseId base, ice::CandidateType,
                                     const net::Endpoint& address) {
      events.push_back("found " + text(base, address));
    };
    c.candidate_lost = [this, text](const std::string&, net::BaseId base, const net::Endpoint& address) {
      events.push_back("lost " + text(base, address));
    };
    c.gathering_done = [this](const std::string&) { events.push_back("done"); };
    c.send_udp = [this](net::BaseId base, const net::Endpoint& to, ByteView bytes) {
      sent.push_back({base, to, Bytes(bytes.begin(), bytes.end())});
      return true;
    };
    c.ranking_changed = [this] { ++ranking_changes; };
    return c;
  }

  ScratchDirectory scratch_;
  InlineExecutor executor_;
  Duration time_ = 1000s;
  std::optional<Host> host_;
};

inline ice::Candidate make_candidate(ice::CandidateType type, const char* address, std::uint32_t base) {
  ice::Candidate candidate;
  candidate.type = type;
  candidate.address = *net::Endpoint::parse(address);
  candidate.base = net::BaseId{base};
  candidate.base_address = candidate.address;
  return candidate;
}

inline path::PathView make_path(std::uint32_t id, std::uint64_t pair_priority) {
  path::PathView path;
  path.id = id;
  path.local = make_candidate(ice::CandidateType::host, "192.168.0.100:41641", 1);
  path.remote = make_candidate(ice::CandidateType::host, "192.168.0.101:41641", 0);
  path.pair_priority = pair_priority;
  return path;
}

}  // namespace causeway::plugin::test
