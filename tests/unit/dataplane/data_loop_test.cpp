#include "dataplane/data_loop.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <future>

#include "dataplane/udp_base.hpp"
#include "forwarder_fixture.hpp"

namespace causeway::dataplane {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

class SilentTun final : public tun::TunDevice {
 public:
  ReadResult read(MutableByteView) noexcept override { return {}; }
  int write(const tun::VnetHeader&, ByteView) noexcept override { return 0; }
  int descriptor() const override { return -1; }
  tun::TunOffloads offloads() const override { return {}; }
  const std::string& name() const override { return name_; }

 private:
  std::string name_ = "silent0";
};

/// A base that is always readable; what a receive gives is the test's.
class FakeBase final : public PollableCarrier {
 public:
  using Receive = std::function<ReceiveStatus(MutableByteView, ReceivedBatch&)>;
  explicit FakeBase(Receive receive) : receive_(std::move(receive)), readable_(::eventfd(1, EFD_CLOEXEC)) {}
  ~FakeBase() override { gone_.set_value(); }
  std::future<void> gone() { return gone_.get_future(); }

  SendOutcome send(const net::Endpoint&, const SendBatch&) noexcept override { return {}; }
  int descriptor() const override { return readable_.get(); }
  ReceiveStatus receive(MutableByteView buffer, ReceivedBatch& received) noexcept override {
    return receive_(buffer, received);
  }

 private:
  Receive receive_;
  net::FileDescriptor readable_;
  std::promise<void> gone_;
};

/// A STUN Binding request without attributes, of `base`.
ReceiveStatus give_stun(net::BaseId base, MutableByteView buffer, ReceivedBatch& received) {
  constexpr std::array<std::uint8_t, 20> kRequest{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
  std::copy(kRequest.begin(), kRequest.end(), buffer.begin());
  received = {base, {}, buffer.first(kRequest.size()), static_cast<std::uint16_t>(kRequest.size())};
  return ReceiveStatus::received;
}

class DataLoopTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(loop_.start()); }

  /// True once the loop has obeyed everything sent before.
  bool has_caught_up() {
    auto marker = std::make_shared<FakeBase>([](auto, auto&) { return ReceiveStatus::empty; });
    auto gone = marker->gone();
    channel_.send(AddBase{net::BaseId{999}, std::move(marker)});
    channel_.send(RemoveBase{net::BaseId{999}});
    return gone.wait_for(kPatience) == std::future_status::ready;
  }

  /// Waits for a STUN datagram of this base; others are passed over.
  bool stun_comes_from(net::BaseId base) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    bool seen = false;
    while (!seen && std::chrono::steady_clock::now() < deadline) {
      pollfd waiting{channel_.descriptor(), POLLIN, 0};
      if (::poll(&waiting, 1, 1000) != 1) continue;
      channel_.take_events(1000, [&](Event&& event) {
        const auto* datagram = std::get_if<ControlDatagram>(&event);
        seen = seen || (datagram != nullptr && datagram->base == base);
      });
    }
    return seen;
  }

  SilentTun tun_;
  ControlChannel channel_;
  DropCounters drops_;
  DataLoop loop_{tun_, channel_, drops_};
};

TEST_F(DataLoopTest, stops_while_it_sleeps_and_only_once) {
  loop_.stop();
  loop_.stop();
  EXPECT_FALSE(channel_.send(RemovePeer{PeerId{1}})) << "nobody is there to obey";
}

TEST_F(DataLoopTest, a_removed_base_is_let_go_while_the_loop_runs) {
  auto base = std::make_shared<FakeBase>([](auto, auto&) { return ReceiveStatus::empty; });
  auto gone = base->gone();
  channel_.send(AddBase{net::BaseId{1}, std::move(base)});
  ASSERT_TRUE(has_caught_up());
  EXPECT_EQ(gone.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  channel_.send(RemoveBase{net::BaseId{1}});
  EXPECT_EQ(gone.wait_for(kPatience), std::future_status::ready);
}

TEST_F(DataLoopTest, a_base_that_the_control_thread_keeps_is_read_no_more_after_its_removal) {
  std::atomic<int> reads{0};
  auto base = std::make_shared<FakeBase>([&](auto, auto&) {
    ++reads;
    return ReceiveStatus::empty;
  });
  channel_.send(AddBase{net::BaseId{1}, base});
  channel_.send(RemoveBase{net::BaseId{1}});
  ASSERT_TRUE(has_caught_up());
  const int before = reads;
  ASSERT_TRUE(has_caught_up());
  EXPECT_EQ(reads, before);
}

// The control thread installs a keypair and only then answers the handshake; the first message under it may
// be here before the loop has begun its next turn.
TEST_F(DataLoopTest, a_keypair_is_there_for_a_message_that_came_after_it) {
  KeypairPair keys = make_keypairs(0x11111111, 0x22222222, read_clocks().steady);
  session::Keypair initiator(keys.initiator);
  channel_.send(AddPeer{
      .peer = kPeer, .kind = session::PeerKind::causeway, .counters = std::make_shared<PeerCounters>()});
  int reads = 0;
  auto base = std::make_shared<FakeBase>([&](MutableByteView buffer, ReceivedBatch& received) {
    if (++reads > 1) return ReceiveStatus::empty;
    channel_.send(InstallPeerKeypair{kPeer, keys.responder});
    const std::size_t bytes = initiator.seal({}, buffer);
    received = {kBase, {}, buffer.first(bytes), static_cast<std::uint16_t>(bytes)};
    return ReceiveStatus::received;
  });
  channel_.send(AddBase{kBase, std::move(base)});
  bool confirmed = false;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!confirmed && std::chrono::steady_clock::now() < deadline) {
    pollfd waiting{channel_.descriptor(), POLLIN, 0};
    if (::poll(&waiting, 1, 1000) != 1) continue;
    channel_.take_events(
        1000, [&](Event&& event) { confirmed |= std::holds_alternative<KeypairConfirmed>(event); });
  }
  EXPECT_TRUE(confirmed);
  EXPECT_EQ(drops_.get(DropReason::unknown_index), 0u);
  loop_.stop();
}

TEST_F(DataLoopTest, a_base_may_go_while_it_is_read) {
  int reads = 0;
  auto base = std::make_shared<FakeBase>([&](MutableByteView buffer, ReceivedBatch& received) {
    if (++reads == 1) channel_.send(RemoveBase{kBase});
    return give_stun(kBase, buffer, received);
  });
  auto gone = base->gone();
  channel_.send(AddBase{kBase, std::move(base)});
  EXPECT_EQ(gone.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(reads, 1);
  loop_.stop();
}

TEST_F(DataLoopTest, stopping_lets_every_base_go) {
  auto base = std::make_shared<FakeBase>([](auto, auto&) { return ReceiveStatus::empty; });
  auto weak = std::weak_ptr(base);
  {
    ControlChannel channel;
    DataLoop loop(tun_, channel, drops_);
    ASSERT_TRUE(loop.start());
    channel.send(AddBase{net::BaseId{1}, std::move(base)});
    loop.stop();
  }
  EXPECT_TRUE(weak.expired());
}

TEST_F(DataLoopTest, an_endless_base_starves_neither_commands_nor_another_base) {
  const auto give = [](net::BaseId id) {
    return [id](MutableByteView buffer, ReceivedBatch& received) { return give_stun(id, buffer, received); };
  };
  channel_.send(AddBase{net::BaseId{1}, std::make_shared<FakeBase>(give(net::BaseId{1}))});
  ASSERT_TRUE(stun_comes_from(net::BaseId{1}));
  channel_.send(AddBase{net::BaseId{2}, std::make_shared<FakeBase>(give(net::BaseId{2}))});
  EXPECT_TRUE(stun_comes_from(net::BaseId{2}));
  EXPECT_TRUE(has_caught_up());
}

TEST_F(DataLoopTest, a_base_with_nothing_but_errors_is_set_aside_and_taken_back_when_it_recovers) {
  std::atomic<int> reads{0};
  constexpr int kErrors = 9;  // one more than the loop bears at first
  std::vector<std::chrono::steady_clock::time_point> times;
  times.reserve(1000);
  channel_.send(AddBase{net::BaseId{1},
                        std::make_shared<FakeBase>([&](MutableByteView buffer, ReceivedBatch& received) {
                          if (times.size() < times.capacity())
                            times.push_back(std::chrono::steady_clock::now());
                          if (++reads <= kErrors) return ReceiveStatus::error;
                          if (reads > kErrors + 1) return ReceiveStatus::empty;
                          return give_stun(net::BaseId{1}, buffer, received);
                        })});
  ASSERT_TRUE(stun_comes_from(net::BaseId{1}));
  loop_.stop();
  ASSERT_GE(times.size(), 10u);
  EXPECT_LT(times[7] - times[0], std::chrono::milliseconds(900)) << "eight in a row at once";
  EXPECT_GE(times[8] - times[7], std::chrono::milliseconds(990)) << "then one look a second";
  EXPECT_GE(times[9] - times[8], std::chrono::milliseconds(990));
}

TEST_F(DataLoopTest, datagrams_of_a_real_socket_reach_the_control_thread) {
  const auto loopback = *net::IpAddress::parse("127.0.0.1");
  auto base = std::make_shared<UdpBase>(net::BaseId{5}, net::UdpSocket::open({.address = loopback}).value());
  auto peer = net::UdpSocket::open({.address = loopback}).value();
  const net::Endpoint to = base->local();
  channel_.send(AddBase{net::BaseId{5}, std::move(base)});
  std::array<std::uint8_t, 20> request{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
  ASSERT_EQ(peer.send(to, request, request.size()).error, 0);
  EXPECT_TRUE(stun_comes_from(net::BaseId{5}));
}

TEST(SendStatus, of_an_errno) {
  EXPECT_EQ(send_status_of(0), SendStatus::sent);
  for (const int error : {EAGAIN, ENOBUFS})
    EXPECT_EQ(send_status_of(error), SendStatus::would_block) << error;
  EXPECT_EQ(send_status_of(EMSGSIZE), SendStatus::too_big);
  for (const int error : {ENETUNREACH, EHOSTUNREACH, ENODEV, ENETDOWN, EADDRNOTAVAIL, EPERM, EINVAL}) {
    EXPECT_EQ(send_status_of(error), SendStatus::unreachable) << error;
  }
  EXPECT_EQ(send_status_of(EIO), SendStatus::failed);
}

}  // namespace
}  // namespace causeway::dataplane
