#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "path/switch_reason.hpp"
#include "replay/trace.hpp"

/// The words that stand for enumerators in a trace.
namespace causeway::replay {

inline constexpr std::array<std::string_view, 6> kStepWords{"second", "begin",  "score",
                                                            "scored", "choose", "end"};
inline constexpr std::array<std::string_view, 3> kTierWords{"unknown", "other", "friend"};
inline constexpr std::array<std::string_view, 2> kOriginWords{"recorded", "generated"};
inline constexpr std::array<std::string_view, 2> kRoleWords{"controlling", "controlled"};
inline constexpr std::array<std::string_view, 4> kProtocolWords{"udp", "tcp-active", "tcp-passive", "tcp-so"};

/// Steps with a list of all pairs of their peer.
constexpr bool lists_pairs(StepKind kind) { return kind != StepKind::scored && kind != StepKind::end; }

template <class Enum, std::size_t count>
std::string_view word(const std::array<std::string_view, count>& words, Enum value) {
  return words.at(static_cast<std::size_t>(value));
}
template <class Enum, std::size_t count>
std::optional<Enum> from_word(const std::array<std::string_view, count>& words, std::string_view text) {
  for (std::size_t i = 0; i < count; ++i)
    if (words[i] == text) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace causeway::replay
