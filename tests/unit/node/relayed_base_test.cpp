// A base that is an address on a relay.
#include <gtest/gtest.h>

#include "node/candidate_book.hpp"

namespace causeway::node {
namespace {

net::Endpoint at(const char* text) { return *net::Endpoint::parse(text); }

peer::LocalBases nic_and_relay() {
  peer::LocalBases bases;
  bases[net::BaseId{1}] = {.base = net::BaseId{1}, .address = at("192.168.0.100:5000"), .interface = "eth0"};
  bases[net::BaseId{9}] = {.base = net::BaseId{9},
                           .address = at("198.51.100.9:50000"),
                           .interface = "eth0",
                           .relay = peer::Relay{.source = "transport-turn",
                                                .transport = "turn-udp",
                                                .nic = at("192.168.0.100:6000"),
                                                .mapped = at("203.0.113.1:6000")}};
  return bases;
}

TEST(RelayedBase, IsARelayedCandidateAndItsOwnBase) {
  CandidateBook book;
  book.set_bases(nic_and_relay());
  const auto list = book.unranked();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].type, ice::CandidateType::relayed);
  EXPECT_EQ(list[1].address, at("198.51.100.9:50000"));
  EXPECT_EQ(list[1].base_address, list[1].address) << "RFC 8445 §5.1.1.2";
  EXPECT_EQ(list[1].base, net::BaseId{9});
  EXPECT_EQ(list[1].source, "transport-turn");
  EXPECT_NE(list[0].foundation, list[1].foundation);
}

TEST(RelayedBase, NothingElseIsGatheredFromIt) {
  CandidateBook book;
  peer::LocalBases bases = nic_and_relay();
  bases.erase(net::BaseId{1});
  book.set_bases(bases);
  book.set_user_addresses({at("203.0.113.7:7000")});
  const auto list = book.unranked();
  ASSERT_EQ(list.size(), 1U) << "a port forwarding leads to a NIC";
  EXPECT_EQ(list[0].type, ice::CandidateType::relayed);
}

TEST(RelayedBase, GoesWithItsLink) {
  CandidateBook book;
  book.set_bases(nic_and_relay());
  peer::LocalBases bases = nic_and_relay();
  bases.erase(net::BaseId{9});
  const auto generation = book.generation();
  book.set_bases(bases);
  EXPECT_GT(book.generation(), generation);
  EXPECT_EQ(book.unranked().size(), 1U);
}

}  // namespace
}  // namespace causeway::node
