#include "sdk/validator/priority_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "plugin/text.hpp"

namespace causeway::validator {

namespace {

/// Figures that nobody may use, since their bit is not set, hold whatever was there before.
template <class T>
void hide(T& figure, bool is_known, std::uint8_t filler) {
  if (!is_known) std::memset(&figure, filler & 0x7f, sizeof figure);
}

cw_statistics with_unknowns_hidden(cw_statistics all, std::uint8_t filler) {
  hide(all.rtt_ns, all.known & CW_KNOWN_RTT, filler);
  hide(all.jitter_ns, all.known & CW_KNOWN_JITTER, filler);
  hide(all.loss_ppm, all.known & CW_KNOWN_LOSS, filler);
  hide(all.rate_bytes_per_s, all.known & CW_KNOWN_RATE, filler);
  hide(all.disconnects, all.known & CW_KNOWN_DISCONNECTS, filler);
  hide(all.age_ns, all.known & CW_KNOWN_AGE, filler);
  return all;
}

cw_history with_unknowns_hidden(cw_history all, std::uint8_t filler) {
  hide(all.rtt_ns, all.known & CW_KNOWN_RTT, filler);
  hide(all.jitter_ns, all.known & CW_KNOWN_JITTER, filler);
  hide(all.loss_ppm, all.known & CW_KNOWN_LOSS, filler);
  hide(all.rate_bytes_per_s, all.known & CW_KNOWN_RATE, filler);
  hide(all.disconnects, all.known & CW_KNOWN_DISCONNECTS, filler);
  hide(all.last_used_ago_ns, all.known & CW_KNOWN_AGE, filler);
  return all;
}

/// Elements one behind the other, each followed by what a later version would have appended.
std::uint8_t* make_array(Guarded& in, std::size_t count, std::size_t stride, std::uint8_t filler) {
  auto* const at = static_cast<std::uint8_t*>(in.place(count * stride));
  std::memset(at, filler, count * stride);
  return at;
}

}  // namespace

PriorityHost::PriorityHost() = default;

void PriorityHost::reset() {
  for (Guarded* part : {&views_, &nested_, &text_, &answers_, &reasons_})
    part->reset();
}

void PriorityHost::read_only() {
  for (Guarded* part : {&views_, &nested_, &text_})
    part->set_read_only();
}

cw_string PriorityHost::text(const std::string& of) {
  if (of.empty()) return {nullptr, 0};
  char* const at = static_cast<char*>(text_.place(of.size()));
  std::memcpy(at, of.data(), of.size());
  return {at, of.size()};
}

template <class T>
T* PriorityHost::sized(Guarded& in, const T& value, Layout layout) {
  std::uint8_t* const at = make_array(in, 1, sizeof(T) + layout.extra, layout.filler);
  std::memcpy(at, &value, sizeof value);
  auto* const placed = reinterpret_cast<T*>(at);
  placed->struct_size = static_cast<std::uint32_t>(sizeof(T)) + layout.extra;
  return placed;
}

void PriorityHost::fill(cw_candidate_view& view, const CandidateCase& from) {
  const std::uint32_t size = view.struct_size;
  view = from.view;
  view.struct_size = size;
  view.foundation = text(from.foundation);
  view.source = text(from.source);
  view.interface_name = text(from.interface_name);
}

const cw_candidate_view* PriorityHost::candidate(Guarded& in, const CandidateCase& from, Layout layout) {
  cw_candidate_view* const view = sized(in, from.view, layout);
  fill(*view, from);
  return view;
}

const cw_decision* PriorityHost::decision(const PriorityCase& question, Layout layout) {
  cw_decision* const made = sized(nested_, question.decision, layout);
  made->peer = text(question.peer);
  made->configuration = text(question.configuration);
  return made;
}

PriorityAnswer PriorityHost::score(Stage& stage, const cw_priority& table, cw_instance* instance,
                                   const PriorityCase& question, Layout layout, const std::string& detail) {
  reset();
  const auto count = static_cast<std::uint32_t>(question.pairs.size());
  const auto stride = static_cast<std::uint32_t>(sizeof(cw_pair_view)) + layout.extra;
  const auto answer_stride = static_cast<std::uint32_t>(sizeof(cw_pair_score)) + layout.extra;
  std::uint8_t* const pairs = make_array(views_, count, stride, layout.filler);
  std::uint8_t* const scores = make_array(answers_, count, answer_stride, layout.filler);
  std::vector<char*> reasons;
  for (std::uint32_t i = 0; i < count; ++i) {
    const PairCase& from = question.pairs[i];
    cw_pair_view view = from.view;
    view.struct_size = stride;
    view.local = candidate(nested_, from.local, layout);
    view.remote = candidate(nested_, from.remote, layout);
    if (from.statistics)
      view.statistics = sized(nested_, with_unknowns_hidden(*from.statistics, layout.filler), layout);
    if (from.history)
      view.history = sized(nested_, with_unknowns_hidden(*from.history, layout.filler), layout);
    if (from.hint) view.hint = sized(nested_, *from.hint, layout);
    std::memcpy(pairs + std::size_t{i} * stride, &view, sizeof view);

    reasons.push_back(static_cast<char*>(reasons_.place(layout.reason_capacity)));
    cw_pair_score score{};
    score.struct_size = answer_stride;
    score.reason = reasons.back();
    score.reason_capacity = layout.reason_capacity;
    std::memcpy(scores + std::size_t{i} * answer_stride, &score, sizeof score);
  }
  const cw_array in = {pairs, count, stride};
  const cw_mutable_array out = {scores, count, answer_stride};
  const cw_decision* const asked = decision(question, layout);
  read_only();

  PriorityAnswer answer;
  answer.status =
      stage.call("score_pairs", detail, [&] { return table.score_pairs(instance, asked, &in, &out); });
  if (answer.status != CW_OK) return answer;
  const auto breach = [&](std::string_view text) { answer.breaches.emplace_back(text); };
  for (std::uint32_t i = 0; i < count; ++i) {
    cw_pair_score score;
    const std::uint8_t* const at = scores + std::size_t{i} * answer_stride;
    std::memcpy(&score, at, sizeof score);
    const bool tail_is_whole = std::all_of(at + sizeof score, at + answer_stride,
                                           [&](std::uint8_t byte) { return byte == layout.filler; });
    if (!tail_is_whole || score.struct_size != answer_stride)
      breach(
          "wrote where no field of a cw_pair_score is that it knows: write fields, not whole structs, by "
          "`stride`");
    if (score.reason != reasons[i] || score.reason_capacity != layout.reason_capacity)
      breach("changed `reason` or `reason_capacity`, which are the host's: write into the buffer");
    if (score.score < 0 || score.score > CW_MAX_SCORE) {
      breach(fmt::format("gave the score {}: scores are 0 to {}, the host clamps others and counts a fault",
                         score.score, CW_MAX_SCORE));
    }
    if (score.multipath_weight > 1000)
      breach(fmt::format("gave the multipath weight {}: it is per mille, 0 to 1000", score.multipath_weight));
    if (score.ask_again_after_ns < 0)
      breach(fmt::format("wants to be asked again after {} ns: 0 is no wish", score.ask_again_after_ns));
    const std::string reason(reasons[i], std::min(score.reason_size, layout.reason_capacity));
    if (score.reason_size > layout.reason_capacity) {
      breach(fmt::format("says it wrote {} bytes of reason into {}: cut it to `reason_capacity`",
                         score.reason_size, layout.reason_capacity));
    } else if (plugin::clean_text(reason, reason.size()) != reason) {
      breach("gives a reason that is not UTF-8, or has control characters: the host shows '?' for them");
    }
    answer.pairs.push_back(
        {score.score, score.veto != 0, score.ask_again_after_ns, score.multipath_weight, reason});
  }
  return answer;
}

PriorityAnswer PriorityHost::rank(Stage& stage, const cw_priority& table, cw_instance* instance,
                                  const PriorityCase& question, Layout layout, const std::string& detail) {
  reset();
  const auto count = static_cast<std::uint32_t>(question.candidates.size());
  const auto stride = static_cast<std::uint32_t>(sizeof(cw_candidate_view)) + layout.extra;
  const auto answer_stride = static_cast<std::uint32_t>(sizeof(cw_candidate_rank)) + layout.extra;
  std::uint8_t* const candidates = make_array(views_, count, stride, layout.filler);
  std::uint8_t* const ranks = make_array(answers_, count, answer_stride, layout.filler);
  for (std::uint32_t i = 0; i < count; ++i) {
    cw_candidate_view view{};
    view.struct_size = stride;
    fill(view, question.candidates[i]);
    std::memcpy(candidates + std::size_t{i} * stride, &view, sizeof view);
    const cw_candidate_rank rank = {answer_stride, 0};
    std::memcpy(ranks + std::size_t{i} * answer_stride, &rank, sizeof rank);
  }
  const cw_array in = {candidates, count, stride};
  const cw_mutable_array out = {ranks, count, answer_stride};
  const cw_decision* const asked = decision(question, layout);
  read_only();

  PriorityAnswer answer;
  answer.status = stage.call("rank_candidates", detail,
                             [&] { return table.rank_candidates(instance, asked, &in, &out); });
  if (answer.status != CW_OK) return answer;
  for (std::uint32_t i = 0; i < count; ++i) {
    cw_candidate_rank rank;
    const std::uint8_t* const at = ranks + std::size_t{i} * answer_stride;
    std::memcpy(&rank, at, sizeof rank);
    const bool tail_is_whole = std::all_of(at + sizeof rank, at + answer_stride,
                                           [&](std::uint8_t byte) { return byte == layout.filler; });
    if (!tail_is_whole || rank.struct_size != answer_stride) {
      answer.breaches.emplace_back(
          "wrote where no field of a cw_candidate_rank is that it knows: write the field, not the whole "
          "struct, by `stride`");
    }
    if (rank.priority == 0 || rank.priority > CW_MAX_CANDIDATE_PRIORITY) {
      answer.breaches.push_back(
          fmt::format("gave the candidate priority {}: it is 1 to {}, and every candidate needs one",
                      rank.priority, CW_MAX_CANDIDATE_PRIORITY));
    }
    answer.ranks.push_back(rank.priority);
  }
  return answer;
}

}  // namespace causeway::validator
