#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "packet/ip_view.hpp"

namespace causeway::packet {

/// Large enough for every message made here (RFC 4443 §2.4c: the minimum IPv6 MTU).
inline constexpr std::size_t kMostIcmpBytes = 1280;

// Both write an IP packet to `out` (at least kMostIcmpBytes) that tells `offending`'s sender what became of
// it, and return its length; 0 when none may be sent: about ICMP errors, later fragments, multicast (RFC 1122
// §3.2.2, RFC 4443 §2.4e). It seems to come from where the packet was going: the kernel takes no packet from
// one of its own addresses.

/// "Host unreachable", "address unreachable".
std::size_t make_unreachable(const IpView& offending, MutableByteView out);
/// "Fragmentation needed" (RFC 1191 §4), "packet too big". `mtu`: what would get through.
std::size_t make_too_big(const IpView& offending, std::uint16_t mtu, MutableByteView out);

/// A token bucket over all ICMP that a node tells its own programs.
class IcmpLimiter {
 public:
  static constexpr std::int64_t kPerSecond = 100;
  static constexpr std::int64_t kBurst = 100;
  bool allow(SteadyTime now);

 private:
  std::int64_t tokens_ = kBurst;
  SteadyTime refilled_{};
};

}  // namespace causeway::packet
