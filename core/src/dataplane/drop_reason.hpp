#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace causeway::dataplane {

// Every packet that is not delivered is counted under one of these, and `causeway metrics` prints them all.
// clang-format off
#define CAUSEWAY_DROP_REASONS(X)                                                                       \
  X(tun_malformed,         "read from the TUN: not an IPv4 or IPv6 packet")                            \
  X(tun_not_unicast,       "read from the TUN: multicast or broadcast destination")                    \
  X(tun_write_failed,      "the kernel refused a packet written to the TUN")                           \
  X(no_such_peer,          "no node of the network has the destination address")                       \
  X(stage_full,            "waiting for a path: the queue was full, the oldest went")                  \
  X(stage_expired,         "waiting for a path: 15 s passed")                                          \
  X(source_not_ours,       "read from the TUN: the source is none of our virtual addresses")           \
  X(too_big,               "larger than the path carries; ICMP told the sender")                       \
  X(no_path,               "the path went away while the packet was on its way")                       \
  X(send_failed,           "the real NIC refused a datagram")                                          \
  X(send_would_block,      "the real NIC's send buffer was full")                                      \
  X(loop_queue_full,       "handed to the data loop that owns the peer: its queue was full")            \
  X(udp_unknown_class,     "received: neither STUN, ChannelData nor a message of ours")                \
  X(control_queue_full,    "received: STUN faster than it can be answered")                            \
  X(handshake_queue_full,  "received: handshake messages faster than they can be answered")            \
  X(path_queue_full,       "received: path messages faster than they can be answered")                 \
  X(unknown_index,         "received: no session has this receiver index")                             \
  X(message_malformed,     "received: too short for what it claims to be")                             \
  X(bad_tag,               "received: not sealed with this session's key")                             \
  X(replayed,              "received: seen before, or older than the window")                          \
  X(key_expired,           "received: sealed with a key that has expired")                             \
  X(inner_malformed,       "received: the inner packet is not IPv4 or IPv6, or its length lies")       \
  X(source_not_allowed,    "received: the inner source is not an address of this peer")                \
  X(congestion,            "received: marked by a congested router, and the inner sender knows no ECN")   \
  X(piece_lost,            "received: half of a packet, and the other half never came")                \
  X(destination_not_ours,  "received: the inner destination is none of our virtual addresses")

enum class DropReason : std::uint8_t {
#define X(name, text) name,
  CAUSEWAY_DROP_REASONS(X)
#undef X
};

inline constexpr std::array kDropReasonNames{
#define X(name, text) std::string_view{#name},
    CAUSEWAY_DROP_REASONS(X)
#undef X
};

inline constexpr std::array kDropReasonTexts{
#define X(name, text) std::string_view{text},
    CAUSEWAY_DROP_REASONS(X)
#undef X
};
// clang-format on

inline constexpr std::size_t kDropReasons = kDropReasonNames.size();

/// Written by one data loop, read by anybody: relaxed, each counter exact, no consistent moment across
/// counters.
class DropCounters {
 public:
  void add(DropReason reason, std::uint64_t packets = 1) {
    auto& counter = counts_[static_cast<std::size_t>(reason)];
    counter.store(counter.load(std::memory_order_relaxed) + packets, std::memory_order_relaxed);
  }
  std::uint64_t get(DropReason reason) const {
    return counts_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, kDropReasons> counts_{};
};

}  // namespace causeway::dataplane
