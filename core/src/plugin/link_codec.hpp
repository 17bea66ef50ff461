#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.hpp"
#include "causeway/ext/transport.h"
#include "net/endpoint.hpp"

namespace causeway::plugin {

/// What a transport does to the packets of one link, as the link's driver calls it. From any data thread,
/// several at a time. Afterwards every packet lies inside the room it was given, whatever the plugin did.
class LinkCodec {
 public:
  static constexpr std::size_t kMostPackets = 64;  ///< of one call

  virtual ~LinkCodec() = default;
  /// Each packet has CW_PACKET_HEADROOM bytes of the caller's in front of it, CW_PACKET_TAILROOM behind.
  virtual void wrap(std::span<cw_packet> packets) noexcept = 0;
  virtual void unwrap(std::span<cw_packet> packets) noexcept = 0;
  /// Length of the first message; 0: incomplete; negative: not the plugin's protocol, close the link.
  virtual std::int64_t frame(ByteView bytes) noexcept = 0;
};

/// Calls of data threads into one instance: how many are under way, and what came of them. Outlives the
/// instance as long as a codec does.
struct DataUse {
  std::atomic<std::uint32_t> in_flight{0};
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> failures{0};  ///< a failure status: the packets were dropped
  std::atomic<std::uint64_t> breaches{0};  ///< packets put where they may not be: dropped
  std::atomic<std::uint64_t> busy_ns{0};   ///< of all calls
  std::atomic<std::uint64_t> slowest_ns{0};
};

/// The codec that calls a plugin. Counts and times each call.
class InstanceCodec final : public LinkCodec {
 public:
  InstanceCodec(cw_transport table, cw_instance* instance, std::uint32_t link, std::shared_ptr<DataUse> use)
      : table_(table), instance_(instance), link_(link), use_(std::move(use)) {}

  void wrap(std::span<cw_packet> packets) noexcept override;
  void unwrap(std::span<cw_packet> packets) noexcept override;
  std::int64_t frame(ByteView bytes) noexcept override;

  /// No call begins any more. When in_flight of the instance is zero afterwards, none is under way either.
  /// [thread-safe]
  void close() { is_closed_.store(true, std::memory_order_seq_cst); }

 private:
  class Call;
  void finish(cw_status status, std::span<cw_packet> packets) noexcept;

  cw_transport table_;
  cw_instance* instance_;
  std::uint32_t link_;
  std::shared_ptr<DataUse> use_;
  std::atomic<bool> is_closed_{false};
};

}  // namespace causeway::plugin
