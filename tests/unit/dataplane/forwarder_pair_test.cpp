#include <map>

#include "forwarder_fixture.hpp"
#include "packet/checksum.hpp"
#include "packet/segmenter.hpp"

namespace causeway::dataplane {
namespace {

/// Everything written to a TUN, cut into packets; per source port, as different flows may overtake each
/// other.
std::map<std::uint16_t, std::vector<Bytes>> packets_by_port(const FakeTun& tun) {
  std::map<std::uint16_t, std::vector<Bytes>> packets;
  for (auto frame : tun.written) {
    auto segmenter =
        packet::Segmenter::make(frame.header, frame.packet, *packet::IpView::parse(frame.packet));
    EXPECT_TRUE(segmenter);
    while (segmenter && !segmenter->is_done()) {
      const auto segment = segmenter->next();
      const auto port = packet::load_be16(packet::IpView::parse(segment)->payload().data());
      packets[port].emplace_back(segment.begin(), segment.end());
    }
  }
  return packets;
}

Bytes without_id(Bytes packet) {
  if (packet[0] >> 4 == 4 && (packet[6] & 0x40)) {
    packet[4] = packet[5] = 0;
    packet::write_ipv4_checksum(packet.data(), 20);
  }
  return packet;
}

INSTANTIATE_TEST_SUITE_P(Forwarder, EveryFormat, every_format(), name_of_format);

TEST_P(EveryFormat, CarriesRandomPacketsOfBothFamiliesUnchanged) {
  connect();
  far.receive(sealed({}));  // confirms the responder's keypair
  forger.reset();
  near.tell(ErasePeerKeypairs{kPeer});
  far.tell(ErasePeerKeypairs{kPeer});
  keys = make_keypairs(0x33333333, 0x44444444, near.now.steady);
  if (GetParam()) use_compact(*GetParam());
  install(near);
  install(far);
  near.tell(SendPeerKeepalive{kPeer});
  hand_over(near, far);

  SeededRandom random(12);
  std::map<std::uint16_t, std::vector<Bytes>> sent_near, sent_far;
  std::map<std::uint16_t, std::uint32_t> sequence;
  for (int round = 0; round < 400; ++round) {
    Node& from = random.below(2) ? near : far;
    Node& to = &from == &near ? far : near;
    auto& sent = &from == &near ? sent_near : sent_far;
    for (std::uint64_t frames = 1 + random.below(6); frames > 0; --frames) {
      PacketSpec spec;
      spec.tcp = random.below(2);
      // A port has one family and protocol, so that it is one flow.
      spec.source_port = static_cast<std::uint16_t>(random.below(5) * 4 + (spec.tcp ? 1 : 0));
      spec.source = from.own_address, spec.destination = to.own_address;
      if (random.below(2)) {
        spec.source_port = static_cast<std::uint16_t>(spec.source_port + 2);
        spec.source = from.own_v6(), spec.destination = to.own_v6();
      }
      spec.payload.resize(1 + random.below(random.below(4) ? 1350 : 20000));
      random.fill(spec.payload);
      spec.sequence = sequence[spec.source_port];
      sequence[spec.source_port] += static_cast<std::uint32_t>(spec.payload.size());
      if (random.below(4) == 0) spec.tcp_flags |= 0x08;
      if (random.below(8) == 0) spec.tos = static_cast<std::uint8_t>(random.next_u32());
      if (random.below(8) == 0) spec.ttl = static_cast<std::uint8_t>(1 + random.below(255));
      spec.id = static_cast<std::uint16_t>(random.next_u32());
      spec.dont_fragment = random.below(4) != 0;
      const std::size_t segment = std::min<std::size_t>(spec.payload.size(), 300 + random.below(1000));
      if (segment == spec.payload.size() && random.below(2)) {
        from.tun.put(build(spec));  // with its own checksum
      } else {
        from.tun.put(build_super_frame(spec, static_cast<std::uint16_t>(segment)));
      }
      for (Bytes& packet : naive_segments(spec, segment))
        sent[spec.source_port].push_back(without_id(std::move(packet)));
    }
    from.forwarder->on_tun_readable(from.now);
    hand_over(from, to);
  }
  const auto normal = [](std::map<std::uint16_t, std::vector<Bytes>> all) {
    for (auto& [port, packets] : all) {
      for (Bytes& packet : packets)
        packet = without_id(std::move(packet));
    }
    return all;
  };
  EXPECT_EQ(normal(packets_by_port(far.tun)), sent_near);
  EXPECT_EQ(normal(packets_by_port(near.tun)), sent_far);
  EXPECT_EQ(near.dropped_in_all() + far.dropped_in_all(), 0u);
  EXPECT_LT(far.tun.frames_written, far.counters->rx_packets / 2);  // joined
}

TEST_P(EveryFormat, LossAndReorderingNeverDamageAPacket) {
  connect();
  SeededRandom random(13);
  std::vector<Bytes> sent;
  std::uint32_t sequence = 0;
  for (int round = 0; round < 200; ++round) {
    PacketSpec spec{.sequence = sequence, .payload = Bytes(14000)};
    random.fill(spec.payload);
    sequence += 14000;
    near.tun.put(build_super_frame(spec, 1400));
    near.forwarder->on_tun_readable(near.now);
    std::vector<Bytes> messages;
    for (const auto& batch : std::exchange(near.carrier->sent, {})) {
      for (std::size_t at = 0; at < batch.bytes.size(); at += batch.segment_bytes) {
        if (random.below(10) == 0) continue;
        messages.emplace_back(batch.bytes.begin() + static_cast<long>(at),
                              batch.bytes.begin() + static_cast<long>(std::min<std::size_t>(
                                                        at + batch.segment_bytes, batch.bytes.size())));
      }
    }
    for (int swaps = 0; swaps < 2 && messages.size() > 1; ++swaps) {
      std::swap(messages[random.below(messages.size())], messages[random.below(messages.size())]);
    }
    Bytes joined;
    for (const Bytes& message : messages)
      joined.insert(joined.end(), message.begin(), message.end());
    if (!joined.empty())
      far.receive(joined, "192.0.2.1:1000", static_cast<std::uint16_t>(messages[0].size()));
    for (const Bytes& packet : naive_segments(spec, 1400))
      sent.push_back(without_id(packet));
  }
  std::sort(sent.begin(), sent.end(), [](const Bytes& a, const Bytes& b) { return as_text(a) < as_text(b); });
  std::size_t received = 0;
  for (const auto& [port, packets] : packets_by_port(far.tun)) {
    for (const Bytes& packet : packets) {
      EXPECT_TRUE(std::binary_search(sent.begin(), sent.end(), without_id(packet),
                                     [](const Bytes& a, const Bytes& b) { return as_text(a) < as_text(b); }));
      ++received;
    }
  }
  EXPECT_EQ(received, far.counters->rx_packets);
  EXPECT_GT(received, 1500u);
}

}  // namespace
}  // namespace causeway::dataplane
