#include "dataplane/demultiplex.hpp"

#include <gtest/gtest.h>

namespace causeway::dataplane {
namespace {

DatagramClass of(const char* hex, std::size_t bytes = 40) {
  Bytes datagram = from_hex(hex).value();
  datagram.resize(bytes);
  return classify(datagram);
}

TEST(Demultiplex, FirstBytesDecide) {
  EXPECT_EQ(of("01000000"), DatagramClass::handshake);
  EXPECT_EQ(of("02000000"), DatagramClass::handshake);
  EXPECT_EQ(of("03000000"), DatagramClass::handshake);
  EXPECT_EQ(of("04000000"), DatagramClass::data);
  EXPECT_EQ(of("05000000"), DatagramClass::unknown);
  EXPECT_EQ(of("04000001"), DatagramClass::unknown);
  EXPECT_EQ(of("000100002112a442"), DatagramClass::stun);
  EXPECT_EQ(of("010100002112a442"), DatagramClass::stun);
  EXPECT_EQ(of("3fff00002112a442"), DatagramClass::stun);
  EXPECT_EQ(of("000100002112a443"), DatagramClass::unknown);
  EXPECT_EQ(of("40000000"), DatagramClass::channel_data);
  EXPECT_EQ(of("7fffffff"), DatagramClass::channel_data);
  EXPECT_EQ(of("80000000"), DatagramClass::compact);
  EXPECT_EQ(of("ffffffff"), DatagramClass::compact);
}

TEST(Demultiplex, WhatIsTooShortIsUnknown) {
  EXPECT_EQ(classify({}), DatagramClass::unknown);
  EXPECT_EQ(of("04000000", 3), DatagramClass::unknown);
  EXPECT_EQ(of("000100002112a442", 19), DatagramClass::unknown);
  EXPECT_EQ(of("000100002112a442", 20), DatagramClass::stun);
  EXPECT_EQ(of("000100002112a442", 5), DatagramClass::unknown);
}

/// An index equal to the magic cookie does not make a data message STUN.
TEST(Demultiplex, WireGuardComesFirst) { EXPECT_EQ(of("040000002112a442"), DatagramClass::data); }

}  // namespace
}  // namespace causeway::dataplane
