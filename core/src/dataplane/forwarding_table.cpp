#include "dataplane/forwarding_table.hpp"

#include <algorithm>
#include <bit>
#include <functional>

namespace causeway::dataplane {

using packet::AddressKey;

ForwardingTable::ForwardingTable(const ForwardingSnapshot& snapshot) {
  for (const auto& address : snapshot.local_addresses)
    local_.push_back(AddressKey::of(address));
  for (const auto& prefix : snapshot.on_link)
    on_link_.push_back(block_of(prefix));
  slots_.resize(std::bit_ceil(snapshot.entries.size() * 2 + 2));
  for (const auto& entry : snapshot.entries) {
    if (entry.peer == PeerId::none) continue;
    const Block block = block_of(entry.prefix);
    insert(block, entry);
    (entry.prefix.address.is_v4() ? lengths_v4_ : lengths_v6_).push_back(block.bits);
  }
  for (auto* lengths : {&lengths_v4_, &lengths_v6_}) {
    std::sort(lengths->begin(), lengths->end(), std::greater<>());
    lengths->erase(std::unique(lengths->begin(), lengths->end()), lengths->end());
  }
}

const ForwardingTable::Slot* ForwardingTable::slot_of(const AddressKey& address) const {
  for (const std::uint8_t bits : address.is_v4() ? lengths_v4_ : lengths_v6_) {
    const AddressKey base = address.masked(bits);
    for (std::size_t at = home(base, bits);; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.peer == PeerId::none) break;
      if (slot.base == base && slot.bits == bits) return &slot;
    }
  }
  return nullptr;
}

bool ForwardingTable::is_on_link(const AddressKey& address) const {
  return std::any_of(on_link_.begin(), on_link_.end(),
                     [&](const Block& block) { return block.contains(address); });
}

bool ForwardingTable::is_subnet_broadcast(const AddressKey& address) const {
  if (!address.is_v4()) return false;
  return std::any_of(on_link_.begin(), on_link_.end(), [&](const Block& block) {
    if (!block.base.is_v4() || block.bits > 126) return false;  // RFC 3021: a /31 has no broadcast address
    const std::uint64_t host_bits = ~(~std::uint64_t{0} << (128 - block.bits));
    return block.contains(address) && (address.low & host_bits) == host_bits;
  });
}

ForwardingTable::Block ForwardingTable::block_of(const net::Prefix& prefix) {
  const auto bits = static_cast<std::uint8_t>(prefix.length + (prefix.address.is_v4() ? 96 : 0));
  return {AddressKey::of(prefix.address).masked(bits), bits};
}

std::size_t ForwardingTable::home(const AddressKey& base, std::uint8_t bits) const {
  return (base.hash() + bits * 0x9e3779b97f4a7c15u) & (slots_.size() - 1);
}

void ForwardingTable::insert(const Block& block, const ForwardingEntry& entry) {
  std::size_t at = home(block.base, block.bits);
  while (slots_[at].peer != PeerId::none &&
         !(slots_[at].base == block.base && slots_[at].bits == block.bits)) {
    at = (at + 1) & (slots_.size() - 1);
  }
  slots_[at] = {block.base, block.bits, entry.loop, entry.peer};
}

}  // namespace causeway::dataplane
