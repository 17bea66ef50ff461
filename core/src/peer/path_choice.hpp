#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "path/path.hpp"
#include "path/path_chooser.hpp"

namespace causeway::peer {

/// What happened to the choice of a peer's path, for whoever records it (docs/replay.md): told in the order
/// in which it happened, scores that were asked for among it, while PeerContext::tells_choices.
struct PathChoice {
  enum class Kind : std::uint8_t {
    stands,  ///< how things are as the telling begins
    scored,  ///< the answer to the newest question was taken
    chosen,  ///< a choice was made, the same as before or another
    ended,   ///< everything about the paths is forgotten
  };
  Kind kind = Kind::chosen;
  Now now{};
  // Of `stands` and `chosen`.
  std::vector<path::PathView> paths = {};  ///< valid ones, and the one in use before
  std::optional<std::uint32_t> gone = {};  ///< that one, if it is no longer valid
  path::PathChooser::Input input = {};
  // Of `stands`.
  path::PathChooser::Standing standing = {};
  // Of `chosen`.
  path::Selection selection = {};
  // Of `scored`.
  std::string stack = {};
};

}  // namespace causeway::peer
