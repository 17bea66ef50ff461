#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "server/src/core/model.hpp"

namespace causeway::server {

/// Where the durable facts are. Read once at the start, then only written.
class Store {
 public:
  /// None: stored, and still there after a power cut.
  using Done = std::function<void(std::optional<Error>)>;

  virtual ~Store() = default;
  virtual Result<Snapshot> load() = 0;
  /// Writes all of them or none, in order of the calls. `done` comes exactly once, on any thread.
  virtual void commit(std::vector<Change> changes, Done done) = 0;
};

}  // namespace causeway::server
