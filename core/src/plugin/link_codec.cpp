#include "plugin/link_codec.hpp"

#include <chrono>
#include <cstring>

namespace causeway::plugin {

namespace {

/// Where a packet may be: what the plugin says of it is compared with this, as addresses, since a lie need
/// not point into any object of ours.
struct Room {
  std::uintptr_t begin = 0, end = 0;
  bool holds(const cw_packet& packet) const {
    const auto at = reinterpret_cast<std::uintptr_t>(packet.bytes);
    return at >= begin && at <= end && packet.size <= end - at;
  }
};

std::uint64_t nanoseconds_now() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

void drop_all(std::span<cw_packet> packets) {
  for (cw_packet& packet : packets)
    packet.verdict = CW_PACKET_DROP;
}

bool is_address(const cw_address& address) {
  return (address.family == 4 || address.family == 6) && address.port != 0;
}

}  // namespace

/// One call of a data thread, while it lasts.
class InstanceCodec::Call {
 public:
  explicit Call(InstanceCodec& codec) : use_(*codec.use_) {
    // Announced before the look at the flag, as close() sets the flag before the look at the count: one of
    // the two sees the other.
    use_.in_flight.fetch_add(1, std::memory_order_seq_cst);
    may_begin_ = !codec.is_closed_.load(std::memory_order_seq_cst);
    if (may_begin_) began_ = nanoseconds_now();
  }
  ~Call() {
    if (may_begin_) {
      const std::uint64_t took = nanoseconds_now() - began_;
      use_.calls.fetch_add(1, std::memory_order_relaxed);
      use_.busy_ns.fetch_add(took, std::memory_order_relaxed);
      if (took > use_.slowest_ns.load(std::memory_order_relaxed))
        use_.slowest_ns.store(took, std::memory_order_relaxed);
    }
    use_.in_flight.fetch_sub(1, std::memory_order_release);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  explicit operator bool() const { return may_begin_; }

 private:
  DataUse& use_;
  bool may_begin_ = false;
  std::uint64_t began_ = 0;
};

void InstanceCodec::finish(cw_status status, std::span<cw_packet> packets) noexcept {
  if (status == CW_OK) return;
  use_->failures.fetch_add(1, std::memory_order_relaxed);
  drop_all(packets);
}

void InstanceCodec::wrap(std::span<cw_packet> packets) noexcept {
  std::array<Room, kMostPackets> rooms;
  packets = packets.first(std::min(packets.size(), kMostPackets));
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const auto at = reinterpret_cast<std::uintptr_t>(packets[i].bytes);
    rooms[i] = {at - CW_PACKET_HEADROOM, at + packets[i].size + CW_PACKET_TAILROOM};
  }
  const Call call(*this);
  if (!call || table_.wrap == nullptr) return drop_all(packets);
  const cw_mutable_array array = {packets.data(), static_cast<std::uint32_t>(packets.size()),
                                  sizeof(cw_packet)};
  finish(table_.wrap(instance_, link_, &array), packets);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    cw_packet& packet = packets[i];
    if (packet.verdict == CW_PACKET_DROP) continue;
    if (packet.verdict == CW_PACKET_PASS && packet.size > 0 && rooms[i].holds(packet)) continue;
    use_->breaches.fetch_add(1, std::memory_order_relaxed);
    packet.verdict = CW_PACKET_DROP;
  }
}

void InstanceCodec::unwrap(std::span<cw_packet> packets) noexcept {
  std::array<Room, kMostPackets> rooms;
  packets = packets.first(std::min(packets.size(), kMostPackets));
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const auto at = reinterpret_cast<std::uintptr_t>(packets[i].bytes);
    rooms[i] = {at, at + packets[i].size};
  }
  const Call call(*this);
  if (!call || table_.unwrap == nullptr) return drop_all(packets);
  const cw_mutable_array array = {packets.data(), static_cast<std::uint32_t>(packets.size()),
                                  sizeof(cw_packet)};
  finish(table_.unwrap(instance_, link_, &array), packets);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    cw_packet& packet = packets[i];
    if (packet.verdict == CW_PACKET_DROP) continue;
    const bool is_known =
        packet.verdict == CW_PACKET_CONTROL || (packet.verdict == CW_PACKET_PASS && is_address(packet.peer));
    if (is_known && rooms[i].holds(packet)) continue;
    use_->breaches.fetch_add(1, std::memory_order_relaxed);
    packet.verdict = CW_PACKET_DROP;
  }
}

std::int64_t InstanceCodec::frame(ByteView bytes) noexcept {
  const Call call(*this);
  if (!call || table_.frame == nullptr) return -1;
  const std::int64_t length = table_.frame(instance_, bytes.data(), bytes.size());
  return length > static_cast<std::int64_t>(CW_MAX_STREAM_MESSAGE) ? -1 : length;
}

}  // namespace causeway::plugin
