#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "causeway/entry.h"
#include "causeway/ext/candidate-source.h"
#include "causeway/ext/transport.h"
#include "causeway/host.h"
#include "ice/candidate.hpp"
#include "net/endpoint.hpp"

namespace causeway::plugin {

/// What an instance asked of the host during one call. Carried out on the control thread after the call, so
/// that a call that is overtaken has asked for nothing.
namespace request {
struct SetTimer {
  std::uint32_t timer;
  SteadyTime deadline;
};
struct CancelTimer {
  std::uint32_t timer;
};
struct Send {
  net::BaseId base;
  net::Endpoint to;
  Bytes bytes;
};
struct Found {
  net::BaseId base;
  ice::CandidateType type;
  net::Endpoint address;
};
struct Lost {
  net::BaseId base;
  net::Endpoint address;
};
struct Done {};
// Of transports. `serial` names a link for good: its id may be used again.
struct OpenLink {
  std::uint32_t link;
  std::uint32_t serial;
  net::BaseId base;
  std::uint32_t kind;  ///< CW_LINK_…
  net::Endpoint server;
  std::string server_name;
  bool verify;
};
struct CloseLink {
  std::uint32_t serial;
};
struct SendOnLink {
  std::uint32_t serial;
  Bytes bytes;
};
struct Allocated {
  std::uint32_t serial;
  net::Endpoint relayed;
  std::optional<net::Endpoint> mapped;
  std::string label;
  std::uint32_t overhead;
};
struct AllocationLost {
  std::uint32_t serial;
  std::string reason;
};
}  // namespace request
using Request = std::variant<request::SetTimer, request::CancelTimer, request::Send, request::Found,
                             request::Lost, request::Done, request::OpenLink, request::CloseLink,
                             request::SendOnLink, request::Allocated, request::AllocationLost>;

/// The host as one instance sees it: the cw_host object and the services behind it. Belongs to the plugin
/// thread, except where said.
class ServiceHost {
 public:
  /// `kind`: CW_KIND_…, decides which services there are.
  explicit ServiceHost(std::string name, std::uint64_t seed = 0,
                       std::uint32_t kind = CW_KIND_CANDIDATE_SOURCE);
  ServiceHost(const ServiceHost&) = delete;
  ServiceHost& operator=(const ServiceHost&) = delete;

  const cw_host* host() const { return &host_; }

  /// A call into the instance begins: this is its moment.
  void begin(Now now);
  /// The moment of the last call. [thread-safe]
  Now moment() const;
  /// The call is over: what it asked for.
  std::vector<Request> take() {
    message_bytes_ = 0;
    return std::exchange(requests_, {});
  }
  /// What the plugin logs from here on is for whoever looks for faults: it is asked made-up questions.
  void mute() { is_muted_ = true; }
  /// From here on services that do something refuse.
  void drain() { is_drained_ = true; }

  /// Whether the plugin has this link, and it is still the one of this serial number.
  bool has_link(std::uint32_t link, std::uint32_t serial) const {
    const auto at = links_.find(link);
    return at != links_.end() && at->second == serial;
  }
  /// The link has ended: its id is free. False: the plugin had closed it already.
  bool forget_link(std::uint32_t serial) {
    return std::erase_if(links_, [serial](const auto& item) { return item.second == serial; }) > 0;
  }

  /// `wake` is called from any thread when something was posted; empty: posting is refused. [thread-safe]
  void set_wake(std::function<void()> wake);
  /// Runs what was posted.
  void run_posted();

  struct Services;  // the C side, in the source file

 private:
  std::string name_;
  std::uint32_t kind_;
  cw_host host_{};
  Now now_{};
  std::vector<Request> requests_;
  std::set<std::pair<net::BaseId, net::Endpoint>> held_;  ///< found and not lost
  std::map<std::uint32_t, std::uint32_t> links_;          ///< open ones of a transport: id to serial number
  std::uint32_t last_serial_ = 0;
  std::size_t message_bytes_ = 0;  ///< of the messages asked for in this call
  bool is_drained_ = false;
  bool is_muted_ = false;
  std::uint64_t seed_;
  std::uint64_t drawn_ = 0;  ///< blocks of randomness given

  std::recursive_mutex
      wake_mutex_;  ///< held while waking, so that set_wake({}) waits for that; posts may nest
  std::function<void()> wake_;
  mutable std::mutex posted_mutex_;  ///< guards posted_ and the writing of now_
  std::vector<std::pair<void (*)(void*), void*>> posted_;
};

/// Conversions of addresses; nullopt for what is not family 4 or 6.
cw_address to_c(const net::Endpoint& endpoint);
std::optional<net::Endpoint> from_c(const cw_address& address);

}  // namespace causeway::plugin
