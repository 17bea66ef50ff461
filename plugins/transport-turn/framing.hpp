#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "causeway/ext/transport.h"
#include "route_table.hpp"

/// What stands around a peer's datagram on a link: ChannelData (RFC 8656 §12.4), or a Send or Data indication
/// (§11). Runs on data threads: no allocation, no lock, no clock.
namespace transport_turn {

/// Why a packet went nowhere.
enum class Drop : std::uint8_t {
  no_permission,    ///< to a peer whom the server does not let through (yet)
  too_long,         ///< to a peer; more than the length fields hold
  malformed,        ///< from the link; neither STUN nor ChannelData, or its lengths do not fit
  unbound_channel,  ///< from the link; we never asked for that channel
  not_permitted,    ///< from the link; a Data indication of somebody we never let in
  not_ours,         ///< of a link that is not there any more
};
inline constexpr std::size_t kDropKinds = 6;
std::string_view to_text(Drop drop);

/// Several threads count.
class DropCounters {
 public:
  void count(Drop drop) { counts_[static_cast<std::size_t>(drop)].fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t of(Drop drop) const {
    return counts_[static_cast<std::size_t>(drop)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, kDropKinds> counts_{};
};

/// The most that ChannelData adds in front: what a path through a UDP link is smaller by.
inline constexpr std::uint32_t kChannelHeaderBytes = 4;

/// Frames one packet for its peer. `id` makes the transaction id of a Send indication, which nobody answers.
void wrap(cw_packet& packet, const RouteTable& routes, std::uint64_t id, DropCounters& drops);
/// Takes the frame off, or says that the packet is a message of the server.
void unwrap(cw_packet& packet, const RouteTable& routes, DropCounters& drops);

/// As cw_transport::frame: §12.4 and RFC 8489 §5 tell the two apart by the first two bits.
std::int64_t frame(const std::uint8_t* bytes, std::size_t size);

}  // namespace transport_turn
