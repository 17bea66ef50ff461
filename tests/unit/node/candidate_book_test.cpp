#include "node/candidate_book.hpp"

#include <gtest/gtest.h>

namespace causeway::node {
namespace {

net::Endpoint at(const char* text) { return *net::Endpoint::parse(text); }

peer::LocalBases two_bases() {
  return {
      {net::BaseId{1}, {.base = net::BaseId{1}, .address = at("192.168.0.100:5000"), .interface = "eth0"}},
      {net::BaseId{2}, {.base = net::BaseId{2}, .address = at("10.1.2.3:5001"), .interface = "wlan0"}}};
}

TEST(CandidateBook, EachBaseIsAHostCandidate) {
  CandidateBook book;
  book.set_bases(two_bases());
  const auto list = book.unranked();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].type, ice::CandidateType::host);
  EXPECT_EQ(list[0].address, list[0].base_address);
  EXPECT_EQ(list[0].source, "host");
  EXPECT_NE(list[0].foundation, list[1].foundation) << "other base, other foundation";
}

TEST(CandidateBook, OneAddressOnTwoNicsIsTwoFoundations) {
  peer::LocalBases bases = two_bases();
  bases.at(net::BaseId{2}).address = bases.at(net::BaseId{1}).address;
  CandidateBook book;
  book.set_bases(bases);
  const auto list = book.unranked();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_NE(list[0].foundation, list[1].foundation) << "a check that fails from one must not delay the other";
}

TEST(CandidateBook, ReflexiveCandidateHangsOnItsBase) {
  CandidateBook book;
  book.set_bases(two_bases());
  EXPECT_TRUE(book.add("candidates-stun", net::BaseId{1}, ice::CandidateType::server_reflexive,
                       at("203.0.113.1:6000")));
  auto list = book.unranked();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[1].base_address, at("192.168.0.100:5000"));
  EXPECT_EQ(list[1].source, "candidates-stun");

  peer::LocalBases rest = two_bases();
  rest.erase(net::BaseId{1});
  book.set_bases(rest);
  EXPECT_EQ(book.unranked().size(), 1u);
}

TEST(CandidateBook, RefusesRedundantUselessAndTooMany) {
  CandidateBook book;
  book.set_bases(two_bases());
  const auto add = [&](const char* address, net::BaseId base = net::BaseId{1}) {
    return book.add("s", base, ice::CandidateType::server_reflexive, at(address));
  };
  EXPECT_FALSE(add("192.168.0.100:5000")) << "no NAT: the base itself";
  EXPECT_FALSE(add("127.0.0.1:1"));
  EXPECT_FALSE(add("203.0.113.1:1", net::BaseId{9})) << "no such base";
  EXPECT_TRUE(add("203.0.113.1:1"));
  EXPECT_FALSE(add("203.0.113.1:1"));
  for (std::uint16_t port = 2; port <= CandidateBook::kMaxPerBase; ++port) {
    EXPECT_TRUE(book.add("s", net::BaseId{1}, ice::CandidateType::server_reflexive,
                         {at("203.0.113.1:1").address, port}));
  }
  EXPECT_FALSE(add("203.0.113.1:99"));
}

TEST(CandidateBook, WhatIsIgnoredSaysWhyAndIsBounded) {
  CandidateBook book;
  book.set_bases(two_bases());
  const auto add = [&](const net::Endpoint& address) {
    return book.add("liar", net::BaseId{1}, ice::CandidateType::server_reflexive, address);
  };
  EXPECT_FALSE(add(at("169.254.7.7:1")));
  EXPECT_FALSE(add(at("127.0.0.1:1")));
  EXPECT_FALSE(add(at("127.0.0.1:1")));
  ASSERT_EQ(book.ignored().size(), 2u);
  EXPECT_EQ(book.ignored()[0].reason, "link-local: a peer cannot know on which link");
  EXPECT_EQ(book.ignored()[1].count, 2u);
  EXPECT_EQ(book.ignored_count(), 3u);
  // A server that says something else each time takes four places and no more memory than this.
  for (std::uint16_t port = 1; port <= 1000; ++port)
    add({at("203.0.113.1:1").address, port});
  EXPECT_EQ(book.unranked().size(), 2u + CandidateBook::kMaxPerBase);
  EXPECT_EQ(book.ignored().size(), CandidateBook::kMaxIgnored);
  EXPECT_EQ(book.ignored_count(), 3u + 1000u - CandidateBook::kMaxPerBase);
  // What it takes back is not ignored any more, and so is all of a base that is gone.
  book.remove("liar", net::BaseId{1}, {at("203.0.113.1:1").address, 1000});
  EXPECT_EQ(book.ignored().size(), CandidateBook::kMaxIgnored - 1);
  book.set_bases({});
  EXPECT_TRUE(book.ignored().empty());
}

TEST(CandidateBook, OnlyTheSourceItselfRemoves) {
  CandidateBook book;
  book.set_bases(two_bases());
  book.add("a", net::BaseId{1}, ice::CandidateType::server_reflexive, at("203.0.113.1:1"));
  const auto before = book.generation();
  book.remove("b", net::BaseId{1}, at("203.0.113.1:1"));
  EXPECT_EQ(book.generation(), before);
  book.remove("a", net::BaseId{1}, at("203.0.113.1:1"));
  EXPECT_EQ(book.unranked().size(), 2u);
}

TEST(CandidateBook, RanksOnlyTheCurrentList) {
  CandidateBook book;
  book.set_bases(two_bases());
  const auto generation = book.generation();
  EXPECT_TRUE(book.set_priorities(generation, {5, 0}));
  EXPECT_EQ(book.ranked()[0].priority, 5u);
  EXPECT_EQ(book.ranked()[1].priority, 1u) << "0 is no priority on the wire";
  EXPECT_FALSE(book.set_priorities(generation, {5})) << "another list";
  book.add("a", net::BaseId{1}, ice::CandidateType::server_reflexive, at("203.0.113.1:1"));
  EXPECT_FALSE(book.set_priorities(generation, {5, 6}));
  EXPECT_EQ(book.ranked().size(), 2u) << "the earlier list stands";
}

}  // namespace
}  // namespace causeway::node
