#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "causeway/ext/priority.h"

namespace causeway::validator {

// A question to a priority plugin, by value; strings and pointers of the C structs are filled in when it is
// laid out in memory.

struct CandidateCase {
  cw_candidate_view view{};
  std::string foundation, source, interface_name;
};

struct PairCase {
  cw_pair_view view{};
  CandidateCase local, remote;
  std::optional<cw_statistics> statistics;
  std::optional<cw_history> history;
  std::optional<cw_hint> hint;
};

struct PriorityCase {
  cw_decision decision{};
  std::string peer, configuration;
  std::vector<CandidateCase> candidates;
  std::vector<PairCase> pairs;
};

inline constexpr std::size_t kMostPairs = 64;
inline constexpr std::size_t kMostCandidates = 32;

/// The question of this seed and round. Every third is like a day in the office; the others hold extremes of
/// everything that the headers allow, also kinds that a later version may add.
PriorityCase make_priority_case(std::uint64_t seed, std::uint64_t round);

/// A question as it is in life: `pairs` pairs of one peer.
PriorityCase make_ordinary_case(std::uint64_t seed, std::size_t pairs);

}  // namespace causeway::validator
