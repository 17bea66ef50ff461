#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_set>

#include "base/result.hpp"
#include "net/endpoint.hpp"

namespace causeway::server {

/// Which virtual addresses of a network are taken. Whom they belong to, and since when a freed one waits for
/// its owner, is the directory's business. IPv4.
class AddressPool {
 public:
  /// "10.10.0.0/24" (without network and broadcast address) or "10.10.0.101-10.10.0.250".
  static Result<AddressPool> parse(std::string_view text);

  /// The smallest prefix that covers the pool.
  const net::Prefix& on_link() const { return on_link_; }
  bool contains(const net::IpAddress& address) const;
  std::uint64_t size() const { return std::uint64_t{last_} - first_ + 1; }
  std::uint64_t taken() const { return taken_.size(); }

  /// False if it is taken already or none of this pool.
  bool take(const net::IpAddress& address);
  /// The lowest that is free; none when all are taken.
  std::optional<net::IpAddress> take_lowest();
  void give_back(const net::IpAddress& address);

 private:
  AddressPool(std::uint32_t first, std::uint32_t last, net::Prefix on_link)
      : first_(first), last_(last), on_link_(on_link), untouched_(first) {}

  std::uint32_t first_;
  std::uint32_t last_;
  net::Prefix on_link_;
  std::unordered_set<std::uint32_t> taken_;
  std::set<std::uint32_t> returned_;  // free ones below untouched_
  std::uint64_t untouched_;           // from here on free, unless in taken_
};

}  // namespace causeway::server
