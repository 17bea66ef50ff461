#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "server/src/core/model.hpp"

namespace causeway::server {

/// Given by the driver, never used twice.
enum class ConnectionId : std::uint64_t { none = 0 };
enum class CommitId : std::uint64_t {};

/// A line without its LF. Shared, as one notification goes to many.
struct SendLine {
  ConnectionId connection;
  std::shared_ptr<const std::string> line;
};
/// Sends what is queued, then closes. on_closed() does not follow: the core has forgotten the connection.
struct Close {
  ConnectionId connection;
  std::string reason;
};
/// The node has proven who it is: its lines may be long.
struct RaiseLineLimit {
  ConnectionId connection;
};
/// To be stored all or nothing; on_committed() answers.
struct Commit {
  CommitId id;
  std::vector<Change> changes;
};
using Action = std::variant<SendLine, Close, RaiseLineLimit, Commit>;

}  // namespace causeway::server
