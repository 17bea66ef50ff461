#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;
struct sockaddr_storage;

namespace causeway::net {

enum class Family : std::uint8_t { ipv4, ipv6 };

/// An IPv4 or IPv6 address as a value. A v4-mapped IPv6 address (::ffff:a.b.c.d) is always stored as the IPv4
/// address it means, so that no policy can be passed by spelling.
class IpAddress {
 public:
  constexpr IpAddress() = default;  // 0.0.0.0
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress v4(const std::array<std::uint8_t, 4>& octets);
  static IpAddress v6(const std::array<std::uint8_t, 16>& octets);
  /// nullopt unless `text` is one plain address (no port, no prefix, no zone).
  static std::optional<IpAddress> parse(std::string_view text);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::ipv4; }
  /// IPv4 address in host byte order; only for is_v4().
  std::uint32_t v4_value() const;
  /// 4 or 16 bytes in network order, borrowed from this object.
  const std::uint8_t* data() const { return octets_.data(); }
  std::size_t size() const { return is_v4() ? 4 : 16; }
  std::string to_string() const;

  bool is_unspecified() const;
  bool is_loopback() const;
  bool is_link_local() const;
  bool is_multicast() const;
  /// 255.255.255.255 only: subnet broadcasts depend on a prefix.
  bool is_broadcast() const;
  /// RFC 1918 and fc00::/7.
  bool is_private() const;
  /// An address that a candidate may have: unicast, not unspecified, loopback or broadcast.
  bool is_usable_unicast() const;

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  Family family_ = Family::ipv4;
  std::array<std::uint8_t, 16> octets_{};
};

/// A transport address: (IP address, UDP or TCP port).
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// "198.51.100.7:3478" or "[2001:db8::1]:3478".
  static std::optional<Endpoint> parse(std::string_view text);
  static std::optional<Endpoint> from_sockaddr(const sockaddr_storage& storage);
  /// Fills `storage`, returns the length to pass along.
  unsigned to_sockaddr(sockaddr_storage& storage) const;
  std::string to_string() const;

  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// An address block, "10.10.0.0/24". Bits behind the length are zero.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  static std::optional<Prefix> parse(std::string_view text);
  /// The block of `length` bits that holds `address`.
  static Prefix containing(const IpAddress& address, std::uint8_t length);
  bool contains(const IpAddress& candidate) const;
  bool overlaps(const Prefix& other) const;
  std::string to_string() const;

  friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;
};

/// Names one local *base* of this node: whatever sends and receives for a local candidate (RFC 8445
/// §5.1.1.1). Today the bound UDP socket of one local address; a transport plugin's allocation gets one
/// likewise. Never reused in a process.
enum class BaseId : std::uint32_t { none = 0 };

}  // namespace causeway::net

template <>
struct std::hash<causeway::net::IpAddress> {
  std::size_t operator()(const causeway::net::IpAddress& address) const noexcept;
};
template <>
struct std::hash<causeway::net::Endpoint> {
  std::size_t operator()(const causeway::net::Endpoint& endpoint) const noexcept;
};
