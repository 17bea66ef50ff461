#include "plugin/priority_adapter.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "causeway/ext/priority.h"
#include "plugin/text.hpp"

namespace causeway::plugin {

namespace {

constexpr std::size_t kMaxReasonBytes = 160;
constexpr Duration kSoonestAskAgain = 50ms;
constexpr Duration kLatestAskAgain = 1h;

cw_candidate_view view_of(const ice::Candidate& candidate, const DecisionInput& input) {
  cw_candidate_view view{};
  view.struct_size = sizeof view;
  view.type = static_cast<std::uint32_t>(candidate.type);
  view.protocol = static_cast<std::uint32_t>(candidate.protocol);
  view.base = static_cast<std::uint32_t>(candidate.base);
  view.address = to_c(candidate.address);
  if (candidate.base != net::BaseId::none) view.base_address = to_c(candidate.base_address);
  view.priority = candidate.priority;
  view.foundation = to_c(candidate.foundation);
  view.source = to_c(candidate.source);
  if (candidate.base != net::BaseId::none && input.interfaces) {
    const auto at = input.interfaces->find(candidate.base);
    if (at != input.interfaces->end()) view.interface_name = to_c(at->second);
  }
  return view;
}
static_assert(static_cast<std::uint32_t>(ice::CandidateType::relayed) == CW_CANDIDATE_RELAYED);
static_assert(static_cast<std::uint32_t>(ice::CandidateType::server_reflexive) ==
              CW_CANDIDATE_SERVER_REFLEXIVE);
static_assert(static_cast<std::uint32_t>(ice::CandidateType::peer_reflexive) == CW_CANDIDATE_PEER_REFLEXIVE);
static_assert(static_cast<std::uint32_t>(ice::TransportProtocol::tcp_simultaneous_open) ==
              CW_PROTOCOL_TCP_SIMULTANEOUS_OPEN);

std::uint32_t parts_per_million(double share) {
  return static_cast<std::uint32_t>(std::lround(std::clamp(share, 0.0, 1.0) * 1e6));
}

/// A count that has faded, in whole ones.
std::uint32_t whole(double count) {
  return static_cast<std::uint32_t>(std::llround(std::clamp(count, 0.0, 4e9)));
}

cw_statistics statistics_of(const path::PathView& path, Now now) {
  const path::Measurements& measured = path.measured;
  cw_statistics out{};
  out.struct_size = sizeof out;
  out.probes = measured.probes;
  out.disconnects = measured.disconnects;
  out.known = CW_KNOWN_DISCONNECTS;
  if (measured.rtt) {
    out.known |= CW_KNOWN_RTT;
    out.rtt_ns = measured.rtt->count();
  }
  if (measured.jitter) {
    out.known |= CW_KNOWN_JITTER;
    out.jitter_ns = measured.jitter->count();
  }
  if (measured.probes > 0) {
    out.known |= CW_KNOWN_LOSS;
    out.loss_ppm = parts_per_million(measured.loss);
  }
  if (measured.rate_bytes_per_s) {
    out.known |= CW_KNOWN_RATE;
    out.rate_bytes_per_s = *measured.rate_bytes_per_s;
  }
  if (path.since != SteadyTime{}) {
    out.known |= CW_KNOWN_AGE;
    out.age_ns = std::max<std::int64_t>(0, (now.steady - path.since).count());
  }
  return out;
}

cw_history history_of(const path::History& history) {
  cw_history out{};
  out.struct_size = sizeof out;
  out.scope = static_cast<std::uint32_t>(history.scope);
  out.known = CW_KNOWN_DISCONNECTS;
  if (history.last_used_ago != Duration::max()) {
    out.known |= CW_KNOWN_AGE;
    out.last_used_ago_ns = std::max<std::int64_t>(0, history.last_used_ago.count());
  }
  out.disconnects = whole(history.disconnects);
  out.successes = whole(history.successes);
  out.failures = whole(history.failures);
  out.samples = whole(history.samples);
  out.working_time_s = static_cast<std::uint64_t>(std::max<std::int64_t>(0, history.working_time / 1s));
  if (history.rtt) {
    out.known |= CW_KNOWN_RTT;
    out.rtt_ns = history.rtt->count();
  }
  if (history.jitter) {
    out.known |= CW_KNOWN_JITTER;
    out.jitter_ns = history.jitter->count();
  }
  if (history.loss) {
    out.known |= CW_KNOWN_LOSS;
    out.loss_ppm = parts_per_million(*history.loss);
  }
  if (history.rate_bytes_per_s) {
    out.known |= CW_KNOWN_RATE;
    out.rate_bytes_per_s = *history.rate_bytes_per_s;
  }
  return out;
}
static_assert(static_cast<std::uint32_t>(path::History::Scope::near) == CW_HISTORY_NEAR);

cw_hint hint_of(const path::Hint& hint) {
  return {sizeof(cw_hint), std::min<std::uint32_t>(hint.confidence, 1000),
          std::clamp<std::int64_t>(hint.score, 0, CW_MAX_SCORE)};
}

cw_decision decision_of(const DecisionInput& input) {
  cw_decision decision{};
  decision.struct_size = sizeof decision;
  decision.friend_tier = static_cast<std::uint32_t>(input.tier);
  decision.now = {input.now.steady.time_since_epoch().count(), input.now.wall.time_since_epoch().count()};
  decision.seed = input.seed;
  decision.peer = to_c(input.peer);
  decision.configuration = to_c(input.configuration);
  return decision;
}

static_assert(static_cast<std::uint32_t>(FriendTier::other) == CW_TIER_OTHER);
static_assert(static_cast<std::uint32_t>(FriendTier::friend_node) == CW_TIER_FRIEND);

template <class T>
cw_array array_of(const std::vector<T>& items) {
  return {items.data(), static_cast<std::uint32_t>(items.size()), sizeof(T)};
}
template <class T>
cw_mutable_array array_of(std::vector<T>& items) {
  return {items.data(), static_cast<std::uint32_t>(items.size()), sizeof(T)};
}

LayerScore checked(const cw_pair_score& given, const char* reason, std::uint32_t& out_of_range) {
  LayerScore score;
  score.score = std::clamp<std::int64_t>(given.score, 0, CW_MAX_SCORE);
  if (score.score != given.score) ++out_of_range;
  score.is_vetoed = given.veto != 0;
  score.multipath_weight = std::min<std::uint32_t>(given.multipath_weight, 1000);
  // The host's own pointer and size: those in the struct are the plugin's to write.
  score.reason =
      clean_text({reason, std::min<std::size_t>(given.reason_size, kMaxReasonBytes)}, kMaxReasonBytes);
  return score;
}

}  // namespace

RankAnswer ask_ranks(Instance& instance, const DecisionInput& input,
                     std::span<const ice::Candidate> candidates) {
  const auto table = instance.table<cw_priority>();
  if (table.rank_candidates == nullptr) return {.status = CW_ERROR_NOT_SUPPORTED, .priorities = {}};
  std::vector<cw_candidate_view> views;
  views.reserve(candidates.size());
  for (const ice::Candidate& candidate : candidates)
    views.push_back(view_of(candidate, input));
  std::vector<cw_candidate_rank> ranks(candidates.size(), {sizeof(cw_candidate_rank), 0});

  const cw_decision decision = decision_of(input);
  const cw_array in = array_of(std::as_const(views));
  const cw_mutable_array out = array_of(ranks);
  RankAnswer answer;
  answer.status = table.rank_candidates(instance.get(), &decision, &in, &out);
  if (answer.status != CW_OK) return answer;
  for (const cw_candidate_rank& rank : ranks) {
    answer.priorities.push_back(std::clamp<std::uint32_t>(rank.priority, 1, ice::kMaxPriority));
    if (answer.priorities.back() != rank.priority) ++answer.out_of_range;
  }
  return answer;
}

ScoreAnswer ask_scores(Instance& instance, const DecisionInput& input,
                       std::span<const path::PathView> paths) {
  const auto table = instance.table<cw_priority>();
  if (table.score_pairs == nullptr)
    return {.status = CW_ERROR_NOT_SUPPORTED, .scores = {}, .ask_again_after = {}};
  struct Views {
    cw_candidate_view local;
    cw_candidate_view remote;
    cw_statistics statistics;
    cw_history history;
    cw_hint hint;
  };
  std::vector<Views> views;
  std::vector<cw_pair_view> pairs;
  std::vector<std::array<char, kMaxReasonBytes>> reasons(paths.size());
  std::vector<cw_pair_score> scores(paths.size());
  views.reserve(paths.size());  // pairs point into it
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const path::PathView& path = paths[i];
    const Views& view = views.emplace_back(
        Views{view_of(path.local, input), view_of(path.remote, input), statistics_of(path, input.now),
              history_of(path.history.value_or(path::History{})), hint_of(path.hint.value_or(path::Hint{}))});
    cw_pair_view pair{};
    pair.struct_size = sizeof pair;
    pair.id = path.id;
    pair.flags = path.is_selected ? CW_PAIR_SELECTED : 0;
    pair.pair_priority = path.pair_priority;
    pair.local = &view.local;
    pair.remote = &view.remote;
    pair.statistics = &view.statistics;
    pair.history = path.history ? &view.history : nullptr;
    pair.hint = path.hint ? &view.hint : nullptr;
    pairs.push_back(pair);
    scores[i].struct_size = sizeof scores[i];
    scores[i].reason = reasons[i].data();
    scores[i].reason_capacity = kMaxReasonBytes;
  }

  const cw_decision decision = decision_of(input);
  const cw_array in = array_of(std::as_const(pairs));
  const cw_mutable_array out = array_of(scores);
  ScoreAnswer answer;
  answer.status = table.score_pairs(instance.get(), &decision, &in, &out);
  if (answer.status != CW_OK) return answer;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    answer.scores.push_back(checked(scores[i], reasons[i].data(), answer.out_of_range));
    if (scores[i].ask_again_after_ns <= 0) continue;
    const Duration wish =
        std::clamp(Duration(scores[i].ask_again_after_ns), kSoonestAskAgain, Duration(kLatestAskAgain));
    answer.ask_again_after = std::min(answer.ask_again_after.value_or(wish), wish);
  }
  return answer;
}

}  // namespace causeway::plugin
