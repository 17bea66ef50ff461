#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
  ping,
  change_friend,
  subscribe,
  unsubscribe,
  answer_subscribers,
  report
};

/// A request on its way.
struct PendingRequest {
  RequestKind kind;
  SteadyTime deadline;
  net::IpAddress address = {};  ///< of a connect
  std::uint64_t ticket = 0;     ///< of a change_friend
};

/// Requests of one connection by id. Ids go on counting over connections, so that a late reply names nothing.
class PendingRequests {
 public:
  std::uint64_t add(RequestKind kind, SteadyTime deadline, const net::IpAddress& address = {},
                    std::uint64_t ticket = 0) {
    requests_.emplace(next_id_, PendingRequest{kind, deadline, address, ticket});
    return next_id_++;
  }
  std::optional<PendingRequest> take(std::uint64_t id) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) return std::nullopt;
    const PendingRequest taken = found->second;
    requests_.erase(found);
    return taken;
  }
  /// Of the changes that will get no answer any more.
  std::vector<std::uint64_t> tickets() const {
    std::vector<std::uint64_t> tickets;
    for (const auto& [id, request] : requests_) {
      if (request.kind == RequestKind::change_friend) tickets.push_back(request.ticket);
    }
    return tickets;
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
