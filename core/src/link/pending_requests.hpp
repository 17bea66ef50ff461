#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/time.hpp"
#include "net/endpoint.hpp"

namespace causeway::link {

enum class RequestKind : std::uint8_t {
  authenticate,
  register_node,
  update,
  query,
  connect,
  deregister,
  ping
};

/// A request on its way.
struct PendingRequest {
  RequestKind kind;
  SteadyTime deadline;
  net::IpAddress address = {};  ///< of a connect
};

/// Requests of one connection by id. Ids go on counting over connections, so that a late reply names nothing.
class PendingRequests {
 public:
  std::uint64_t add(RequestKind kind, SteadyTime deadline, const net::IpAddress& address = {}) {
    requests_.emplace(next_id_, PendingRequest{kind, deadline, address});
    return next_id_++;
  }
  std::optional<PendingRequest> take(std::uint64_t id) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) return std::nullopt;
    const PendingRequest taken = found->second;
    requests_.erase(found);
    return taken;
  }
  bool has(RequestKind kind) const {
    for (const auto& [id, request] : requests_) {
      if (request.kind == kind) return true;
    }
    return false;
  }
  /// Deadlines rise with the ids: all requests have the same time to be answered.
  std::optional<SteadyTime> first_deadline() const {
    if (requests_.empty()) return std::nullopt;
    return requests_.begin()->second.deadline;
  }
  void clear() { requests_.clear(); }

 private:
  std::map<std::uint64_t, PendingRequest> requests_;
  std::uint64_t next_id_ = 1;
};

}  // namespace causeway::link
