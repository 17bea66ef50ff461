#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/carrier.hpp"
#include "plugin/link_codec.hpp"

namespace causeway::relay {

/// Where datagrams get a link's framing: copies with room on both sides, one call of the codec for all of
/// them. One for each thread that sends; nothing is allocated after its making.
class WrapBuffer {
 public:
  WrapBuffer() : bytes_(std::make_unique<std::uint8_t[]>(kBytes)) {}
  /// That of the calling thread.
  static WrapBuffer& of_this_thread();

  struct Wrapped {
    std::span<const ByteView> datagrams;  ///< what is to be sent, in order; borrowed until the next call
    std::size_t consumed = 0;             ///< segments of the batch that were looked at, dropped ones too
  };
  /// As many segments as there is room for, from number `first` on.
  Wrapped wrap(plugin::LinkCodec& codec, const net::Endpoint& to, const dataplane::SendBatch& batch,
               std::size_t first) noexcept;
  /// Which segment of the batch datagrams[i] came from.
  std::size_t segment_of(std::size_t i) const { return sources_[i]; }

 private:
  static constexpr std::size_t kBytes = 128 * 1024;

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::array<cw_packet, plugin::LinkCodec::kMostPackets> packets_{};
  std::array<ByteView, plugin::LinkCodec::kMostPackets> datagrams_;
  std::array<std::size_t, plugin::LinkCodec::kMostPackets> sources_{};
};

}  // namespace causeway::relay
