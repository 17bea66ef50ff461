#include "node/friend_book.hpp"

#include <gtest/gtest.h>

namespace causeway::node {
namespace {

using Standing = FriendBook::Standing;

crypto::IdentityPublicKey key(std::uint8_t seed) {
  crypto::IdentityPublicKey made;
  made.bytes.fill(seed);
  return made;
}

link::NodeDescription node(const char* name, const char* address, std::uint8_t identity, const char* user,
                           std::uint64_t serial = 1) {
  link::NodeDescription made;
  made.name = name;
  made.virtual_address = net::IpAddress::parse(address).value();
  made.record.identity = key(identity);
  made.record.serial = serial;
  made.user = user;
  return made;
}

struct FriendBookTest : testing::Test {
  FriendBookTest() {
    book.set_network("home");
    book.set_list({"Ann", {"Bob"}, {}, false});
  }
  Standing standing(const link::NodeDescription& described) { return book.judge(described).standing; }

  FriendBook book{store::FriendState{}};
  const link::NodeDescription bob = node("bob1", "10.10.0.2", 2, "Bob");
};

TEST_F(FriendBookTest, FirstSightPins) {
  const auto first = book.judge(bob);
  EXPECT_EQ(first.standing, Standing::friend_node);
  EXPECT_TRUE(first.changed);
  const auto second = book.judge(bob);
  EXPECT_EQ(second.standing, Standing::friend_node);
  EXPECT_FALSE(second.changed) << "nothing to be stored";
  EXPECT_TRUE(book.is_friend(key(2)));
  EXPECT_FALSE(book.is_friend(key(3)));
  EXPECT_FALSE(book.is_friend(std::nullopt));
}

TEST_F(FriendBookTest, StrangersAreNotPinned) {
  const auto verdict = book.judge(node("eve1", "10.10.0.9", 9, "Eve"));
  EXPECT_EQ(verdict.standing, Standing::stranger);
  EXPECT_FALSE(verdict.changed);
  EXPECT_EQ(standing(node("eve1", "10.10.0.9", 8, "Eve")), Standing::stranger)
      << "they may change as they like";
}

TEST_F(FriendBookTest, NameOrAddressOfAPinnedNodeWithAnotherIdentityIsAnImpostor) {
  book.judge(bob);
  for (const char* user : {"Bob", "Eve", ""}) {
    EXPECT_EQ(standing(node("bob1", "10.10.0.2", 3, user)), Standing::impostor);
    EXPECT_EQ(standing(node("BOB1", "10.10.0.77", 3, user)), Standing::impostor) << "by name, case aside";
    EXPECT_EQ(standing(node("other", "10.10.0.2", 3, user)), Standing::impostor) << "by address";
  }
  EXPECT_EQ(book.judge(node("other", "10.10.0.2", 3, "")).friend_user, "Bob");
  EXPECT_EQ(standing(bob), Standing::friend_node) << "the true one stays what it was";
}

TEST_F(FriendBookTest, AFurtherNodeOfAFriendIsPinnedByItself) {
  book.judge(bob);
  EXPECT_EQ(standing(node("bob2", "10.10.0.3", 3, "bob")), Standing::friend_node);
  EXPECT_EQ(standing(node("bob1", "10.10.0.4", 3, "Bob")), Standing::impostor)
      << "even another node of the same friend takes no place";
}

TEST_F(FriendBookTest, APinFollowsItsOwnerToANewNameAndAddress) {
  book.judge(bob);
  EXPECT_TRUE(book.judge(node("bobby", "10.10.0.5", 2, "Bob", 2)).changed);
  EXPECT_EQ(standing(node("bob1", "10.10.0.2", 3, "Eve")), Standing::stranger)
      << "given up by a signed record";
  EXPECT_EQ(standing(node("bobby", "10.10.0.2", 3, "Eve")), Standing::impostor);
  EXPECT_FALSE(book.judge(node("bob1", "10.10.0.2", 2, "Bob", 1)).changed)
      << "an older record moves nothing back";
}

TEST_F(FriendBookTest, AFriendCannotTakeAnotherFriendsPlace) {
  book.set_list({"Ann", {"Bob", "Carol"}, {}, false});
  book.judge(bob);
  EXPECT_EQ(standing(node("carol1", "10.10.0.6", 6, "Carol")), Standing::friend_node);
  EXPECT_EQ(standing(node("bob1", "10.10.0.2", 6, "Carol", 2)), Standing::impostor);
}

TEST_F(FriendBookTest, TheServerCannotUnpin) {
  book.judge(bob);
  EXPECT_TRUE(book.set_list({"Ann", {}, {}, false}));
  EXPECT_FALSE(book.is_friend(key(2))) << "no better service without the list";
  EXPECT_EQ(standing(node("bob1", "10.10.0.2", 3, "Bob")), Standing::impostor);
  EXPECT_FALSE(book.set_list({"Ann", {}, {}, false})) << "no news";
  book.set_list({"Ann", {"Bob"}, {}, false});
  EXPECT_EQ(standing(node("bob1", "10.10.0.2", 3, "Bob")), Standing::impostor);
  EXPECT_TRUE(book.is_friend(key(2)));
}

TEST_F(FriendBookTest, OnlyTheUserUnpins) {
  book.judge(bob);
  EXPECT_TRUE(book.remove("bob"));
  EXPECT_FALSE(book.remove("bob"));
  EXPECT_EQ(standing(node("bob1", "10.10.0.2", 3, "Bob")), Standing::stranger);
}

TEST_F(FriendBookTest, AGivenKeyAdmitsNobodyElseOfThatUser) {
  book.judge(bob);
  EXPECT_TRUE(book.add("Bob", "bob", key(7)));
  EXPECT_EQ(standing(bob), Standing::impostor) << "seen before, but not whom the user named";
  EXPECT_EQ(standing(node("bob1", "10.10.0.2", 7, "Bob")), Standing::friend_node);
  EXPECT_EQ(standing(node("bob2", "10.10.0.3", 8, "Bob")), Standing::impostor);
  EXPECT_TRUE(book.add("Bob", "bob", key(8)));
  EXPECT_EQ(standing(node("bob2", "10.10.0.3", 8, "Bob")), Standing::friend_node) << "keys add up";
  EXPECT_EQ(standing(node("bob1", "10.10.0.2", 7, "Bob")), Standing::friend_node);
  EXPECT_FALSE(book.add("Bob", "bob", key(8))) << "no news";
}

TEST_F(FriendBookTest, AGivenKeyHoldsTheNameThatWasGivenWhateverUserTheServerTells) {
  // The server answered that "bob1" is a node of Eve's, to have the key filed away where it does no harm.
  book.set_list({"Ann", {"Eve"}, {}, false});
  ASSERT_TRUE(book.add("Eve", "bob1", key(2)));
  EXPECT_EQ(standing(node("bob1", "10.10.0.2", 3, "Bob")), Standing::impostor);
}

TEST_F(FriendBookTest, AnotherNetworkIsAnotherWorld) {
  book.judge(bob);
  EXPECT_FALSE(book.set_network("home"));
  EXPECT_TRUE(book.set_network("office"));
  EXPECT_EQ(standing(node("bob1", "10.10.0.2", 3, "Bob")), Standing::stranger);
}

TEST_F(FriendBookTest, IsFoundByUserOrByNode) {
  book.judge(bob);
  ASSERT_TRUE(book.find("bOB"));
  EXPECT_EQ(book.find("bob1"), book.find("Bob"));
  EXPECT_EQ(book.find("eve"), nullptr);
}

TEST_F(FriendBookTest, InAFriendsOnlyNetworkOwnAndMutualFriendsAreReached) {
  EXPECT_TRUE(book.may_reach("Eve")) << "an ordinary network";
  book.set_list({"Ann", {"Bob", "Carol"}, {"Carol"}, true});
  EXPECT_TRUE(book.may_reach("ann"));
  EXPECT_TRUE(book.may_reach("bob"));
  EXPECT_FALSE(book.may_reach("Carol")) << "she has not added Ann";
  EXPECT_FALSE(book.may_reach("Eve"));
  EXPECT_TRUE(book.may_reach("")) << "nothing is known of it";
}

TEST_F(FriendBookTest, AServerThatInventsFriendsAndNodesFillsNoMemory) {
  std::size_t most = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> users;
    for (int i = 0; i < 400; ++i)
      users.push_back(std::string("u").append(std::to_string(round * 400 + i)));
    book.set_list({"Ann", users, {}, false});
    for (int i = 0; i < 400; ++i) {
      auto made = node("x", "10.10.0.9", 1, users[static_cast<std::size_t>(i)].c_str());
      made.name = std::string("n").append(users[static_cast<std::size_t>(i)]);
      made.virtual_address = net::IpAddress::v4(static_cast<std::uint32_t>(0x0a0b0000 + round * 400 + i));
      made.record.identity.bytes[0] = static_cast<std::uint8_t>(i);
      made.record.identity.bytes[1] = static_cast<std::uint8_t>(i >> 8);
      made.record.identity.bytes[2] = static_cast<std::uint8_t>(round);
      (void)book.judge(made);
    }
    most = std::max(most, book.state().friends.size());
  }
  EXPECT_LE(most, store::kMaxFriendEntries);
}

}  // namespace
}  // namespace causeway::node
