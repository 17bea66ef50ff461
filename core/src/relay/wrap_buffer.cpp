#include "relay/wrap_buffer.hpp"

#include <algorithm>
#include <cstring>

#include "plugin/host_services.hpp"

namespace causeway::relay {

WrapBuffer& WrapBuffer::of_this_thread() {
  thread_local WrapBuffer buffer;
  return buffer;
}

WrapBuffer::Wrapped WrapBuffer::wrap(plugin::LinkCodec& codec, const net::Endpoint& to,
                                     const dataplane::SendBatch& batch, std::size_t first) noexcept {
  const cw_address peer = plugin::to_c(to);
  // Whole cache lines, so that a packet's headroom is not another one's tail.
  const std::size_t slot =
      (CW_PACKET_HEADROOM + batch.segment_bytes + CW_PACKET_TAILROOM + std::size_t{63}) & ~std::size_t{63};
  const std::size_t room = std::min(kBytes / slot, plugin::LinkCodec::kMostPackets);
  const std::size_t count = std::min(room, batch.segments() - first);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = (first + i) * batch.segment_bytes;
    const ByteView segment =
        batch.bytes.subspan(at, std::min<std::size_t>(batch.segment_bytes, batch.bytes.size() - at));
    std::uint8_t* place = bytes_.get() + i * slot + CW_PACKET_HEADROOM;
    std::memcpy(place, segment.data(), segment.size());
    packets_[i] = {sizeof(cw_packet), static_cast<std::uint32_t>(segment.size()), place, peer,
                   CW_PACKET_DROP};
  }
  codec.wrap(std::span(packets_).first(count));
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (packets_[i].verdict != CW_PACKET_PASS) continue;
    datagrams_[kept] = {packets_[i].bytes, packets_[i].size};
    sources_[kept++] = first + i;
  }
  return {std::span(datagrams_).first(kept), count};
}

}  // namespace causeway::relay
