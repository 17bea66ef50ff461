#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "replay/trace.hpp"

namespace causeway::replay {

inline constexpr int kTraceVersion = 1;

/// Turns a trace into lines of JSON (docs/replay.md), one call after the other. Of a pair that the
/// list before had too, only what has changed is written.
class TraceWriter {
 public:
  /// The first lines: header and layers.
  static std::string header(const Header& header);
  /// The line of the next step, with its end.
  std::string step(const Step& step);

 private:
  struct Told {
    path::PathView view;
    std::string interface;
  };
  nlohmann::json pairs_of(const Step& step);

  std::map<std::string, std::map<std::uint32_t, Told>> told_;  ///< by peer: the pairs of its newest list
};

}  // namespace causeway::replay
