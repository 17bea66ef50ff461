#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/time.hpp"
#include "net/endpoint.hpp"
#include "protocol/messages.hpp"

namespace causeway::link {

/// The nodes whose changes this node wants to hear of, and what the server knows of that. One request under
/// way at a time, each with all that has piled up.
class Subscriptions {
 public:
  static constexpr std::size_t kMost = 4096;  // as the server allows

  /// False: too many.
  bool add(const net::IpAddress& address);
  void remove(const net::IpAddress& address);
  bool contains(const net::IpAddress& address) const { return wanted_.contains(address); }
  /// As last told; none when not wanted.
  std::optional<protocol::SubscriptionState> state(const net::IpAddress& address) const;
  void set_state(const protocol::Subscription& told);
  /// The other node is no more, and its subscribers with it.
  void forget(const net::IpAddress& address);

  /// A new registration: the server knows of none.
  void restart();
  /// The server has not done what the last batch asked for: all of it is to be sent again.
  void repeat(const std::vector<net::IpAddress>& addresses);
  bool has_news() const { return !to_begin_.empty() || !to_end_.empty(); }
  /// What to send next, taken out; those to be ended go first, as they make room.
  std::vector<net::IpAddress> take_to_end() { return take(to_end_); }
  std::vector<net::IpAddress> take_to_begin() { return take(to_begin_); }

 private:
  static std::vector<net::IpAddress> take(std::set<net::IpAddress>& from);

  std::map<net::IpAddress, protocol::SubscriptionState> wanted_;
  std::set<net::IpAddress> to_begin_;  ///< wanted, and the server was not told
  std::set<net::IpAddress> to_end_;    ///< not wanted any more, and the server may have it
};

}  // namespace causeway::link
