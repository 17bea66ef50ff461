#include "transport-turn/framing.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "transport-turn/snapshots.hpp"
#include "turn_server.hpp"

namespace transport_turn::test {
namespace {

const cw_address kBob = at("198.51.100.77:4500");
const cw_address kBobElsewhere = at("198.51.100.77:9999");
const cw_address kCarol = at("192.0.2.33:9");
const cw_address kSix = at("[2001:db8::7]:700");
constexpr std::uint16_t kBobsChannel = 0x4001;

/// One packet in a buffer with the room that the host gives, and sentinels around it.
struct Packet {
  explicit Packet(const Bytes& payload, const cw_address& peer = {}) {
    buffer.assign(CW_PACKET_HEADROOM + payload.size() + CW_PACKET_TAILROOM + 8, 0xee);
    std::copy(payload.begin(), payload.end(), buffer.begin() + CW_PACKET_HEADROOM);
    packet.struct_size = sizeof packet;
    packet.bytes = buffer.data() + CW_PACKET_HEADROOM;
    packet.size = static_cast<std::uint32_t>(payload.size());
    packet.peer = peer;
  }
  Bytes bytes() const { return {packet.bytes, packet.bytes + packet.size}; }
  bool is_inside() const {
    return packet.bytes >= buffer.data() && packet.bytes + packet.size <= buffer.data() + buffer.size() - 8 &&
           std::all_of(buffer.end() - 8, buffer.end(), [](std::uint8_t byte) { return byte == 0xee; });
  }
  Bytes buffer;
  cw_packet packet{};
};

Bytes payload(std::size_t size) {
  Bytes bytes;
  for (std::size_t i = 0; i < size; ++i)
    bytes.push_back(static_cast<std::uint8_t>(0x80 + i));
  return bytes;
}

/// Bob has a channel and a permission, the IPv6 peer a permission, Carol has asked for both.
RouteTable table(bool is_stream = false) {
  return RouteTable({{kBob, kBobsChannel, true}, {kCarol, 0x4002, false}},
                    {{without_port(kBob), true}, {without_port(kCarol), false}, {without_port(kSix), true}},
                    is_stream);
}

class FramingTest : public ::testing::Test {
 protected:
  std::uint64_t dropped(Drop drop) const { return drops.of(drop); }
  DropCounters drops;
};

TEST_F(FramingTest, ChannelDataOverUdpIsNotPadded) {
  Packet packet(payload(5), kBob);
  wrap(packet.packet, table(), 0, drops);
  EXPECT_EQ(packet.packet.verdict, CW_PACKET_PASS);
  EXPECT_EQ(packet.bytes(), (Bytes{0x40, 0x01, 0, 5, 0x80, 0x81, 0x82, 0x83, 0x84}));
}

TEST_F(FramingTest, ChannelDataOverAStreamIs) {
  for (std::size_t size = 0; size < 9; ++size) {
    Packet packet(payload(size), kBob);
    wrap(packet.packet, table(true), 0, drops);
    EXPECT_EQ(packet.packet.size, 4 + (size + 3) / 4 * 4);
    EXPECT_EQ(read16(packet.bytes(), 2), size);
    EXPECT_EQ(frame(packet.packet.bytes, packet.packet.size), packet.packet.size);
    EXPECT_TRUE(packet.is_inside());
  }
}

TEST_F(FramingTest, WithoutChannelASendIndication) {
  for (const cw_address& peer : {kBobElsewhere, kSix}) {
    for (std::size_t size : {0U, 1U, 2U, 3U, 4U, 100U}) {
      Packet packet(payload(size), peer);
      wrap(packet.packet, table(), 0x1122334455667788, drops);
      ASSERT_EQ(packet.packet.verdict, CW_PACKET_PASS);
      ASSERT_TRUE(packet.is_inside());
      const Asked sent = Asked::parse(packet.bytes());
      EXPECT_EQ(sent.method, 0x0016);
      EXPECT_EQ(read16(packet.bytes(), 2), packet.packet.size - 20);
      EXPECT_TRUE(is_same(sent.peer(), peer));
      EXPECT_EQ(sent.attributes.at(0x0013), payload(size));
      EXPECT_EQ(frame(packet.packet.bytes, packet.packet.size), packet.packet.size);
    }
  }
}

TEST_F(FramingTest, WithoutPermissionNothing) {
  for (const cw_address& peer : {kCarol, at("192.0.2.99:9"), cw_address{}}) {
    Packet packet(payload(5), peer);
    wrap(packet.packet, table(), 0, drops);
    EXPECT_EQ(packet.packet.verdict, CW_PACKET_DROP);
  }
  EXPECT_EQ(dropped(Drop::no_permission), 3U);
}

TEST_F(FramingTest, TooLong) {
  Packet packet(Bytes(65'535), kBob);
  wrap(packet.packet, table(), 0, drops);
  EXPECT_EQ(dropped(Drop::too_long), 1U);
}

TEST_F(FramingTest, ChannelDataComesFromItsPeer) {
  for (std::size_t padding : {0U, 1U, 2U, 3U}) {
    Bytes bytes{0x40, 0x01, 0, 5, 1, 2, 3, 4, 5};
    bytes.resize(bytes.size() + padding);
    Packet packet(bytes);
    unwrap(packet.packet, table(), drops);
    ASSERT_EQ(packet.packet.verdict, CW_PACKET_PASS) << padding;
    EXPECT_EQ(packet.bytes(), (Bytes{1, 2, 3, 4, 5}));
    EXPECT_TRUE(is_same(packet.packet.peer, kBob));
  }
}

TEST_F(FramingTest, ChannelDataThatLiesAboutItsLength) {
  for (const Bytes& bytes : {Bytes{0x40, 0x01, 0, 6, 1, 2, 3, 4, 5}, Bytes{0x40, 0x01, 0xff, 0xff, 1},
                             Bytes{0x40, 0x01, 0, 1, 1, 2, 3, 4, 5}, Bytes{0x40, 0x01, 0}}) {
    Packet packet(bytes);
    unwrap(packet.packet, table(), drops);
    EXPECT_EQ(packet.packet.verdict, CW_PACKET_DROP);
  }
  EXPECT_EQ(dropped(Drop::malformed), 4U);
}

TEST_F(FramingTest, AnUnboundChannel) {
  Packet packet(Bytes{0x40, 0x77, 0, 1, 1});
  unwrap(packet.packet, table(), drops);
  EXPECT_EQ(packet.packet.verdict, CW_PACKET_DROP);
  EXPECT_EQ(dropped(Drop::unbound_channel), 1U);
}

// The server binds before its answer reaches us, and the first packet may overtake the answer.
TEST_F(FramingTest, AChannelThatWasAskedForMayBeUsedByTheServer) {
  Packet packet(Bytes{0x40, 0x02, 0, 1, 1});
  unwrap(packet.packet, table(), drops);
  EXPECT_EQ(packet.packet.verdict, CW_PACKET_PASS);
  EXPECT_TRUE(is_same(packet.packet.peer, kCarol));
}

Bytes data_indication(const cw_address& peer, const Bytes& data) {
  return Builder(0x0017, {}).address(0x0012, peer).raw(0x0013, data).bytes();
}

TEST_F(FramingTest, DataIndicationOfAPermittedAddressFromAnyPort) {
  for (const cw_address& peer : {kBob, kBobElsewhere, kSix}) {
    Packet packet(data_indication(peer, payload(7)));
    unwrap(packet.packet, table(), drops);
    ASSERT_EQ(packet.packet.verdict, CW_PACKET_PASS);
    EXPECT_EQ(packet.bytes(), payload(7));
    EXPECT_TRUE(is_same(packet.packet.peer, peer));
  }
}

TEST_F(FramingTest, DataIndicationOfAStranger) {
  Packet packet(data_indication(at("192.0.2.99:9"), payload(7)));
  unwrap(packet.packet, table(), drops);
  EXPECT_EQ(packet.packet.verdict, CW_PACKET_DROP);
  EXPECT_EQ(dropped(Drop::not_permitted), 1U);
}

TEST_F(FramingTest, MalformedDataIndications) {
  Bytes cut = data_indication(kBob, payload(8));
  cut.resize(cut.size() - 4);
  Bytes wrong_family = data_indication(kBob, payload(8));
  wrong_family[25] = 2;
  for (const Bytes& bytes :
       {cut, wrong_family, Builder(0x0017, {}).address(0x0012, kBob).bytes(),
        Builder(0x0017, {}).raw(0x0013, payload(4)).bytes(),
        Builder(0x0017, {}).address(0x0012, kBob).raw(0x0013, payload(4)).raw(0x7777, {}).bytes()}) {
    Packet packet(bytes);
    unwrap(packet.packet, table(), drops);
    EXPECT_EQ(packet.packet.verdict, CW_PACKET_DROP);
  }
  EXPECT_EQ(dropped(Drop::malformed), 5U);
}

TEST_F(FramingTest, OtherStunIsForTheClient) {
  const Bytes response = Builder(kAllocate | kSuccess, {}).number(0x000d, 600).bytes();
  Packet packet(response);
  unwrap(packet.packet, table(), drops);
  EXPECT_EQ(packet.packet.verdict, CW_PACKET_CONTROL);
  EXPECT_EQ(packet.bytes(), response);
}

TEST_F(FramingTest, NoiseIsDroppedAndStaysInside) {
  std::mt19937 random(5);
  const RouteTable routes = table();
  const Bytes good = data_indication(kBob, payload(40));
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes = good;
    for (int change = 0; change < 3; ++change)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    bytes.resize(random() % (bytes.size() + 1));
    Packet packet(bytes);
    const std::uint8_t* begin = packet.packet.bytes;
    unwrap(packet.packet, routes, drops);
    ASSERT_GE(packet.packet.bytes, begin);
    ASSERT_LE(packet.packet.bytes + packet.packet.size, begin + bytes.size());
  }
}

TEST_F(FramingTest, FrameFindsTheEndOfBoth) {
  const Bytes stun = Builder(kAllocate | kSuccess, {}).number(0x000d, 600).bytes();
  Bytes stream = stun;
  stream.insert(stream.end(), {0x40, 0x01, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0});
  for (std::size_t size = 0; size < stun.size(); ++size)
    EXPECT_EQ(frame(stream.data(), size), 0) << size;
  EXPECT_EQ(frame(stream.data(), stream.size()), static_cast<std::int64_t>(stun.size()));
  const std::size_t rest = stream.size() - stun.size();
  EXPECT_EQ(frame(stream.data() + stun.size(), rest), 12);
  EXPECT_EQ(frame(stream.data() + stun.size(), rest - 1), 0) << "the padding belongs to it";
}

TEST_F(FramingTest, FrameRefusesAnotherProtocol) {
  const std::string http = "HTTP/1.1 200 OK\r\n";
  const Bytes bytes(http.begin(), http.end());
  const Bytes tls{0x16, 0x03, 0x03, 0x00, 0x7a, 0x02, 0, 0, 0, 0};
  const Bytes odd{0x01, 0x03, 0x00, 0x05};
  const Bytes high{0x80, 0, 0, 0};
  for (const Bytes& other : {tls, odd, high})
    EXPECT_LT(frame(other.data(), other.size()), 0);
  // 'H' and 'T' look like a channel number: nothing but the length ends that.
  EXPECT_EQ(frame(bytes.data(), bytes.size()), 0);
}

TEST_F(FramingTest, TheLongestMessagesFitTheLimit) {
  const Bytes stun{0x01, 0x03, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42};
  const Bytes channel{0x40, 0x01, 0xff, 0xff};
  EXPECT_EQ(frame(stun.data(), stun.size()), 0);
  EXPECT_LE(20U + 0xfffc, CW_MAX_STREAM_MESSAGE);
  EXPECT_LE(4U + 0x10000, CW_MAX_STREAM_MESSAGE);
}

// ---- tables
// -------------------------------------------------------------------------------------------------

TEST(RouteTable, AgreesWithAList) {
  std::mt19937 random(11);
  std::vector<Route> routes;
  std::vector<Permission> permissions;
  for (std::uint16_t i = 0; i < RouteTable::kMaxRoutes; ++i) {
    cw_address peer = i % 2 == 0 ? kBob : kSix;
    peer.octets[2] = static_cast<std::uint8_t>(random());
    peer.octets[3] = static_cast<std::uint8_t>(i);
    peer.port = static_cast<std::uint16_t>(random() | 1);
    routes.push_back({peer, static_cast<std::uint16_t>(kFirstChannel + i * 16), i % 3 == 0});
    permissions.push_back({without_port(peer), i % 5 == 0});
  }
  const RouteTable table(routes, permissions, false);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    ASSERT_NE(table.find(routes[i].peer), nullptr);
    EXPECT_EQ(table.find(routes[i].peer)->channel, routes[i].channel);
    EXPECT_TRUE(is_same(table.find(routes[i].channel)->peer, routes[i].peer));
    ASSERT_NE(table.find_permission(routes[i].peer), nullptr);
    cw_address other = routes[i].peer;
    other.port = static_cast<std::uint16_t>(other.port ^ 2);
    EXPECT_EQ(table.find(other), nullptr);
    EXPECT_EQ(table.find(static_cast<std::uint16_t>(routes[i].channel + 1)), nullptr);
    EXPECT_NE(table.find_permission(other), nullptr);
  }
}

TEST(Snapshots, OldTablesAreFreedWhenNobodyReads) {
  Snapshots snapshots;
  snapshots.publish(3, std::make_unique<const RouteTable>(table()));
  {
    const Snapshots::Reader reader(snapshots);
    const RouteTable* seen = reader.table(3);
    ASSERT_NE(seen, nullptr);
    snapshots.publish(3, nullptr);
    EXPECT_EQ(snapshots.retired(), 1U);
    EXPECT_NE(seen->find(kBob), nullptr) << "still there for who looks at it";
    EXPECT_EQ(Snapshots::Reader(snapshots).table(3), nullptr);
  }
  snapshots.reclaim();
  EXPECT_EQ(snapshots.retired(), 0U);
}

TEST(Snapshots, ALinkOutOfRangeHasNone) {
  Snapshots snapshots;
  EXPECT_EQ(Snapshots::Reader(snapshots).table(CW_MAX_LINKS), nullptr);
  EXPECT_EQ(Snapshots::Reader(snapshots).table(0xffffffff), nullptr);
}

// Readers that overlap all the time must neither see freed tables (the sanitizers' part) nor hold them for
// ever.
TEST(Snapshots, UnderSteadyTraffic) {
  Snapshots snapshots;
  std::atomic<bool> is_over{false};
  std::atomic<std::uint64_t> found{0};
  const auto make = [](std::uint16_t channel) {
    return std::make_unique<const RouteTable>(std::vector<Route>{{kBob, channel, true}},
                                              std::vector<Permission>{}, false);
  };
  snapshots.publish(0, make(kFirstChannel));
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!is_over) {
        const Snapshots::Reader reader(snapshots);
        const Route* route = reader.table(0)->find(kBob);
        if (route != nullptr && route->is_bound) ++found;
      }
    });
  }
  std::size_t most = 0;
  for (std::uint16_t i = 0; i < 4000; ++i) {
    snapshots.publish(0, make(static_cast<std::uint16_t>(kFirstChannel + i % 4096)));
    most = std::max(most, snapshots.retired());
    if (i % 16 == 0) std::this_thread::yield();
  }
  while (found == 0)
    std::this_thread::yield();
  is_over = true;
  for (auto& thread : threads)
    thread.join();
  snapshots.reclaim();
  EXPECT_EQ(snapshots.retired(), 0U);
  EXPECT_GT(found, 0U);
  EXPECT_LT(most, 4000U);
}

}  // namespace
}  // namespace transport_turn::test
