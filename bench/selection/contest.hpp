#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "plugin/executor.hpp"
#include "plugin/host.hpp"
#include "replay/run.hpp"
#include "selection/world.hpp"

namespace causeway::selection {

/// A priority plugin in the daemon's own host, which lives through worlds. It is fed second by second what a
/// daemon would see that uses the paths it chooses; the replay's engine chooses by the daemon's own rules and
/// counts by its yardstick (replay/cost.hpp).
class Contestant {
 public:
  struct Entry {
    std::filesystem::path file;
    std::string name;
    std::string parameters;  ///< its JSON object; empty: none
  };
  /// `scratch` is where the host keeps its copies.
  static Result<std::unique_ptr<Contestant>> enter(const Entry& entry, const std::filesystem::path& scratch);

  const std::string& name() const { return name_; }
  /// From a fresh connection to the end of the world. `trace`, if given, gets all that was seen.
  replay::Totals live_through(const World& world, replay::Trace* trace = nullptr);

 private:
  Contestant() = default;

  std::string name_;
  plugin::InlineExecutor executor_;
  std::optional<plugin::Host> host_;
};

}  // namespace causeway::selection
