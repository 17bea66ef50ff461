#include "packet/coalescer.hpp"

#include <array>
#include <functional>
#include <string_view>
#include <vector>

#include "input.hpp"
#include "packet/byte_order.hpp"
#include "packet/checksum.hpp"
#include "packet/segmenter.hpp"
#include "support/packet_builder.hpp"

namespace causeway::fuzz {

/// Cuts every frame again, as the kernel would, and keeps the packets.
struct Splitting final : packet::FrameSink {
  void write_frame(const tun::VnetHeader& header, MutableByteView frame,
                   std::size_t count) noexcept override {
    const auto view = packet::IpView::parse(frame);
    require(view.has_value(), "a frame is no packet");
    auto segmenter = packet::Segmenter::make(header, frame, *view);
    require(segmenter && segmenter->segments() == count, "a frame does not hold the packets it says");
    while (!segmenter->is_done()) {
      const MutableByteView packet = segmenter->next();
      packets.emplace_back(packet.begin(), packet.end());
    }
  }
  std::vector<Bytes> packets;
};

}  // namespace causeway::fuzz

// Packets of several flows, most of them in sequence, some broken: split again, each flow has the packets
// that went in, in order. IPv4 IDs of packets with DF may differ (RFC 6864).
CAUSEWAY_FUZZ_TARGET(coalescer) {
  using causeway::testing::PacketSpec;
  static Splitting sink;
  sink.packets.clear();
  static packet::Coalescer coalescer(sink, {});
  coalescer.set_options({(input.byte() & 1) == 0, (input.byte() & 1) == 0});
  std::vector<Bytes> given;
  std::array<std::uint32_t, 3> next_sequence{};
  for (int step = 0; step < 80 && !input.is_empty(); ++step) {
    const std::uint8_t what = input.byte();
    PacketSpec spec;
    const std::size_t flow = what % 3;
    spec.source_port = static_cast<std::uint16_t>(1000 + flow);
    spec.tcp = flow != 1;
    if (flow == 2) spec.source = "fd00::101", spec.destination = "fd00::102";
    const std::size_t length = (what & 4) != 0 ? 100 : input.byte();
    spec.payload.assign(length, static_cast<std::uint8_t>(step));
    spec.sequence = next_sequence[flow];
    if ((what & 8) != 0) spec.tcp_flags = input.byte();
    if ((what & 16) != 0) spec.ttl = input.byte();
    next_sequence[flow] += static_cast<std::uint32_t>(length);
    Bytes packet = causeway::testing::build(spec);
    if ((what & 32) != 0 && (what & 64) != 0) packet[input.byte() % packet.size()] ^= input.byte();
    const std::uint32_t origin = (what & 128) != 0 ? 1 : static_cast<std::uint32_t>(flow);
    const MutableByteView room = coalescer.prepare(packet.size() + 16, origin);
    std::copy(packet.begin(), packet.end(), room.begin());
    const auto view = packet::IpView::parse(room.first(packet.size() + 16));
    if (!view) {
      coalescer.abandon();
      continue;
    }
    given.emplace_back(view->packet().begin(), view->packet().end());
    coalescer.commit(*view, origin);
  }
  coalescer.flush();
  require(sink.packets.size() == given.size(), "a packet was lost or made up");
  // The same multiset without IPv4 ID and header checksum; a wrong L4 checksum must not have become right.
  const auto normal = [](std::vector<Bytes>& packets) {
    for (Bytes& packet : packets) {
      const bool has_df = packet[0] >> 4 == 4 && (packet[6] & 0x40) != 0;
      if (has_df && packet::checksum(ByteView(packet).first(
                        std::min<std::size_t>((packet[0] & 15u) * 4u, packet.size()))) == 0) {
        packet[4] = packet[5] = packet[10] = packet[11] = 0;
      }
    }
    std::vector<std::size_t> hashes;
    for (const Bytes& packet : packets)
      hashes.push_back(std::hash<std::string_view>{}(as_text(packet)));
    std::sort(hashes.begin(), hashes.end());
    return hashes;
  };
  require(normal(sink.packets) == normal(given), "a packet was changed");
}
