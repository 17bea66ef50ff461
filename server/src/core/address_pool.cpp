#include "server/src/core/address_pool.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

namespace causeway::server {
namespace {

Error bad_pool(std::string_view text, std::string_view why) {
  return {"pool \"" + std::string(text) + "\": " + std::string(why) +
          "; give 10.10.0.0/24 or 10.10.0.101-10.10.0.250"};
}

std::uint32_t last_of(const net::Prefix& prefix) {
  const std::uint64_t hosts = std::uint64_t{1} << (32 - prefix.length);
  return static_cast<std::uint32_t>(prefix.address.v4_value() + hosts - 1);
}

}  // namespace

Result<AddressPool> AddressPool::parse(std::string_view text) {
  net::Prefix on_link;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    const auto low = net::IpAddress::parse(text.substr(0, dash));
    const auto high = net::IpAddress::parse(text.substr(dash + 1));
    if (!low || !high) return bad_pool(text, "not two addresses");
    if (!low->is_v4() || !high->is_v4()) return bad_pool(text, "only IPv4 pools are supported");
    first = low->v4_value();
    last = high->v4_value();
    if (first > last) return bad_pool(text, "the first address is above the last");
    on_link = net::Prefix::containing(*low, static_cast<std::uint8_t>(std::countl_zero(first ^ last)));
    // A kernel takes the ends of a prefix for network and broadcast: every address of the range must lie
    // between.
    while (on_link.length < 31 && on_link.length > 8 &&
           (first == on_link.address.v4_value() || last == last_of(on_link))) {
      on_link = net::Prefix::containing(*low, static_cast<std::uint8_t>(on_link.length - 1));
    }
  } else {
    const auto prefix = net::Prefix::parse(text);
    if (!prefix) return bad_pool(text, "neither a prefix (bits behind its length must be 0) nor a range");
    if (!prefix->address.is_v4()) return bad_pool(text, "only IPv4 pools are supported");
    on_link = *prefix;
    first = prefix->address.v4_value();
    last = last_of(*prefix);
  }
  if (on_link.length < 8) return bad_pool(text, "larger than a /8");
  // RFC 3021: a /31 has neither network nor broadcast address.
  if (on_link.length < 31) {
    first = std::max(first, on_link.address.v4_value() + 1);
    last = std::min(last, last_of(on_link) - 1);
  }
  if (!net::IpAddress::v4(first).is_usable_unicast() || !net::IpAddress::v4(last).is_usable_unicast()) {
    return bad_pool(text, "not unicast addresses");
  }
  return AddressPool(first, last, on_link);
}

bool AddressPool::contains(const net::IpAddress& address) const {
  return address.is_v4() && address.v4_value() >= first_ && address.v4_value() <= last_;
}

bool AddressPool::take(const net::IpAddress& address) {
  if (!contains(address) || !taken_.insert(address.v4_value()).second) return false;
  returned_.erase(address.v4_value());
  return true;
}

std::optional<net::IpAddress> AddressPool::take_lowest() {
  if (returned_.empty()) {
    while (untouched_ <= last_ && taken_.contains(static_cast<std::uint32_t>(untouched_)))
      ++untouched_;
    if (untouched_ > last_) return std::nullopt;
    returned_.insert(static_cast<std::uint32_t>(untouched_++));
  }
  const auto address = net::IpAddress::v4(*returned_.begin());
  take(address);
  return address;
}

void AddressPool::give_back(const net::IpAddress& address) {
  if (!address.is_v4() || taken_.erase(address.v4_value()) == 0) return;
  if (address.v4_value() < untouched_) returned_.insert(address.v4_value());
}

}  // namespace causeway::server
