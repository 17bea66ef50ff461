#include "packet/compact_header.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/random.hpp"
#include "packet/byte_order.hpp"
#include "packet/checksum.hpp"
#include "support/packet_builder.hpp"

namespace causeway::packet {
namespace {

using causeway::testing::build;
using causeway::testing::PacketSpec;

net::IpAddress address(const char* text) { return net::IpAddress::parse(text).value(); }

/// What the sender of `packet` and what its receiver imply.
struct Ends {
  ImpliedAddresses near, far;
  Ends() {
    near.set(address("10.10.0.101"), address("10.10.0.102"));
    near.set(address("fd00::101"), address("fd00::102"));
    far.set(address("10.10.0.102"), address("10.10.0.101"));
    far.set(address("fd00::102"), address("fd00::101"));
  }
};

PacketSpec v6_spec() { return {.source = "fd00::101", .destination = "fd00::102"}; }

/// Leaves the header of `packet` out and rebuilds it; nullopt: it travels whole.
std::optional<Bytes> round_trip(const Bytes& packet, std::size_t* header_bytes = nullptr) {
  const Ends ends;
  const auto view = IpView::parse(packet);
  const auto header = view ? CompactHeader::of(*view, ends.near, false) : std::nullopt;
  if (!header) return std::nullopt;
  if (header_bytes) *header_bytes = header->size;
  Bytes plaintext(header->bytes.begin(), header->bytes.begin() + header->size);
  const ByteView l4 = view->payload();
  plaintext.insert(plaintext.end(), l4.begin(), l4.end());

  const auto form = CompactForm::parse(plaintext);
  EXPECT_TRUE(form);
  EXPECT_EQ(form->size, header->size);
  Bytes rebuilt(form->ip_bytes());
  EXPECT_TRUE(form->rebuild(ends.far, plaintext.size() - form->size, rebuilt.data()));
  rebuilt.insert(rebuilt.end(), plaintext.begin() + form->size, plaintext.end());
  return rebuilt;
}

TEST(CompactHeader, OrdinaryPacketsLeaveOneByteOrFour) {
  std::size_t size = 0;
  EXPECT_EQ(round_trip(build({.payload = Bytes(100, 1)}), &size), build({.payload = Bytes(100, 1)}));
  EXPECT_EQ(size, 1u);
  EXPECT_TRUE(round_trip(build(v6_spec()), &size));
  EXPECT_EQ(size, 4u);
}

TEST(CompactHeader, EveryHeaderComesBackAsItWas) {
  SeededRandom random(4);
  std::size_t whole = 0, longest = 0;
  for (int i = 0; i < 20000; ++i) {
    PacketSpec spec;
    if (random.below(2)) spec = v6_spec();
    spec.tcp = random.below(2);
    spec.tos = random.below(2) ? static_cast<std::uint8_t>(random.next_u32()) : 0;
    spec.ttl = random.below(2) ? static_cast<std::uint8_t>(random.next_u32()) : 64;
    spec.dont_fragment = random.below(2);
    spec.id = static_cast<std::uint16_t>(random.next_u32());
    spec.payload.resize(random.below(60));
    Bytes packet = build(spec);
    if (random.below(4) == 0) {  // any protocol
      packet[spec.is_v4() ? 9 : 6] = static_cast<std::uint8_t>(random.next_u32());
      if (spec.is_v4()) write_ipv4_checksum(packet.data(), 20);
    }
    std::size_t size = 0;
    const auto rebuilt = round_trip(packet, &size);
    if (!rebuilt) {
      ++whole;  // an IPv6 fragment header, by chance
      continue;
    }
    longest = std::max(longest, size);
    if (spec.is_v4() && spec.dont_fragment) {  // RFC 6864 §4.1
      store_be16(packet.data() + 4, 0);
      write_ipv4_checksum(packet.data(), 20);
    }
    ASSERT_EQ(*rebuilt, packet);
  }
  EXPECT_LT(whole, 200u);
  EXPECT_EQ(longest, kMostCompactHeaderBytes);
}

/// What two hosts of 10.10.0.0/24 and fd00::/64 really sent: ping (fragments, options, TOS, TTL), curl with
/// ECN, refused connections, datagrams of many sizes, neighbour discovery. One packet a line, in hex.
TEST(CompactHeader, CapturedPacketsComeBackAsTheyWere) {
  std::ifstream file(CAUSEWAY_CAPTURED_PACKETS);
  std::size_t packets = 0, elided = 0, saved = 0;
  for (std::string line; std::getline(file, line); ++packets) {
    Bytes packet = from_hex(line).value();
    std::size_t size = 0;
    // The capture holds both directions: each packet is taken for one that leaves here.
    if (packet[0] >> 4 == 4 && packet[19] == 101) {
      std::swap(packet[15], packet[19]);
    } else if (packet[0] >> 4 == 6 && packet[39] == 1 && packet[38] == 1) {
      std::swap_ranges(packet.begin() + 8, packet.begin() + 24, packet.begin() + 24);
    }
    const auto rebuilt = round_trip(packet, &size);
    if (!rebuilt) continue;
    ++elided;
    saved += (packet[0] >> 4 == 4 ? 20u : 40u) - size;
    if (packet[0] >> 4 == 4) {
      if (packet[6] & 0x40) store_be16(packet.data() + 4, 0);  // RFC 6864 §4.1
      write_ipv4_checksum(packet.data(), 20);
    }
    EXPECT_EQ(to_hex(*rebuilt), to_hex(packet));
  }
  EXPECT_GT(packets, 60u);
  EXPECT_GT(elided, 40u);
  EXPECT_LT(elided, packets) << "fragments, options and multicast travel whole";
  EXPECT_GT(saved, elided * 17);
}

TEST(CompactHeader, WhatTheSessionDoesNotImplyTravelsWhole) {
  EXPECT_FALSE(round_trip(build({.source = "10.10.0.103"})));
  EXPECT_FALSE(round_trip(build({.destination = "10.10.0.1"})));
  PacketSpec other = v6_spec();
  other.source = "fd00::9";
  EXPECT_FALSE(round_trip(build(other)));
  Bytes fragment = build({.dont_fragment = false, .payload = Bytes(64, 1)});
  fragment[6] = 0x20;  // more fragments
  EXPECT_FALSE(round_trip(fragment));
  fragment[6] = 0, fragment[7] = 1;  // a later one
  EXPECT_FALSE(round_trip(fragment));
  Bytes reserved = build({});
  reserved[6] |= 0x80;  // RFC 791 §3.1: must be zero, so it is kept
  EXPECT_FALSE(round_trip(reserved));
  Bytes options = build({});
  options.insert(options.begin() + 20, {1, 1, 1, 1});
  options[0] = 0x46;
  store_be16(options.data() + 2, static_cast<std::uint16_t>(options.size()));
  EXPECT_FALSE(round_trip(options));
  Bytes v6_fragment = build(v6_spec());
  v6_fragment[6] = 44;
  EXPECT_FALSE(round_trip(v6_fragment));
}

TEST(CompactHeader, TheIdOfACutPacketCountsUp) {
  const Ends ends;
  const Bytes packet = build({.id = 0xffff, .dont_fragment = false});
  auto header = CompactHeader::of(*IpView::parse(packet), ends.near, true);
  ASSERT_TRUE(header && header->has_id);
  header->set_id(0);
  Bytes plaintext(header->bytes.begin(), header->bytes.begin() + header->size);
  plaintext.resize(plaintext.size() + 20);
  const auto form = CompactForm::parse(plaintext);
  ASSERT_TRUE(form);
  EXPECT_EQ(form->id, 0);
  EXPECT_TRUE(form->checksum_is_partial);
  EXPECT_FALSE(form->dont_fragment);
}

TEST(CompactForm, RefusesWhatNoSenderMakes) {
  const auto parses = [](Bytes bytes, std::size_t rest) {
    bytes.resize(bytes.size() + rest);
    return CompactForm::parse(bytes).has_value();
  };
  EXPECT_FALSE(CompactForm::parse({}));
  EXPECT_TRUE(parses({0x08}, 20));
  EXPECT_FALSE(parses({0x00}, 1)) << "an ID of two bytes";
  EXPECT_FALSE(parses({0x3b, 1, 2}, 0)) << "protocol, TTL and TOS";
  EXPECT_TRUE(parses({0x3b, 1, 2, 3}, 0));
  EXPECT_FALSE(parses({0x0c}, 19)) << "a partial checksum needs a TCP header";
  EXPECT_TRUE(parses({0x0c}, 20));
  EXPECT_FALSE(parses({0x1c}, 7)) << "or a UDP header";
  EXPECT_TRUE(parses({0x1c}, 8));
  EXPECT_FALSE(parses({0x2c}, 100)) << "ICMP has no partial checksum";
  EXPECT_FALSE(parses({0x3c, 6}, 100)) << "nor has TCP by its number";
  EXPECT_FALSE(parses({0x48, 0, 0, 0}, 20)) << "IPv6 has no DF";
  EXPECT_FALSE(parses({0x40, 0x10, 0, 0}, 20)) << "a flow label has 20 bits";
  EXPECT_FALSE(parses({0x40, 0, 0}, 0));
  EXPECT_TRUE(parses({0x40, 0x0f, 0xff, 0xff}, 0));
  for (int low = 1; low < 64; ++low) {
    EXPECT_FALSE(parses({static_cast<std::uint8_t>(0x80 + low)}, 40)) << low;
    EXPECT_EQ(parses({static_cast<std::uint8_t>(0xc0 + low)}, 40), low == 1) << low;
  }
}

TEST(CompactForm, NeverRebuildsWhatIpCannotSay) {
  const Ends ends;
  Bytes header(40);
  const auto v4 = CompactForm::parse(Bytes{0x08});
  ASSERT_TRUE(v4);
  EXPECT_TRUE(v4->rebuild(ends.far, 65515, header.data()));
  EXPECT_FALSE(v4->rebuild(ends.far, 65516, header.data()));
  const auto v6 = CompactForm::parse(Bytes{0x40, 0, 0, 0});
  ASSERT_TRUE(v6);
  EXPECT_TRUE(v6->rebuild(ends.far, 65535, header.data()));
  EXPECT_FALSE(v6->rebuild(ends.far, 65536, header.data()));
  ImpliedAddresses only_v4;
  only_v4.set(address("10.0.0.1"), address("10.0.0.2"));
  EXPECT_FALSE(v6->rebuild(only_v4, 10, header.data()));
  EXPECT_FALSE(v4->rebuild({}, 10, header.data()));
}

TEST(CompactForm, AnyBytesAreParsedWithinBounds) {
  SeededRandom random(8);
  const Ends ends;
  for (int i = 0; i < 100000; ++i) {
    Bytes bytes(random.below(12));
    random.fill(bytes);
    const auto form = CompactForm::parse(bytes);
    if (!form) continue;
    ASSERT_LE(form->size, bytes.size());
    if (!form->leaves_header_out()) continue;
    Bytes packet(form->ip_bytes());
    ASSERT_TRUE(form->rebuild(ends.far, bytes.size() - form->size, packet.data()));
    packet.insert(packet.end(), bytes.begin() + form->size, bytes.end());
    ASSERT_TRUE(IpView::parse(packet));
  }
}

}  // namespace
}  // namespace causeway::packet
