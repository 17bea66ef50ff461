#include "plugin/self_check.hpp"

#include <fmt/format.h>

#include "causeway/ext/priority.h"
#include "plugin/priority_adapter.hpp"
#include "plugin/source_adapter.hpp"
#include "plugin/text.hpp"
#include "plugin/transport_check.hpp"

namespace causeway::plugin {

namespace {

const Now kMoment{SteadyTime(1000s), WallTime(1'700'000'000s)};

ice::Candidate candidate(ice::CandidateType type, const char* address, std::uint32_t base,
                         std::uint32_t priority) {
  ice::Candidate result;
  result.type = type;
  result.address = *net::Endpoint::parse(address);
  result.base = net::BaseId{base};
  if (base != 0) result.base_address = result.address;
  result.foundation = std::string("1");
  result.priority = priority;
  result.source = std::string(base != 0 ? "host" : "");
  return result;
}

/// A dual-stack laptop with Wi-Fi, cable, a mapping and a relay.
std::vector<ice::Candidate> recorded_candidates() {
  using enum ice::CandidateType;
  return {candidate(host, "192.168.0.100:41641", 1, 0), candidate(host, "192.168.1.7:41641", 2, 0),
          candidate(host, "[2001:db8::7]:41641", 3, 0),
          candidate(server_reflexive, "203.0.113.9:41641", 1, 0),
          candidate(relayed, "198.51.100.3:50000", 4, 0)};
}

/// Good, unmeasured, lossy, relayed; with extremes of every figure.
std::vector<path::PathView> recorded_paths() {
  using enum ice::CandidateType;
  path::PathView direct;
  direct.id = 1;
  direct.local = candidate(host, "192.168.0.100:41641", 1, 2130706431);
  direct.remote = candidate(server_reflexive, "203.0.113.20:41641", 0, 1694498815);
  direct.pair_priority = 7277816997797167103U;
  direct.measured = {.rtt = 12ms, .jitter = 1ms, .loss = 0.0, .probes = 40, .disconnects = 0};
  direct.since = kMoment.steady - 60s;
  direct.is_selected = true;
  path::PathView fresh = direct;
  fresh.id = 2;
  fresh.measured = {};
  fresh.is_selected = false;
  fresh.pair_priority -= 512;
  path::PathView lossy = direct;
  lossy.id = 3;
  lossy.measured = {.rtt = 9s, .jitter = 3s, .loss = 1.0, .probes = 4000000000U, .disconnects = 4000000000U};
  path::PathView relay = direct;
  relay.id = 4;
  relay.local = candidate(relayed, "198.51.100.3:50000", 4, 16777215);
  relay.pair_priority = 72057589742960639U;
  relay.measured.rtt = 0ns;
  relay.history = path::History{.rtt = 40ms,
                                .jitter = 2ms,
                                .loss = 0.01,
                                .rate_bytes_per_s = 5'000'000,
                                .samples = 64,
                                .successes = 60,
                                .failures = 4,
                                .disconnects = 1,
                                .working_time = 2h,
                                .last_used_ago = 24h};
  relay.hint = path::Hint{.score = 700'000, .confidence = 400};
  // Nothing is known of it but that it never worked.
  fresh.history = path::History{.scope = path::History::Scope::near,
                                .rtt = {},
                                .jitter = {},
                                .loss = {},
                                .rate_bytes_per_s = {},
                                .failures = 3e9};
  return {direct, fresh, lossy, relay};
}

Result<void> check_priority(const std::shared_ptr<PluginLibrary>& library) {
  const DecisionInput input{
      .now = kMoment, .seed = 42, .peer = "peer", .configuration = {}, .tier = FriendTier::friend_node};
  const auto candidates = recorded_candidates();
  const auto paths = recorded_paths();
  std::optional<RankAnswer> first_ranks;
  std::optional<ScoreAnswer> first_scores;
  for (int round = 0; round < 2; ++round) {
    const auto made = Instance::create(library, 42);
    if (!made) return made.error();
    Instance& instance = **made;
    instance.services().begin(kMoment);
    RankAnswer ranks = ask_ranks(instance, input, candidates);
    if (ranks.status != CW_OK && ranks.status != CW_ERROR_NOT_SUPPORTED) {
      return Error{fmt::format("self-check: ranking candidates failed ({})", status_text(ranks.status))};
    }
    if (ranks.out_of_range > 0) return Error{"self-check: a candidate priority is not in 1..2147483647"};
    for (const auto& some :
         {paths, std::vector(paths.begin(), paths.begin() + 1), std::vector<path::PathView>{}}) {
      ScoreAnswer scores = ask_scores(instance, input, some);
      if (scores.status != CW_OK) {
        return Error{fmt::format("self-check: scoring pairs failed ({})", status_text(scores.status))};
      }
      if (scores.out_of_range > 0) return Error{"self-check: a score is not in 0..1000000"};
      if (some.size() != paths.size()) continue;
      if (first_scores && *first_scores != scores)
        return Error{"self-check: the same question got two answers"};
      first_scores = std::move(scores);
    }
    if (first_ranks && *first_ranks != ranks) return Error{"self-check: the same question got two answers"};
    first_ranks = std::move(ranks);
  }
  return {};
}

Result<void> check_source(const std::shared_ptr<PluginLibrary>& library) {
  const auto made = Instance::create(library, 42);
  if (!made) return made.error();
  Instance& instance = **made;
  const auto step = [&](const char* what, cw_status status) -> Result<void> {
    if (status == CW_OK) return {};
    return Error{fmt::format("self-check: {} failed ({})", what, status_text(status))};
  };
  const BaseView base{net::BaseId{1}, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"};
  const net::Endpoint server = *net::Endpoint::parse("198.51.100.1:3478");
  const Bytes noise(64, 0xa5);
  instance.services().begin(kMoment);
  instance.services().set_wake([] {});  // what it posts is run below
  if (auto ok = step("configure", configure(instance, {{server}})); !ok) return ok;
  if (auto ok = step("set_bases", set_bases(instance, std::span(&base, 1))); !ok) return ok;
  if (auto ok = step("on_datagram", give_datagram(instance, base.base, server, noise)); !ok) return ok;
  if (auto ok = step("on_timer", fire_timer(instance, 0)); !ok) return ok;
  instance.services().run_posted();
  return step("set_bases", set_bases(instance, {}));
}

}  // namespace

Result<void> self_check(const std::shared_ptr<PluginLibrary>& library) {
  switch (library->descriptor().kind) {
    case CW_KIND_PRIORITY:
      return check_priority(library);
    case CW_KIND_TRANSPORT:
      return check_transport(library);
    default:
      return check_source(library);
  }
}

}  // namespace causeway::plugin
