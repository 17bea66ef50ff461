// Two PathControls over two links in virtual time; ICE is played by the test.
#include "peer/path_control.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace causeway::peer {
namespace {

constexpr net::BaseId kBases[] = {net::BaseId{1}, net::BaseId{2}};

net::Endpoint address(int end, int link) {
  return {net::IpAddress::v4(0xc0000200u + static_cast<unsigned>(link * 10 + end)), 4000};
}

struct TwoEnds : ::testing::Test {
  struct Link {
    Duration delay = 5ms;
    bool is_cut = false;
    std::size_t most_ip_bytes = 65535;
  };
  struct End {
    End(int own, std::uint64_t seed) : number(own), random(seed) {}
    int number;
    SeededRandom random;
    PeerPaths paths;
    PathControl control{paths, random};
    path::PathWatch::Traffic traffic;
  };

  Link links[2];
  End ends[2]{{0, 1}, {1, 2}};
  SteadyTime now{1000s};
  std::multimap<SteadyTime, std::function<void()>> coming;
  bool has_traffic = true;
  std::uint64_t bytes_on_the_wire = 0;
  int changes[2] = {0, 0};  ///< in the newest millisecond

  static ice::PairId pair_of(int link) { return ice::PairId{static_cast<std::uint32_t>(link + 1)}; }

  void validate(End& end, int link, std::uint16_t nic_mtu = 1500) {
    ice::PairView view;
    view.id = pair_of(link);
    view.local.base = kBases[link];
    view.local.address = view.local.base_address = address(end.number, link);
    view.remote.address = address(1 - end.number, link);
    end.paths.on_validated(view, nic_mtu, now);
    end.paths.on_measured(view.id, 2 * links[link].delay);
    end.control.on_validated(view.id, now);
  }
  void begin(std::uint16_t nic_mtu = 1500) {
    for (End& end : ends) {
      end.control.set_enabled(true, now);
      for (const int link : {0, 1})
        validate(end, link, nic_mtu);
      select(end);
    }
  }
  /// As the peer does, with the builtin choice: the first path that is alive.
  void select(End& end) {
    ice::Agent agent(ice::Role::controlling, 1, {"ufrag", "password"}, {}, end.random);
    (void)end.control.take_changed();
    end.paths.reselect(ice::Role::controlling, agent, now);
  }
  void pump(End& end) {
    changes[end.number] = end.control.take_changed();
    if (changes[end.number]) select(end);
    while (auto message = end.control.poll_message()) {
      const int link = static_cast<int>(message->pair) - 1;
      const std::size_t ip_bytes = path::ip_bytes_of(message->plaintext.size(), address(0, link));
      bytes_on_the_wire += ip_bytes;
      if (links[link].is_cut || ip_bytes > links[link].most_ip_bytes) continue;
      coming.emplace(now + links[link].delay, [this, &end, link, bytes = std::move(message->plaintext)] {
        ends[1 - end.number].control.on_message(
            ByteView{bytes}.first(std::min<std::size_t>(1024, bytes.size())), bytes.size(), kBases[link],
            address(end.number, link), now);
      });
    }
  }
  /// TCP between the two: data on the selected path of each, as long as something comes back.
  void carry_data() {
    for (End& end : ends) {
      const auto selected = end.paths.selected();
      if (!has_traffic || !selected) continue;
      end.traffic.sent = now;
      end.traffic.bytes_sent += 3000;
      const int link = static_cast<int>(*selected) - 1;
      const std::size_t size = end.paths.find(*selected)->mtu.mtu();
      if (links[link].is_cut || size > links[link].most_ip_bytes) continue;
      coming.emplace(now + links[link].delay, [this, &end, link] {
        End& other = ends[1 - end.number];
        if (other.paths.selected() == pair_of(link)) other.traffic.arrived = now;
      });
    }
  }
  void run_for(Duration span) {
    for (const SteadyTime until = now + span; now < until; now += 1ms) {
      while (!coming.empty() && coming.begin()->first <= now) {
        const auto what = coming.begin()->second;
        coming.erase(coming.begin());
        what();
      }
      if ((now.time_since_epoch() / 1ms) % 5 == 0) carry_data();
      for (End& end : ends) {
        const auto due = end.control.next_timeout();
        if ((due && *due <= now) || (now.time_since_epoch() / 1ms) % 200 == 0)
          end.control.on_timeout(end.traffic, now);
        pump(end);
      }
    }
  }
  int link_of(const End& end) const {
    const auto selected = end.paths.selected();
    return selected ? static_cast<int>(*selected) - 1 : -1;
  }
};

TEST_F(TwoEnds, EachPathIsProvenAndHasItsMtu) {
  links[1].most_ip_bytes = 1400;
  begin();
  run_for(2s);
  for (const End& end : ends) {
    EXPECT_EQ(end.paths.find(pair_of(0))->mtu.mtu(), 1500);
    EXPECT_EQ(end.paths.find(pair_of(1))->mtu.mtu(), 1400);
    EXPECT_TRUE(end.paths.find(pair_of(1))->mtu.is_proven());
    EXPECT_EQ(end.control.counters().malformed, 0u);
    EXPECT_EQ(end.control.counters().answers_unknown, 0u);
  }
}

TEST_F(TwoEnds, BothLeaveACutPathWithinHalfASecond) {
  begin();
  run_for(3s);
  ASSERT_EQ(link_of(ends[0]), link_of(ends[1]));
  const int link = link_of(ends[0]);
  links[link].is_cut = true;
  run_for(700ms);
  EXPECT_EQ(link_of(ends[0]), 1 - link);
  EXPECT_EQ(link_of(ends[1]), 1 - link);
  EXPECT_EQ(ends[0].paths.reason(), path::SwitchReason::data_lost);
  EXPECT_TRUE(ends[0].paths.find(pair_of(link))->is_dead);
}

TEST_F(TwoEnds, ADeadPathIsWarmWithinThreeSecondsOfItsReturn) {
  begin();
  run_for(3s);
  const int link = link_of(ends[0]);
  links[link].is_cut = true;
  run_for(20s);
  ASSERT_TRUE(ends[0].paths.find(pair_of(link))->is_dead);
  links[link].is_cut = false;
  run_for(3s);
  EXPECT_FALSE(ends[0].paths.find(pair_of(link))->is_dead);
  EXPECT_FALSE(ends[1].paths.find(pair_of(link))->is_dead);
}

TEST_F(TwoEnds, APathThatDiesAgainAndAgainIsWarmSoonAndTakesOverLate) {
  begin();
  run_for(3s);
  // The agent of select() names no pairs, so the first path has the better place by its number.
  for (int death = 0; death < 3; ++death) {
    links[0].is_cut = true;
    ends[0].paths.on_data_lost(pair_of(0), now);
    select(ends[0]);
    EXPECT_EQ(link_of(ends[0]), 1);
    links[0].is_cut = false;
    run_for(3s);
    EXPECT_FALSE(ends[0].paths.find(pair_of(0))->is_dead) << death;
    run_for(5s);
    select(ends[0]);
    EXPECT_EQ(link_of(ends[0]), 1) << "no better score, no reason to return";
  }
  EXPECT_EQ(ends[0].paths.find(pair_of(0))->deaths, 3u);
}

TEST_F(TwoEnds, WithoutAnyPathDataWaitsAndTheFirstThatAnswersIsTaken) {
  begin();
  run_for(3s);
  links[0].is_cut = links[1].is_cut = true;
  run_for(2s);
  EXPECT_EQ(link_of(ends[0]), -1);
  EXPECT_EQ(link_of(ends[1]), -1);
  run_for(10s);
  links[1].is_cut = false;
  run_for(400ms);
  EXPECT_EQ(link_of(ends[0]), 1);
  EXPECT_EQ(link_of(ends[1]), 1);
}

TEST_F(TwoEnds, ALinkThatCarriesLessFromNowOnIsKept) {
  begin();
  run_for(3s);
  const int link = link_of(ends[0]);
  links[link].most_ip_bytes = 1400;
  run_for(1s);
  EXPECT_EQ(link_of(ends[0]), link);
  EXPECT_EQ(ends[0].paths.find(pair_of(link))->mtu.mtu(), 1400);
  EXPECT_EQ(ends[1].paths.find(pair_of(link))->mtu.mtu(), 1400);
  EXPECT_EQ(ends[0].control.counters().paths_lost, 0u);
}

TEST_F(TwoEnds, ASizeThatTheKernelRefusesIsReplacedAtOnce) {
  begin();
  has_traffic = false;
  run_for(3s);
  links[0].most_ip_bytes = 1400;
  ends[0].control.on_size_refused(kBases[0], address(1, 0), now);
  ends[0].control.on_size_refused(net::BaseId{9}, address(1, 0), now);
  run_for(130ms);
  EXPECT_EQ(ends[0].paths.find(pair_of(0))->mtu.mtu(), 1400);
}

TEST_F(TwoEnds, ALinkThatCarriesNoDataAnyMoreIsLeftWhateverSmallPacketsDo) {
  begin();
  run_for(3s);
  const int link = link_of(ends[0]);
  links[link].most_ip_bytes = 600;
  run_for(800ms);
  EXPECT_EQ(link_of(ends[0]), 1 - link);
  EXPECT_EQ(link_of(ends[1]), 1 - link);
}

TEST_F(TwoEnds, TheCompanionIsLetGoWhenTheDoubtIsOver) {
  begin();
  run_for(3s);
  const int link = link_of(ends[0]);
  links[link].is_cut = true;
  run_for(250ms);
  EXPECT_EQ(ends[0].control.companion(), pair_of(1 - link));
  links[link].is_cut = false;
  bool was_told = false;
  for (int i = 0; i < 300 && ends[0].control.companion(); ++i) {
    run_for(1ms);
    was_told |= changes[0] > 0 && !ends[0].control.companion();
  }
  EXPECT_FALSE(ends[0].control.companion());
  EXPECT_TRUE(was_told);
  EXPECT_EQ(link_of(ends[0]), link);
  links[link].is_cut = true;
  run_for(700ms);
  EXPECT_EQ(link_of(ends[0]), 1 - link);
  EXPECT_FALSE(ends[0].control.companion()) << "not of the path that was left";
}

TEST_F(TwoEnds, NothingIsSentOrBelievedWhileDisabled) {
  begin();
  run_for(3s);
  for (End& end : ends)
    end.control.set_enabled(false, now);
  bytes_on_the_wire = 0;
  links[0].is_cut = links[1].is_cut = true;
  run_for(5s);
  EXPECT_EQ(bytes_on_the_wire, 0u);
  EXPECT_NE(link_of(ends[0]), -1) << "ICE alone decides";
}

TEST_F(TwoEnds, IdlePeersSayLittle) {
  begin();
  has_traffic = false;
  run_for(5s);
  bytes_on_the_wire = 0;
  run_for(60s);
  EXPECT_LT(bytes_on_the_wire, 2'000u);
}

// ---- hostile peers ----

TEST_F(TwoEnds, ProbesAreNotAnsweredToWhereNoPairIs) {
  begin();
  run_for(1s);
  PathControl& control = ends[0].control;
  const auto answers = control.counters().answers_sent;
  const Bytes probe = path::encode(path::Probe{77}, 1000);
  control.on_message(probe, probe.size(), kBases[0], address(1, 1), now);
  control.on_message(probe, probe.size(), net::BaseId{9}, address(1, 0), now);
  EXPECT_FALSE(control.poll_message());
  EXPECT_EQ(control.counters().answers_sent, answers);
  EXPECT_EQ(control.counters().probes_refused, 2u);
}

TEST_F(TwoEnds, AFloodOfProbesIsAnsweredInPart) {
  begin();
  run_for(1s);
  PathControl& control = ends[0].control;
  const auto answers = control.counters().answers_sent;
  const Bytes probe = path::encode(path::Probe{77}, 1000);
  for (int i = 0; i < 10'000; ++i)
    control.on_message(probe, probe.size(), kBases[0], address(1, 0), now);
  EXPECT_LE(control.counters().answers_sent - answers, 150u);
  std::size_t bytes = 0;
  while (const auto message = control.poll_message())
    bytes += message->plaintext.size();
  EXPECT_LE(bytes, 150u * path::kLeastProbeBytes);
}

TEST_F(TwoEnds, AnswersCountOnlyForWhatWasAskedAndByThePathItWasAskedOn) {
  begin();
  PathControl& control = ends[0].control;
  control.on_timeout({}, now);
  std::vector<Bytes> probes;
  while (auto message = control.poll_message())
    probes.push_back(std::move(message->plaintext));
  ASSERT_FALSE(probes.empty());
  const auto probe = std::get<path::Probe>(*path::parse_path_message(probes.front()));
  const auto length = static_cast<std::uint16_t>(probes.front().size());
  const auto answer = [&](std::uint64_t id, std::uint16_t bytes, int link) {
    const Bytes message = path::encode(path::ProbeAnswer{id, bytes});
    control.on_message(message, message.size(), kBases[link], address(1, link), now);
  };
  answer(probe.id + 1, length, 0);
  answer(probe.id, static_cast<std::uint16_t>(length - 1), 0);
  answer(probe.id, length, 1);
  EXPECT_EQ(control.counters().answers_unknown, 3u);
  EXPECT_FALSE(ends[0].paths.find(pair_of(0))->mtu.is_proven());
  answer(probe.id, length, 0);
  EXPECT_TRUE(ends[0].paths.find(pair_of(0))->mtu.is_proven());
  answer(probe.id, length, 0);
  EXPECT_EQ(control.counters().answers_unknown, 4u) << "once";
}

TEST_F(TwoEnds, AnyBytesAreSurvived) {
  begin();
  run_for(1s);
  SeededRandom random(7);
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes(random.below(100));
    random.fill(bytes);
    if (bytes.size() > 1) bytes[0] = 0x81, bytes[1] = static_cast<std::uint8_t>(random.below(5));
    const int link = static_cast<int>(random.below(2));
    ends[0].control.on_message(bytes, bytes.size(), kBases[link], address(1, link), now);
    while (ends[0].control.poll_message()) {
    }
  }
  run_for(1s);
  EXPECT_NE(link_of(ends[0]), -1);
}

}  // namespace
}  // namespace causeway::peer
