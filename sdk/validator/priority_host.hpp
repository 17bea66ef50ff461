#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "causeway/entry.h"
#include "sdk/validator/guarded.hpp"
#include "sdk/validator/priority_cases.hpp"
#include "sdk/validator/stage.hpp"

namespace causeway::validator {

/// How one and the same question is laid out in memory. Answers must not depend on it.
struct Layout {
  std::uint32_t extra = 0;  ///< bytes that a later version would have appended to each struct
  std::uint8_t filler = 0;  ///< what is in them, and in figures whose bit in `known` is not set
  std::uint32_t reason_capacity = 160;
};

struct PairAnswer {
  std::int64_t score = 0;
  bool is_vetoed = false;
  std::int64_t ask_again_after_ns = 0;
  std::uint32_t multipath_weight = 0;
  std::string reason;
  friend bool operator==(const PairAnswer&, const PairAnswer&) = default;
};

struct PriorityAnswer {
  cw_status status = CW_OK;
  std::vector<PairAnswer> pairs;
  std::vector<std::uint32_t> ranks;
  std::vector<std::string> breaches;  ///< of the contract, in words for the author
  friend bool operator==(const PriorityAnswer& a, const PriorityAnswer& b) {
    return a.status == b.status && a.pairs == b.pairs && a.ranks == b.ranks;
  }
};

/// Asks priority plugins as a host does, from memory that ends where it says and can only be read.
class PriorityHost {
 public:
  PriorityHost();
  PriorityAnswer score(Stage& stage, const cw_priority& table, cw_instance* instance,
                       const PriorityCase& question, Layout layout, const std::string& detail);
  PriorityAnswer rank(Stage& stage, const cw_priority& table, cw_instance* instance,
                      const PriorityCase& question, Layout layout, const std::string& detail);

 private:
  void reset();
  cw_string text(const std::string& of);
  template <class T>
  T* sized(Guarded& in, const T& value, Layout layout);
  const cw_candidate_view* candidate(Guarded& in, const CandidateCase& from, Layout layout);
  void fill(cw_candidate_view& view, const CandidateCase& from);
  const cw_decision* decision(const PriorityCase& question, Layout layout);
  void read_only();

  Guarded views_{"the array of views", 64 * 1024};
  Guarded nested_{"what a view points to", 256 * 1024};
  Guarded text_{"a text (texts have a size, and no zero behind them)", 64 * 1024};
  Guarded answers_{"the array of answers", 64 * 1024};
  Guarded reasons_{"the buffer of a reason", 64 * 1024};
};

}  // namespace causeway::validator
