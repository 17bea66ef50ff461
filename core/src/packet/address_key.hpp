#pragma once

#include <cstdint>

#include "net/endpoint.hpp"
#include "packet/byte_order.hpp"

namespace causeway::packet {

/// An address as two integers, for comparing and hashing once per packet. IPv4 takes the place ::ffff:0:0/96,
/// which no IPv6 packet may use (IpView refuses it), so one table holds both families.
struct AddressKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  static AddressKey v4(const std::uint8_t* octets) { return {0, kMapped | load_be32(octets)}; }
  static AddressKey v6(const std::uint8_t* octets) { return {load_be64(octets), load_be64(octets + 8)}; }
  static AddressKey of(const net::IpAddress& address) {
    return address.is_v4() ? v4(address.data()) : v6(address.data());
  }

  bool is_v4() const { return high == 0 && low >> 32 == kMapped >> 32; }
  /// Keeps the first `bits` of 128; an IPv4 prefix of length n is 96 + n here.
  AddressKey masked(unsigned bits) const {
    if (bits == 0) return {};
    if (bits <= 64) return {high & ~std::uint64_t{0} << (64 - bits), 0};
    return {high, low & ~std::uint64_t{0} << (128 - bits)};
  }
  std::uint64_t hash() const {
    std::uint64_t mixed = (high * 0x9e3779b97f4a7c15u) ^ low;
    mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93u;
    return mixed ^ mixed >> 32;
  }
  net::IpAddress address() const;

  friend bool operator==(const AddressKey&, const AddressKey&) = default;

 private:
  static constexpr std::uint64_t kMapped = 0xffff00000000u;
};

}  // namespace causeway::packet
