#include "dataplane/loop_mesh.hpp"

#include <poll.h>

#include <thread>

#include "dataplane/wake_up.hpp"
#include "forwarder_fixture.hpp"
#include "support/allocation_count.hpp"

namespace causeway::dataplane {
namespace {

struct Mesh : ::testing::Test {
  std::array<WakeUp, 3> wake_ups;
  LoopMesh mesh{{&wake_ups[0], &wake_ups[1], &wake_ups[2]}};

  static bool is_signalled(const WakeUp& wake_up) {
    pollfd waiting{wake_up.descriptor(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
  }
  std::vector<Bytes> take(unsigned loop, std::size_t most = 100) {
    std::vector<Bytes> taken;
    mesh.port(loop).take(most, [&](const HandoverLabel&, MutableByteView bytes) {
      taken.emplace_back(bytes.begin(), bytes.end());
    });
    return taken;
  }
};

TEST_F(Mesh, a_packet_goes_where_it_is_sent_and_nowhere_else) {
  ASSERT_TRUE(mesh.port(0).give_frame(1, {.gso_bytes = 9}, Bytes{1}));
  ASSERT_TRUE(mesh.port(2).give_datagram(1, {kBase, endpoint("192.0.2.1:7"), {}, 500, 3}, Bytes{2, 2}));
  EXPECT_FALSE(mesh.port(0).has_any());
  EXPECT_FALSE(mesh.port(2).has_any());
  ASSERT_TRUE(mesh.port(1).has_any());
  std::vector<HandoverLabel> labels;
  mesh.port(1).take(10, [&](const HandoverLabel& label, MutableByteView) { labels.push_back(label); });
  ASSERT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels[0].kind, HandoverLabel::Kind::frame);
  EXPECT_EQ(labels[0].header.gso_bytes, 9);
  EXPECT_EQ(labels[1].kind, HandoverLabel::Kind::datagram);
  EXPECT_EQ(labels[1].origin.base, kBase);
  EXPECT_EQ(labels[1].origin.from, endpoint("192.0.2.1:7"));
  EXPECT_EQ(labels[1].origin.segment_bytes, 2) << "one datagram, whatever batch it came in";
  EXPECT_EQ(labels[1].origin.ecn, 3);
  EXPECT_FALSE(mesh.port(1).has_any());
}

TEST_F(Mesh, each_giver_has_its_share_of_a_turn) {
  for (int i = 0; i < 5; ++i) {
    mesh.port(0).give_frame(1, {}, Bytes{0});
    mesh.port(2).give_frame(1, {}, Bytes{2});
  }
  EXPECT_EQ(take(1, 2), (std::vector<Bytes>{{0}, {0}, {2}, {2}}));
  EXPECT_TRUE(mesh.port(1).has_any());
  EXPECT_EQ(take(1).size(), 6u);
}

TEST_F(Mesh, a_burst_wakes_its_receiver_once_and_only_if_it_sleeps) {
  wake_ups[1].announce_sleep();
  for (int i = 0; i < 5; ++i)
    mesh.port(0).give_frame(1, {}, Bytes(100));
  EXPECT_FALSE(is_signalled(wake_ups[1])) << "the burst goes on";
  mesh.port(0).wake_receivers();
  EXPECT_TRUE(is_signalled(wake_ups[1]));
  wake_ups[1].awake();
  wake_ups[1].clear();
  wake_ups[1].announce_sleep();
  mesh.port(0).wake_receivers();
  EXPECT_FALSE(is_signalled(wake_ups[1])) << "nothing was given since";
  EXPECT_FALSE(is_signalled(wake_ups[2]));
  wake_ups[1].awake();
  mesh.port(0).give_frame(1, {}, Bytes(100));
  mesh.port(0).wake_receivers();
  EXPECT_FALSE(is_signalled(wake_ups[1])) << "awake";
}

TEST_F(Mesh, a_burst_that_fills_a_ring_wakes_its_receiver_before_it_is_over) {
  wake_ups[1].announce_sleep();
  while (!is_signalled(wake_ups[1]))
    ASSERT_TRUE(mesh.port(0).give_frame(1, {}, Bytes(60'000)));
  EXPECT_TRUE(mesh.port(0).give_frame(1, {}, Bytes(60'000))) << "with room to spare";
}

TEST_F(Mesh, memory_comes_with_the_first_packet_and_is_bounded) {
  EXPECT_EQ(mesh.use(1).capacity_bytes, 0u);
  std::size_t given = 0;
  while (mesh.port(0).give_frame(1, {}, Bytes(60'000)))
    ++given;
  EXPECT_EQ(mesh.use(1).capacity_bytes, LoopMesh::ring_bytes(3));
  EXPECT_LE(mesh.use(1).used_bytes, mesh.use(1).capacity_bytes);
  EXPECT_GT(given, LoopMesh::ring_bytes(3) / 62'000 - 2);
  EXPECT_EQ(take(1, 1000).size(), given);
  EXPECT_EQ(mesh.use(1).used_bytes, 0u);

  for (unsigned loops = 2; loops <= kMostLoops; ++loops) {
    const std::size_t bytes = LoopMesh::ring_bytes(loops);
    EXPECT_GE(bytes, HandoverRing::kLeastCapacity);
    if (loops <= 8) {
      EXPECT_LE(bytes * loops * (loops - 1), 16u << 20) << loops;
    }
  }
}

TEST_F(Mesh, handing_over_allocates_nothing_in_steady_state) {
  Node first{"10.10.0.101"};
  first.forwarder =
      std::make_unique<Forwarder>(first.tun, first.events, first.drops, Forwarder::Options{}, &mesh.port(0));
  first.route({{prefix("10.10.0.102/32"), kPeer, 1}});
  first.tun.put(build_super_frame({.payload = Bytes(60000, 1)}, 1400));
  first.tun.put(build({.payload = Bytes(64, 1)}));
  Bytes message(64, 0xee);
  packet::store_be32(message.data(), 0x04000000);
  packet::store_be32(message.data() + 4, 0x01000000);
  const ReceivedBatch batch{kBase, endpoint("192.0.2.1:7"), message, 64};
  const auto one_round = [&] {
    first.tun.rewind();
    first.forwarder->on_tun_readable(first.now);
    first.forwarder->on_received(batch, first.now);
    mesh.port(0).wake_receivers();
    std::size_t taken = 0;
    mesh.port(1).take(100, [&](const HandoverLabel&, MutableByteView) { ++taken; });
    return taken;
  };
  for (int i = 0; i < 64; ++i)
    first.tun.put(build({.source_port = 6, .payload = Bytes(64, 1)}));  // FakeTun forgets when it runs empty
  ASSERT_EQ(one_round(), 65u);
  const std::size_t before = testing::allocations_of_this_thread();
  for (int round = 0; round < 100; ++round)
    one_round();
  EXPECT_EQ(testing::allocations_of_this_thread() - before, 0u);
  EXPECT_EQ(first.dropped_in_all(), 0u);
}

TEST_F(Mesh, a_receiver_that_sleeps_whenever_it_may_misses_nothing) {
  constexpr int kCount = 20'000;
  const auto give_all = [&](unsigned from) {
    for (int i = 0; i < kCount;) {
      if (mesh.port(from).give_frame(1, {}, Bytes(64))) {
        ++i;
      } else {
        std::this_thread::yield();
      }
      if (i % 7 == 0) mesh.port(from).wake_receivers();
    }
    mesh.port(from).wake_receivers();
  };
  std::thread first([&] { give_all(0); });
  std::thread third([&] { give_all(2); });
  int taken = 0;
  while (taken < 2 * kCount) {
    mesh.port(1).take(64, [&](const HandoverLabel&, MutableByteView) { ++taken; });
    if (taken == 2 * kCount) break;
    wake_ups[1].announce_sleep();
    if (!mesh.port(1).has_any()) {
      pollfd waiting{wake_ups[1].descriptor(), POLLIN, 0};
      ASSERT_EQ(::poll(&waiting, 1, 10'000), 1) << "slept over " << 2 * kCount - taken;
      wake_ups[1].clear();
    }
    wake_ups[1].awake();
  }
  first.join();
  third.join();
  EXPECT_FALSE(mesh.port(1).has_any());
}

}  // namespace
}  // namespace causeway::dataplane
