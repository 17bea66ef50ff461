#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "plugin/text.hpp"
#include "sdk/validator/contract_checks.hpp"
#include "sdk/validator/priority_host.hpp"

namespace causeway::validator {

namespace {

constexpr std::uint64_t kRounds = 300;
constexpr std::uint64_t kTimedCalls = 2'000;
constexpr std::size_t kTimedPairs = 8;
constexpr Duration kEnough = std::chrono::seconds(10);  // of a plugin so slow that it has failed anyway

/// As the structs are in this version, and as a later host would lay them out.
constexpr Layout kPlain{};
constexpr Layout kGrown{.extra = 24, .filler = 0xa5};

using Ask = PriorityAnswer (PriorityHost::*)(Stage&, const cw_priority&, cw_instance*, const PriorityCase&,
                                             Layout, const std::string&);

class Check {
 public:
  Check(Stage& stage, const LibraryPtr& library) : stage_(stage), library_(library) {}

  void run() {
    const InstancePtr first = make_instance(stage_, library_, 42);
    const InstancePtr second = make_instance(stage_, library_, 42);
    if (!first || !second) return;
    table_ = first->table<cw_priority>();
    if (table_.score_pairs == nullptr) return;
    const auto began = std::chrono::steady_clock::now();
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      if (std::chrono::steady_clock::now() - began > kEnough) break;
      const PriorityCase question = make_priority_case(stage_.seed(), round);
      const auto capacity = round % 2 == 0 ? 160U : CW_MIN_REASON_CAPACITY;
      const std::string name = fmt::format("seed {}, round {}", stage_.seed(), round);
      both(*first, *second, &PriorityHost::score, "score_pairs", question, capacity,
           fmt::format("{} pairs, {}", question.pairs.size(), name));
      if (table_.rank_candidates == nullptr) continue;
      const PriorityAnswer ranks =
          both(*first, *second, &PriorityHost::rank, "rank_candidates", question, capacity,
               fmt::format("{} candidates, {}", question.candidates.size(), name));
      if (round % 3 == 0) look_for_equals(ranks);
    }
    judge_time(stage_, "score_pairs", slowest_score_);
    judge_time(stage_, "rank_candidates", slowest_rank_);
    if (stage_.errors() == 0) measure(*first);
    end_instance(stage_, first);
    end_instance(stage_, second);
  }

 private:
  PriorityAnswer ask(plugin::Instance& instance, Ask how, const PriorityCase& question, Layout layout,
                     const std::string& detail) {
    return (host_.*how)(stage_, table_, instance.get(), question, layout, detail);
  }

  /// The same question to two instances with the same past, laid out in two ways.
  PriorityAnswer both(plugin::Instance& first, plugin::Instance& second, Ask how, const char* function,
                      const PriorityCase& question, std::uint32_t capacity, const std::string& detail) {
    Layout plain = kPlain, grown = kGrown;
    plain.reason_capacity = grown.reason_capacity = capacity;
    const PriorityAnswer one = ask(first, how, question, plain, detail);
    Duration took = stage_.last();
    const PriorityAnswer other = ask(second, how, question, grown, detail);
    took = std::min(took, stage_.last());
    Duration& slowest = how == &PriorityHost::score ? slowest_score_ : slowest_rank_;
    slowest = std::max(slowest, took);
    for (const PriorityAnswer* answer : {&one, &other}) {
      if (answer->status != CW_OK) {
        const bool may = how == &PriorityHost::rank && answer->status == CW_ERROR_NOT_SUPPORTED;
        if (!may) {
          stage_.error("contract", fmt::format("{} failed ({}) on a question that the header allows ({})",
                                               function, plugin::status_text(answer->status), detail));
        }
        return one;
      }
      for (const std::string& breach : answer->breaches)
        stage_.error("contract", fmt::format("{} {}", function, breach));
    }
    if (!(one == other)) explain(how, function, question, capacity, detail);
    return one;
  }

  /// Two answers were not equal: with fresh instances, which of the differences between the questions was it?
  void explain(Ask how, const char* function, const PriorityCase& question, std::uint32_t capacity,
               const std::string& detail) {
    Layout plain = kPlain, wide = kPlain, filled = kPlain;
    plain.reason_capacity = wide.reason_capacity = filled.reason_capacity = capacity;
    wide.extra = kGrown.extra;
    filled.filler = kGrown.filler;
    const auto fresh = [&](Layout layout) -> std::optional<PriorityAnswer> {
      const InstancePtr instance = make_instance(stage_, library_, 42);
      if (!instance) return std::nullopt;
      auto answer = ask(*instance, how, question, layout, detail);
      end_instance(stage_, instance);
      return answer;
    };
    const auto base = fresh(plain);
    const auto say = [&](const char* what) {
      stage_.error("contract", fmt::format("{} {} ({})", function, what, detail));
    };
    if (!(base == fresh(plain))) {
      return say(
          "gave two answers to the same question: it may depend on its arguments and on earlier calls of "
          "this "
          "instance alone; take the time from cw_decision.now and chance from cw_decision.seed");
    }
    if (!(base == fresh(wide))) {
      return say("answers otherwise when structs are longer: index arrays by `stride`, never by sizeof");
    }
    if (!(base == fresh(filled))) {
      return say("uses figures whose bit in `known` is not set: they may hold anything");
    }
    say("gave two instances with the same past different answers: what it keeps in static variables, or "
        "reads from "
        "addresses, clocks or the system, must not matter");
  }

  void look_for_equals(const PriorityAnswer& answer) {
    if (std::set(answer.ranks.begin(), answer.ranks.end()).size() == answer.ranks.size()) return;
    stage_.warning(
        "contract",
        "rank_candidates gives the same priority to several candidates: the order among them is left to "
        "chance");
  }

  /// What a decision costs in life, for the table.
  void measure(plugin::Instance& instance) {
    const PriorityCase question = make_ordinary_case(stage_.seed(), kTimedPairs);
    const auto began = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < kTimedCalls; ++i) {
      if (std::chrono::steady_clock::now() - began > std::chrono::seconds(1)) break;
      ask(instance, &PriorityHost::score, question, kPlain, "timing");
    }
  }

  Stage& stage_;
  const LibraryPtr& library_;
  PriorityHost host_;
  cw_priority table_{};
  Duration slowest_score_{}, slowest_rank_{};
};

}  // namespace

void check_priority(Stage& stage, const LibraryPtr& library) { Check(stage, library).run(); }

}  // namespace causeway::validator
