#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/messages.hpp"
#include "packet/address_key.hpp"

namespace causeway::dataplane {

/// A ForwardingSnapshot compiled for look-ups per packet: all entries in one hash table, probed once per
/// prefix length in use, longest first. With plain virtual addresses (all /32 and /128) that is one probe.
class ForwardingTable {
 public:
  ForwardingTable() = default;
  explicit ForwardingTable(const ForwardingSnapshot& snapshot);

  /// The peer whose longest prefix holds `address`; none.
  PeerId find(const packet::AddressKey& address) const {
    const Slot* slot = slot_of(address);
    return slot ? slot->peer : PeerId::none;
  }
  /// The data loop that owns that peer; nullopt when there is none.
  std::optional<unsigned> find_loop(const packet::AddressKey& address) const {
    const Slot* slot = slot_of(address);
    return slot ? std::optional<unsigned>{slot->loop} : std::nullopt;
  }
  bool is_local(const packet::AddressKey& address) const {
    for (const auto& local : local_) {
      if (local == address) return true;
    }
    return false;
  }
  bool is_on_link(const packet::AddressKey& address) const;
  /// The last address of an IPv4 on-link prefix: its broadcast address (RFC 919 §7).
  bool is_subnet_broadcast(const packet::AddressKey& address) const;

 private:
  struct Block {
    packet::AddressKey base;
    std::uint8_t bits = 0;  ///< of 128; IPv4 prefixes are 96 longer
    bool contains(const packet::AddressKey& address) const {
      return address.is_v4() == base.is_v4() && address.masked(bits) == base;
    }
  };
  struct Slot {
    packet::AddressKey base;
    std::uint8_t bits = 0;
    std::uint8_t loop = 0;
    PeerId peer = PeerId::none;  ///< none: empty
  };

  static Block block_of(const net::Prefix& prefix);
  std::size_t home(const packet::AddressKey& base, std::uint8_t bits) const;
  const Slot* slot_of(const packet::AddressKey& address) const;
  void insert(const Block& block, const ForwardingEntry& entry);

  std::vector<Slot> slots_;
  std::vector<std::uint8_t> lengths_v4_, lengths_v6_;  ///< in use, longest first
  std::vector<packet::AddressKey> local_;
  std::vector<Block> on_link_;
};

}  // namespace causeway::dataplane
