#pragma once

#include <deque>
#include <string>

#include "net/endpoint.hpp"
#include "stun/message.hpp"

namespace causeway::ice {

/// An authentic request that was answered before its consequences could be drawn.
struct EarlyCheck {
  std::string ufrag;  ///< the sender's
  net::BaseId base = net::BaseId::none;
  net::Endpoint from;
  stun::BindingRequest request;
};

/// Checks that came before the peer's credentials or our candidate of their base (RFC 8445 §7.3, last
/// paragraph), the newest of each sender ufrag, base and source; bounded, the oldest goes.
class EarlyChecks {
 public:
  static constexpr std::size_t kMaxChecks = 32;

  void remember(EarlyCheck check);
  /// Takes out those of one sender, oldest first.
  std::deque<EarlyCheck> take(const std::string& ufrag);

 private:
  std::deque<EarlyCheck> checks_;
};

}  // namespace causeway::ice
