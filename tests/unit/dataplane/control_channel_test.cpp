#include "dataplane/control_channel.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>
#include <vector>

namespace causeway::dataplane {
namespace {

bool is_readable(int descriptor) {
  pollfd waiting{descriptor, POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

void wait_readable(int descriptor) {
  pollfd waiting{descriptor, POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
}

Event datagram(ControlDatagram::Class kind, std::uint8_t content = 0) {
  return ControlDatagram{kind, net::BaseId{1}, {}, Bytes{content}};
}
Event stun(std::uint8_t content = 0) { return datagram(ControlDatagram::Class::stun, content); }
Event handshake(std::uint8_t content = 0) { return datagram(ControlDatagram::Class::handshake, content); }
Event confirmed(std::uint32_t index) { return KeypairConfirmed{PeerId{1}, index}; }

std::vector<Event> take(ControlChannel& channel, std::size_t most = 100'000) {
  std::vector<Event> events;
  channel.take_events(most, [&](Event&& event) { events.push_back(std::move(event)); });
  return events;
}

TEST(ControlChannel, commands_arrive_in_order) {
  ControlChannel channel;
  for (std::uint32_t i = 1; i <= 10; ++i)
    ASSERT_TRUE(channel.send(RemovePeer{PeerId{i}}));
  std::uint32_t next = 1;
  const auto visit = [&](Command&& command) {
    EXPECT_EQ(std::get<RemovePeer>(command).peer, PeerId{next++});
  };
  EXPECT_EQ(channel.take_commands(4, visit), 4u);
  EXPECT_EQ(channel.take_commands(100, visit), 6u);
  EXPECT_EQ(channel.take_commands(100, visit), 0u);
}

TEST(ControlChannel, a_full_command_queue_refuses_and_keeps_the_command) {
  ControlChannel channel;
  for (std::size_t i = 0; i < ControlChannel::kCommands; ++i)
    ASSERT_TRUE(channel.send(RemovePeer{PeerId{1}}));
  Command command = AddPeer{PeerId{7}, session::PeerKind::causeway, std::make_shared<PeerCounters>()};
  EXPECT_FALSE(channel.try_send(command));
  EXPECT_NE(std::get<AddPeer>(command).counters, nullptr);
  EXPECT_EQ(channel.take_commands(1, [](Command&&) {}), 1u);
  EXPECT_TRUE(channel.try_send(command));
}

TEST(ControlChannel, a_control_thread_that_is_too_fast_waits_and_loses_nothing) {
  ControlChannel channel;
  constexpr std::uint32_t kCount = 3 * ControlChannel::kCommands;
  std::thread control([&] {
    for (std::uint32_t i = 1; i <= kCount; ++i)
      EXPECT_TRUE(channel.send(RemovePeer{PeerId{i}}));
  });
  std::uint32_t next = 1;
  while (next <= kCount) {
    channel.take_commands(
        64, [&](Command&& command) { EXPECT_EQ(std::get<RemovePeer>(command).peer, PeerId{next++}); });
    if (next > kCount || !channel.prepare_sleep()) continue;
    wait_readable(channel.commands_descriptor());
    channel.awake(true);
  }
  control.join();
}

TEST(ControlChannel, closing_lets_a_waiting_control_thread_go) {
  ControlChannel channel;
  for (std::size_t i = 0; i < ControlChannel::kCommands; ++i)
    ASSERT_TRUE(channel.send(RemovePeer{PeerId{1}}));
  bool sent = true;
  std::thread control([&] { sent = channel.send(RemovePeer{PeerId{2}}); });
  channel.close();
  control.join();
  EXPECT_FALSE(sent);
  Command late = RemovePeer{PeerId{3}};
  EXPECT_FALSE(channel.try_send(late));
}

TEST(ControlChannel, a_loop_that_is_awake_is_not_woken) {
  ControlChannel channel;
  ASSERT_TRUE(channel.send(RemovePeer{PeerId{1}}));
  EXPECT_FALSE(is_readable(channel.commands_descriptor()));
  EXPECT_FALSE(channel.prepare_sleep()) << "a command is there";
  EXPECT_EQ(channel.take_commands(10, [](Command&&) {}), 1u);
  EXPECT_TRUE(channel.prepare_sleep());
  ASSERT_TRUE(channel.send(RemovePeer{PeerId{2}}));
  EXPECT_TRUE(is_readable(channel.commands_descriptor()));
  channel.awake(true);
  EXPECT_FALSE(is_readable(channel.commands_descriptor()));
}

TEST(ControlChannel, events_make_the_descriptor_readable_until_they_are_taken) {
  ControlChannel channel;
  EXPECT_FALSE(is_readable(channel.descriptor()));
  ASSERT_TRUE(channel.push(stun()));
  ASSERT_TRUE(channel.push(stun()));
  EXPECT_TRUE(is_readable(channel.descriptor()));
  EXPECT_EQ(take(channel).size(), 2u);
  EXPECT_FALSE(is_readable(channel.descriptor()));
  ASSERT_TRUE(channel.push(handshake()));
  EXPECT_TRUE(is_readable(channel.descriptor()));
}

TEST(ControlChannel, what_is_left_keeps_the_descriptor_readable) {
  ControlChannel channel;
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(channel.push(stun()));
  EXPECT_EQ(take(channel, 3).size(), 3u);
  EXPECT_TRUE(is_readable(channel.descriptor()));
  EXPECT_EQ(take(channel, 3).size(), 2u);
  EXPECT_FALSE(is_readable(channel.descriptor()));
}

TEST(ControlChannel, a_flood_of_handshakes_starves_neither_stun_nor_state) {
  ControlChannel channel;
  for (std::size_t i = 0; i < ControlChannel::kHandshakes; ++i)
    ASSERT_TRUE(channel.push(handshake()));
  Event refused = handshake(42);
  EXPECT_FALSE(channel.push(std::move(refused)));
  EXPECT_EQ(std::get<ControlDatagram>(refused).bytes, Bytes{42}) << "unchanged, may be offered again";
  EXPECT_EQ(channel.pending_handshakes(), ControlChannel::kHandshakes);
  EXPECT_TRUE(channel.push(stun(1)));
  EXPECT_TRUE(channel.push(SessionWanted{PeerId{1}}));
  EXPECT_TRUE(channel.push(confirmed(9)));
  const auto first = take(channel, 4);
  ASSERT_EQ(first.size(), 4u);
  EXPECT_TRUE(std::holds_alternative<KeypairConfirmed>(first[0])) << "state first";
  EXPECT_EQ(std::get<ControlDatagram>(first[1]).datagram_class, ControlDatagram::Class::stun);
  EXPECT_EQ(std::get<ControlDatagram>(first[2]).datagram_class, ControlDatagram::Class::handshake);
  EXPECT_TRUE(std::holds_alternative<SessionWanted>(first[3]));
}

TEST(ControlChannel, each_kind_has_its_bound) {
  ControlChannel channel;
  const auto room = [&](auto make) {
    std::size_t taken = 0;
    while (channel.push(make()))
      ++taken;
    return taken;
  };
  EXPECT_EQ(room([] { return stun(); }), ControlChannel::kStun);
  EXPECT_EQ(room([] { return handshake(); }), ControlChannel::kHandshakes);
  EXPECT_EQ(room([] { return Event(PeerWanted{}); }), ControlChannel::kRequests);
  EXPECT_EQ(room([] { return confirmed(1); }), ControlChannel::kState);
  EXPECT_EQ(take(channel).size(), ControlChannel::kStun + ControlChannel::kHandshakes +
                                      ControlChannel::kRequests + ControlChannel::kState);
}

TEST(ControlChannel, two_threads_that_sleep_lose_no_event) {
  ControlChannel channel;
  constexpr std::uint32_t kCount = 200'000;
  std::thread loop([&] {
    for (std::uint32_t i = 1; i <= kCount; ++i) {
      while (!channel.push(confirmed(i)))
        std::this_thread::yield();
      if (i % 3 == 0) channel.push(handshake());  // may be refused
    }
  });
  std::uint32_t next = 1;
  while (next <= kCount) {
    wait_readable(channel.descriptor());
    channel.take_events(100, [&](Event&& event) {
      if (const auto* state = std::get_if<KeypairConfirmed>(&event)) {
        EXPECT_EQ(state->local_index, next++);
      }
    });
  }
  loop.join();
}

TEST(ControlChannel, values_leave_the_queue_when_they_are_taken) {
  ControlChannel channel;
  auto counters = std::make_shared<PeerCounters>();
  ASSERT_TRUE(channel.send(AddPeer{PeerId{7}, session::PeerKind::causeway, counters}));
  EXPECT_EQ(counters.use_count(), 2);
  channel.take_commands(1, [](Command&&) {});
  EXPECT_EQ(counters.use_count(), 1);
}

}  // namespace
}  // namespace causeway::dataplane
