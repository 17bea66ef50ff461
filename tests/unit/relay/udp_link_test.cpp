// A link over UDP against a relay of the test's own, on loopback sockets.
#include "relay/udp_link.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include "support/allocation_count.hpp"
#include "unit/relay/toy_codec.hpp"

namespace causeway::relay {
namespace {

using dataplane::ReceiveStatus;
using dataplane::SendStatus;
using test::relayed;
using test::text_of;
using test::ToyCodec;

const net::Endpoint kAnna = *net::Endpoint::parse("203.0.113.20:40000");
const net::Endpoint kBob = *net::Endpoint::parse("203.0.113.21:40001");
const net::IpAddress kLoopback = *net::IpAddress::parse("127.0.0.1");

class UdpLinkTest : public ::testing::TestWithParam<bool> {
 protected:
  UdpLinkTest() {
    relay_.emplace(*net::UdpSocket::open({.address = kLoopback, .use_gso = GetParam(), .use_gro = false}));
    auto socket = net::UdpSocket::open({.address = kLoopback, .use_gso = GetParam(), .use_gro = GetParam()});
    EXPECT_TRUE(socket->connect(relay_->local()));
    link_ = std::make_unique<UdpLink>(std::move(*socket), std::make_shared<ToyCodec>(), wake_up_);
    link_->set_base(net::BaseId{77});
    link_->set_allocated(true);
  }

  static bool wait_readable(int descriptor) {
    pollfd poll{descriptor, POLLIN, 0};
    return ::poll(&poll, 1, 5000) == 1;
  }
  /// From the relay to the link, `segment` bytes each.
  void give(const Bytes& bytes, std::size_t segment = 0) {
    ASSERT_EQ(relay_->send(link_->local(), bytes, segment == 0 ? bytes.size() : segment).error, 0);
  }
  /// What the data loop would be handed next; empty when there is nothing.
  std::string take(std::uint16_t* segment = nullptr, net::Endpoint* from = nullptr) {
    dataplane::ReceivedBatch batch;
    if (!link_->has_more() && !wait_readable(link_->descriptor())) return "timeout";
    if (link_->receive({}, batch) != ReceiveStatus::received) return "";
    EXPECT_EQ(batch.base, net::BaseId{77});
    if (segment) *segment = batch.segment_bytes;
    if (from) *from = batch.from;
    return text_of(batch.bytes);
  }
  std::string at_relay() {
    Bytes buffer(net::UdpSocket::kReceiveBytes);
    if (!wait_readable(relay_->descriptor())) return "timeout";
    const auto got = relay_->receive(buffer);
    EXPECT_EQ(got.from, link_->local());
    return text_of(ByteView(buffer).first(got.bytes));
  }

  std::shared_ptr<dataplane::WakeUp> wake_up_ = std::make_shared<dataplane::WakeUp>();
  std::optional<net::UdpSocket> relay_;
  std::unique_ptr<UdpLink> link_;
};
INSTANTIATE_TEST_SUITE_P(Offloads, UdpLinkTest, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "with" : "without"; });

TEST_P(UdpLinkTest, SendsEachSegmentFramed) {
  const Bytes bytes = {'a', 'a', 'a', 'b', 'b', 'b', 'c'};
  const auto outcome = link_->send(kAnna, {bytes, 3});
  EXPECT_EQ(outcome.status, SendStatus::sent);
  EXPECT_EQ(outcome.segments_sent, 3U);
  for (const char* payload : {"aaa", "bbb", "c"})
    EXPECT_EQ(at_relay(), text_of(relayed(kAnna, payload)));
  EXPECT_EQ(link_->counters().sent, 3U);
}

TEST_P(UdpLinkTest, SendsMoreThanFitsOneCall) {
  const Bytes bytes(200 * 100, 'x');
  EXPECT_EQ(link_->send(kAnna, {bytes, 100}).segments_sent, 200U);
  for (int i = 0; i < 200; ++i)
    ASSERT_EQ(at_relay(), text_of(relayed(kAnna, std::string(100, 'x'))));
}

TEST_P(UdpLinkTest, WhatWrapDropsCountsAndDoesNotFailThePath) {
  const net::Endpoint refused = {kAnna.address, ToyCodec::kRefusedPort};
  const Bytes bytes(10, 'x');
  const auto outcome = link_->send(refused, {bytes, 4});
  EXPECT_EQ(outcome.status, SendStatus::sent);
  EXPECT_EQ(link_->counters().dropped_by_wrap, 3U);
  EXPECT_EQ(link_->counters().sent, 0U);
}

TEST_P(UdpLinkTest, AVeryLongDatagramIsTooBigAndSaysWhichOne) {
  const Bytes bytes(65'000, 'x');
  const auto fits = link_->send(kAnna, {bytes, 65'000});
  EXPECT_EQ(fits.status, SendStatus::sent);  // loopback's MTU is 65,536
  const Bytes longer(65'507, 'x');
  const auto outcome = link_->send(kAnna, {longer, 65'507});
  EXPECT_EQ(outcome.status, SendStatus::too_big);
  EXPECT_EQ(outcome.segments_sent, 0U);
}

TEST_P(UdpLinkTest, PeersDatagramsComeBackToBack) {
  Bytes batch;
  for (const char* payload : {"first...", "second..", "third"}) {
    const Bytes message = relayed(kAnna, payload);
    batch.insert(batch.end(), message.begin(), message.end());
  }
  give(batch, 15);
  std::string all;
  std::uint16_t segment = 0;
  net::Endpoint from;
  while (all.size() < 21) {
    all += take(&segment, &from);
    EXPECT_EQ(from, kAnna);
    ASSERT_EQ(all.find("timeout"), std::string::npos);
  }
  EXPECT_EQ(all, "first...second..third");
}

TEST_P(UdpLinkTest, SendersAndSizesAreKeptApart) {
  for (const auto& [peer, payload] :
       {std::pair{kAnna, "one"}, {kBob, "two"}, {kBob, "longer"}, {kAnna, "end"}})
    give(relayed(peer, payload));
  std::uint16_t segment = 0;
  net::Endpoint from;
  EXPECT_EQ(take(&segment, &from), "one");
  EXPECT_EQ(from, kAnna);
  EXPECT_EQ(take(&segment, &from), "two");
  EXPECT_EQ(from, kBob);
  EXPECT_EQ(segment, 3);
  EXPECT_EQ(take(&segment, &from), "longer");
  EXPECT_EQ(segment, 6);
  EXPECT_EQ(take(&segment, &from), "end");
  EXPECT_EQ(from, kAnna);
}

TEST_P(UdpLinkTest, MessagesGoToControlAndNoiseNowhere) {
  wake_up_->announce_sleep();
  give({'C', 'h', 'i'});
  give({'?', '?', '?'});
  give({});
  give(relayed(kAnna, "data"));
  EXPECT_EQ(take(), "data");
  EXPECT_TRUE(wait_readable(wake_up_->descriptor()));
  const auto message = link_->take_message();
  ASSERT_TRUE(message);
  EXPECT_EQ(text_of(*message), "Chi");
  EXPECT_FALSE(link_->take_message());
  EXPECT_GE(link_->counters().dropped_by_unwrap, 1U);
}

TEST_P(UdpLinkTest, AFloodOfMessagesIsCut) {
  for (int i = 0; i < 100; ++i)
    give({'C', 'x'});
  give(relayed(kAnna, "data"));
  std::string got;
  while (got.empty())
    got = take();
  EXPECT_EQ(got, "data");
  std::size_t taken = 0;
  while (link_->take_message())
    ++taken;
  EXPECT_EQ(taken, UdpLink::kMostMessages);
  EXPECT_EQ(link_->counters().dropped_queue_full, 100 - UdpLink::kMostMessages);
}

TEST_P(UdpLinkTest, WithoutAnAllocationNobodysDatagramsPass) {
  link_->set_allocated(false);
  give(relayed(kAnna, "early"));
  EXPECT_EQ(take(), "");
  EXPECT_EQ(link_->counters().dropped_by_unwrap, 1U);
}

TEST_P(UdpLinkTest, OnlyTheRelayIsHeard) {
  auto stranger = *net::UdpSocket::open({.address = kLoopback});
  const Bytes forged = relayed(kAnna, "forged");
  stranger.send(link_->local(), forged, forged.size());
  give(relayed(kAnna, "real"));
  EXPECT_EQ(take(), "real");
}

TEST_P(UdpLinkTest, AServerThatIsGoneIsNoticedUnlessItWasHeardMeanwhile) {
  give(relayed(kAnna, "before"));
  EXPECT_EQ(take(), "before");
  EXPECT_FALSE(link_->is_refused());
  relay_.reset();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const Bytes bytes = {'x'};
  while (!link_->is_refused() && std::chrono::steady_clock::now() < end)
    link_->send(kAnna, {bytes, 1});
  EXPECT_TRUE(link_->is_refused());
}

TEST_P(UdpLinkTest, SteadyTrafficAllocatesNothing) {
  const Bytes out(40 * 1200, 'x');
  Bytes in;
  for (int i = 0; i < 40; ++i) {
    const Bytes message = relayed(kAnna, std::string(1200, 'y'));
    in.insert(in.end(), message.begin(), message.end());
  }
  Bytes buffer(net::UdpSocket::kReceiveBytes);
  const auto round = [&] {
    link_->send(kAnna, {out, 1200});
    for (int i = 0; i < 40; ++i) {
      wait_readable(relay_->descriptor());
      relay_->receive(buffer);
    }
    relay_->send(link_->local(), in, 1207);
    std::size_t got = 0;
    while (got < 40 * 1200) {
      dataplane::ReceivedBatch batch;
      if (!link_->has_more() && !wait_readable(link_->descriptor())) break;
      if (link_->receive({}, batch) == ReceiveStatus::received) got += batch.bytes.size();
    }
    EXPECT_EQ(got, 40U * 1200);
  };
  round();
  const std::size_t before = causeway::testing::allocations_of_this_thread();
  round();
  EXPECT_EQ(causeway::testing::allocations_of_this_thread(), before);
}

}  // namespace
}  // namespace causeway::relay
