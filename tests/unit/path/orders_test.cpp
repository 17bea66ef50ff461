#include "path/orders.hpp"

#include <gtest/gtest.h>

namespace causeway::path {
namespace {

net::Endpoint at(int host) { return {net::IpAddress::v4(0xc0000200u + static_cast<unsigned>(host)), 1000}; }

Contender contender(std::uint32_t id, std::int64_t score, bool vetoed = false) {
  return {.id = id, .pair_priority = 100 - id, .score = score, .vetoed = vetoed};
}

TEST(OwnOrder, IsByScoreThenPriority) {
  OwnOrder order;
  const std::vector<Contender> contenders{contender(1, 5), contender(2, 900'000), contender(3, 5)};
  EXPECT_EQ(order.update(contenders), (std::vector<std::uint32_t>{2, 1, 3}));
  EXPECT_EQ(order.place_of(3), 2u);
  EXPECT_FALSE(order.place_of(9));
}

TEST(OwnOrder, NoiseChangesNothing) {
  OwnOrder order;
  order.update(std::vector<Contender>{contender(1, 500'000), contender(2, 490'000)});
  for (const std::int64_t noise : {510'000, 495'000, 519'999, 480'000}) {
    EXPECT_EQ(order.update(std::vector<Contender>{contender(1, 500'000), contender(2, noise)}).front(), 1u)
        << noise;
  }
  EXPECT_EQ(order.update(std::vector<Contender>{contender(1, 500'000), contender(2, 520'000)}).front(), 2u);
}

TEST(OwnOrder, AMiddlingOneDoesNotBlockABetterOne) {
  OwnOrder order;
  order.update(std::vector<Contender>{contender(1, 500'000), contender(2, 495'000), contender(3, 490'000)});
  // 3 is within the margin of 2, and beyond it of 1.
  const auto& ids = order.update(
      std::vector<Contender>{contender(1, 500'000), contender(2, 510'000), contender(3, 525'000)});
  EXPECT_LT(std::find(ids.begin(), ids.end(), 3u), std::find(ids.begin(), ids.end(), 1u));
}

TEST(OwnOrder, VetoedOnesComeLastAndGoneOnesGo) {
  OwnOrder order;
  order.update(std::vector<Contender>{contender(1, 900'000), contender(2, 10)});
  EXPECT_EQ(order.update(std::vector<Contender>{contender(1, 900'000, true), contender(2, 10)}),
            (std::vector<std::uint32_t>{2, 1}));
  EXPECT_EQ(order.update(std::vector<Contender>{contender(1, 900'000, true)}),
            (std::vector<std::uint32_t>{1}));
}

struct Opinion : ::testing::Test {
  PeerOpinion opinion;
  SteadyTime now{1000s};
  // We are host 1, the peer has 2 and 3.
  std::vector<PeerOpinion::OurPair> ours{{10, at(1), at(2)}, {11, at(1), at(3)}};

  static OrderedPair theirs(int own, bool vetoed = false) { return {at(own), at(1), vetoed}; }
  bool hear(std::uint32_t number, std::vector<OrderedPair> pairs) {
    return opinion.on_order({number, std::move(pairs)}, now);
  }
};

TEST_F(Opinion, NamesOurPairsTheOtherWayRound) {
  EXPECT_EQ(opinion.standing(ours, now), PeerOpinion::Standing::none);
  EXPECT_TRUE(hear(1, {theirs(3), theirs(2, true)}));
  const auto places = opinion.places(ours, now);
  ASSERT_EQ(places.size(), 2u);
  EXPECT_EQ(places.at(11).place, 0u);
  EXPECT_EQ(places.at(10).place, 1u);
  EXPECT_TRUE(places.at(10).vetoed);
  EXPECT_EQ(opinion.standing(ours, now), PeerOpinion::Standing::heard);
}

TEST_F(Opinion, APairThatItHadAndHasNoMoreIsWithdrawn) {
  hear(1, {theirs(2)});
  EXPECT_FALSE(opinion.has_withdrawn(ours[1])) << "it has not seen that one yet";
  hear(2, {theirs(3)});
  EXPECT_TRUE(opinion.has_withdrawn(ours[0]));
  EXPECT_FALSE(opinion.has_withdrawn(ours[1]));
  hear(3, {theirs(3), theirs(2, true)});
  EXPECT_FALSE(opinion.has_withdrawn(ours[0])) << "it is back";
  hear(4, {});
  EXPECT_FALSE(opinion.has_withdrawn(ours[0])) << "no opinion withdraws nothing";
}

TEST_F(Opinion, AFlapperMaySayWhereItIsNoMore) {
  for (std::uint32_t number = 1; number <= 20; ++number)
    hear(number, {theirs(number % 2 == 0 ? 2 : 3)});
  EXPECT_EQ(opinion.standing(ours, now), PeerOpinion::Standing::flapping);
  EXPECT_TRUE(opinion.has_withdrawn(ours[1]));
  EXPECT_FALSE(opinion.has_withdrawn(ours[0]));
}

TEST_F(Opinion, WhatIsRememberedAsWithdrawnIsBounded) {
  hear(1, {theirs(2)});
  for (std::uint32_t number = 2; number < 200; ++number)
    hear(number, {theirs(static_cast<int>(number % 50) + 100)});
  EXPECT_FALSE(opinion.has_withdrawn(ours[0])) << "the oldest is forgotten";
}

TEST_F(Opinion, PairsThatNobodyHasTakeNoPlace) {
  hear(1, {theirs(77), theirs(78), theirs(3)});
  const auto places = opinion.places(ours, now);
  EXPECT_EQ(places.at(11).place, 0u);
  EXPECT_EQ(places.at(10).place, 1u) << "it does not name this one";
  EXPECT_FALSE(places.at(10).vetoed);
}

TEST_F(Opinion, OfUnknownPairsAloneIsNone) {
  hear(1, {theirs(77), theirs(78)});
  EXPECT_TRUE(opinion.places(ours, now).empty());
  EXPECT_EQ(opinion.standing(ours, now), PeerOpinion::Standing::unknown);
}

TEST_F(Opinion, OvertakenOnesDoNotCount) {
  EXPECT_TRUE(hear(5, {theirs(3), theirs(2)}));
  EXPECT_FALSE(hear(5, {theirs(2), theirs(3)}));
  EXPECT_FALSE(hear(4, {theirs(2), theirs(3)}));
  EXPECT_EQ(opinion.places(ours, now).at(11).place, 0u);
  EXPECT_TRUE(hear(0x7fffffff, {theirs(2), theirs(3)}));
  EXPECT_TRUE(hear(0x80000005, {theirs(2), theirs(3)})) << "numbers wrap";
  now += 6s;
  EXPECT_TRUE(hear(1, {theirs(3), theirs(2)})) << "a peer that restarted counts anew";
}

TEST_F(Opinion, OfAFlapperIsNoneUntilItCalmsDown) {
  for (std::uint32_t i = 1; i <= 8; ++i) {
    now += 1s;
    hear(i, i % 2 ? std::vector{theirs(2), theirs(3)} : std::vector{theirs(3), theirs(2)});
  }
  EXPECT_EQ(opinion.standing(ours, now), PeerOpinion::Standing::flapping);
  EXPECT_TRUE(opinion.places(ours, now).empty());
  now += 31s;
  EXPECT_EQ(opinion.standing(ours, now), PeerOpinion::Standing::heard);
}

TEST_F(Opinion, SaidAgainIsNoChange) {
  for (std::uint32_t i = 1; i <= 50; ++i)
    hear(i, {theirs(2), theirs(3)});
  EXPECT_EQ(opinion.standing(ours, now), PeerOpinion::Standing::heard);
}

// ---- what select_path makes of it ----

struct TwoOpinions : ::testing::Test {
  static Contender with(std::uint32_t id, unsigned own, unsigned theirs) {
    Contender made = contender(id, 0);
    made.own_place = own;
    made.peer_place = theirs;
    return made;
  }
  Selection select(std::vector<Contender> contenders, std::optional<std::uint32_t> selected = {}) {
    SelectorInput input{.role = ice::Role::controlling,
                        .contenders = contenders,
                        .selected = selected,
                        .nominated = {},
                        .selected_since = SteadyTime{1s}};
    return select_path(input, SteadyTime{1s}, SteadyTime{1000s});
  }
};

TEST_F(TwoOpinions, TheLowestSumWins) {
  const auto selection = select({with(1, 0, 2), with(2, 1, 0), with(3, 2, 1)}, 1);
  EXPECT_EQ(selection.path, 2u);
  EXPECT_EQ(selection.reason, SwitchReason::agreed);
}

TEST_F(TwoOpinions, TiesAreOurs) {
  EXPECT_EQ(select({with(1, 0, 1), with(2, 1, 0)}).path, 1u);
  EXPECT_FALSE(select({with(1, 0, 1), with(2, 1, 0)}, 1).changed);
}

TEST_F(TwoOpinions, AVetoOfEitherSideComesFirst) {
  auto contenders = std::vector{with(1, 0, 0), with(2, 1, 1)};
  contenders[0].peer_vetoed = true;
  EXPECT_EQ(select(contenders, 1).path, 2u);
  contenders[1].vetoed = true;
  EXPECT_EQ(select(contenders, 1).path, 1u) << "all are vetoed: then none is";
}

TEST_F(TwoOpinions, ASuspectPathLosesWhateverItsPlaces) {
  auto contenders = std::vector{with(1, 0, 0), with(2, 1, 1)};
  contenders[0].losses_in_a_row = kSuspectLosses;
  EXPECT_EQ(select(contenders, 1).path, 2u);
}

TEST_F(TwoOpinions, AWorkingPathIsNotLeftForOneThatFailedOfLate) {
  auto contenders = std::vector{with(1, 1, 1), with(2, 0, 0)};
  contenders[1].not_before = SteadyTime{1010s};
  const auto selection = select(contenders, 1);
  EXPECT_FALSE(selection.changed);
  EXPECT_EQ(selection.ask_again, SteadyTime{1010s});
  EXPECT_EQ(select(contenders).path, 2u) << "without another it is as good as any";
}

TEST_F(TwoOpinions, WithoutThePeersScoresDecide) {
  std::vector<Contender> contenders{contender(1, 500'000), contender(2, 900'000)};
  contenders[1].own_place = 0;
  contenders[0].own_place = 1;
  EXPECT_EQ(select(contenders, 1).path, 2u);
  EXPECT_EQ(select(contenders, 1).reason, SwitchReason::higher_score);
}

}  // namespace
}  // namespace causeway::path
