#include "dataplane/data_plane.hpp"

#include <poll.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "dataplane/loop_steering.hpp"
#include "forwarder_fixture.hpp"
#include "support/socket_tun.hpp"

namespace causeway::dataplane {
namespace {

using causeway::testing::SocketTun;

constexpr const char* kOwn = "10.10.0.1";
constexpr int kPatience = 10'000;  // milliseconds

enum class Steering : std::uint8_t {
  by_index,  ///< as the daemon does it
  none,      ///< the kernel spreads by addresses: most datagrams come to a wrong loop
};

/// A peer: its UDP socket on loopback and its end of the session.
struct FarEnd {
  FarEnd(unsigned number, unsigned loop_, SteadyTime now)
      : id{number},
        loop(loop_),
        address("10.10.0." + std::to_string(100 + number)),
        keys(make_keypairs(number << 8 | loop, 0xf0000000 + number, now)),
        session(std::make_unique<session::Keypair>(keys.responder)),
        socket(net::UdpSocket::open({.address = *net::IpAddress::parse("127.0.0.1")}).value()) {}

  Bytes seal(ByteView packet) {
    Bytes message(session::Keypair::sealed_bytes(packet.size()));
    message.resize(session->seal(packet, message));
    return message;
  }
  /// The next message that opens; nullopt when none comes. A keepalive is empty.
  std::optional<Bytes> take(SteadyTime now) {
    if (waiting.empty()) {
      pollfd readable{socket.descriptor(), POLLIN, 0};
      if (::poll(&readable, 1, kPatience) != 1) return std::nullopt;
      Bytes buffer(net::UdpSocket::kReceiveBytes);
      const auto got = socket.receive(buffer);
      for (std::size_t at = 0; at < got.bytes; at += got.segment_bytes) {
        const auto part = ByteView{buffer}.subspan(at, std::min(got.segment_bytes, got.bytes - at));
        waiting.emplace_back(part.begin(), part.end());
      }
    }
    if (waiting.empty()) return std::nullopt;
    const Bytes message = std::move(waiting.front());
    waiting.pop_front();
    Bytes plaintext(message.size());
    const auto opened = session->open(message, plaintext, now);
    if (opened.error != session::OpenError::none) return std::nullopt;
    plaintext.resize(opened.length);
    return plaintext;
  }

  PeerId id;
  unsigned loop;
  std::string address;
  KeypairPair keys;
  std::unique_ptr<session::Keypair> session;
  net::UdpSocket socket;
  std::shared_ptr<PeerCounters> counters = std::make_shared<PeerCounters>();
  std::deque<Bytes> waiting;
};

std::uint32_t index_of(const FarEnd& far) { return far.keys.initiator.local_index; }

/// A node of N loops with real sockets on loopback, TUN queues in the test's hands, and two peers for each
/// loop.
class DataPlaneTest : public ::testing::TestWithParam<std::tuple<unsigned, Steering>> {
 protected:
  void SetUp() override {
    std::vector<tun::TunDevice*> queues;
    for (unsigned i = 0; i < loops(); ++i) {
      queues_.push_back(std::make_unique<SocketTun>());
      queues.push_back(queues_.back().get());
    }
    plane_ = std::make_unique<DataPlane>(queues);
    ASSERT_EQ(plane_->loops(), loops());
    ASSERT_TRUE(plane_->start());
    auto group = net::UdpSocket::open_group({.address = *net::IpAddress::parse("127.0.0.1")}, loops());
    ASSERT_TRUE(group);
    if (loops() > 1 && std::get<Steering>(GetParam()) == Steering::by_index) {
      ASSERT_TRUE(steer_by_receiver_index(group->front().descriptor(), loops()));
    }
    local_ = group->front().local();
    std::vector<std::shared_ptr<Carrier>> carriers;
    for (auto& socket : *group)
      carriers.push_back(std::make_shared<UdpBase>(kBase, std::move(socket)));
    plane_->add_base(kBase, carriers);
    for (unsigned number = 1; number <= 2 * loops(); ++number)
      peers_.push_back(std::make_unique<FarEnd>(number, (number - 1) % loops(), now_));
  }
  unsigned loops() const { return std::get<unsigned>(GetParam()); }

  void route() {
    auto table = std::make_shared<ForwardingSnapshot>();
    table->local_addresses = {address(kOwn)};
    table->on_link = {prefix("10.10.0.0/24")};
    for (const auto& far : peers_) {
      table->entries.push_back(
          {prefix((far->address + "/32").c_str()), far->id, static_cast<std::uint8_t>(far->loop)});
    }
    plane_->send(SetForwarding{std::move(table)});
  }
  void add(FarEnd& far) {
    plane_->send(
        AddPeer{far.id, session::PeerKind::causeway, far.counters, static_cast<std::uint8_t>(far.loop)});
  }
  void give_session(FarEnd& far) {
    plane_->send(InstallPeerKeypair{far.id, far.keys.initiator});
    plane_->send(SetPath{far.id, DataPath{kBase, far.socket.local(), 1500}});
  }
  void introduce_all() {
    for (auto& far : peers_)
      add(*far);
    route();
    for (auto& far : peers_)
      give_session(*far);
  }
  void connect_all() {
    introduce_all();
    // A keepalive each: what is sent and received from here on meets sessions that are there.
    for (auto& far : peers_) {
      plane_->send(SendPeerKeepalive{far->id});
      ASSERT_EQ(far->take(now_), Bytes{});
    }
    for (unsigned loop = 0; loop < loops(); ++loop)
      ASSERT_TRUE(loop_has_obeyed(loop));
  }
  /// By a peer of that loop whose keypair is refused: the answer comes after all that was sent before.
  bool loop_has_obeyed(unsigned loop) {
    const PeerId marker{9000 + loop + 100 * ++markers_};
    plane_->send(AddPeer{marker, session::PeerKind::causeway, nullptr, static_cast<std::uint8_t>(loop)});
    session::KeypairMaterial material;
    material.local_index = 0x800000 | markers_ << 8 | loop;
    plane_->send(InstallPeerKeypair{marker, material});
    plane_->send(RemovePeer{marker});
    return hears<KeypairDropped>([&](const KeypairDropped& dropped) { return dropped.peer == marker; });
  }
  template <class Kind, class Wanted>
  bool hears(Wanted&& wanted) {
    for (;;) {
      bool heard = false;
      plane_->take_events(1000, [&](Event&& event) {
        const auto* one = std::get_if<Kind>(&event);
        if (one != nullptr && wanted(*one)) heard = true;
      });
      if (heard) return true;
      pollfd waiting{plane_->events_descriptor(), POLLIN, 0};
      if (::poll(&waiting, 1, kPatience) != 1) return false;
    }
  }

  Bytes packet_to(const FarEnd& far, std::uint32_t number) const {
    return build({.source = kOwn, .destination = far.address, .tcp = false, .payload = numbered(number)});
  }
  Bytes packet_from(const FarEnd& far, std::uint32_t number) const {
    return build({.source = far.address, .destination = kOwn, .tcp = false, .payload = numbered(number)});
  }
  static Bytes numbered(std::uint32_t number) {
    Bytes bytes(4 + number % 600);
    packet::store_be32(bytes.data(), number);
    return bytes;
  }
  static std::uint32_t number_of(ByteView packet) { return packet::load_be32(packet.data() + 28); }

  std::map<std::string, std::uint64_t> drops() const {
    std::map<std::string, std::uint64_t> all;
    for (std::size_t i = 0; i < kDropReasons; ++i) {
      if (const auto count = plane_->dropped(static_cast<DropReason>(i)))
        all[std::string(kDropReasonNames[i])] = count;
    }
    return all;
  }
  static std::map<std::string, std::uint64_t> none() { return {}; }
  /// A loop counts after it has sent or written, so a test may be quicker.
  template <class Condition>
  static bool comes_true(Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  SteadyTime now_ = read_clocks().steady;
  std::vector<std::unique_ptr<SocketTun>> queues_;
  std::vector<std::unique_ptr<FarEnd>> peers_;
  net::Endpoint local_;
  unsigned markers_ = 0;
  std::unique_ptr<DataPlane> plane_;  // last: uses the queues
};

TEST_P(DataPlaneTest, stops_while_it_sleeps_and_only_once) {
  plane_->stop();
  plane_->stop();
  plane_->send(RemoveBase{kBase});
}

TEST_P(DataPlaneTest, commands_about_a_peer_reach_the_loop_that_owns_it) {
  connect_all();
  for (auto& far : peers_) {
    plane_->send(RemovePeer{far->id});
    EXPECT_TRUE(hears<KeypairDropped>([&](const KeypairDropped& dropped) {
      return dropped.peer == far->id && dropped.local_index == index_of(*far);
    })) << far->address;
  }
  EXPECT_EQ(drops(), none());
}

TEST_P(DataPlaneTest, a_keypair_of_an_unknown_peer_is_given_back) {
  plane_->send(InstallPeerKeypair{PeerId{77}, peers_.front()->keys.initiator});
  EXPECT_TRUE(
      hears<KeypairDropped>([](const KeypairDropped& dropped) { return dropped.peer == PeerId{77}; }));
}

TEST_P(DataPlaneTest, packets_of_every_peer_leave_from_every_queue_in_order) {
  connect_all();
  constexpr std::uint32_t kPackets = 50;
  for (auto& queue : queues_) {
    for (std::uint32_t number = 0; number < kPackets; ++number) {
      for (auto& far : peers_)
        while (!queue->put(packet_to(*far, number)))
          std::this_thread::yield();
    }
    for (auto& far : peers_) {
      for (std::uint32_t number = 0; number < kPackets; ++number) {
        const auto got = far->take(now_);
        ASSERT_TRUE(got) << far->address << " packet " << number;
        Bytes expected = packet_to(*far, number);
        expected.resize(got->size());  // padding
        ASSERT_EQ(*got, expected);
      }
    }
  }
  EXPECT_EQ(drops(), none());
  for (auto& far : peers_)
    EXPECT_TRUE(comes_true([&] { return far->counters->tx_packets.load() == kPackets * loops() + 1; }))
        << far->counters->tx_packets.load() << " were sealed by the peer's loop";
}

TEST_P(DataPlaneTest, large_frames_are_cut_by_the_loop_that_owns_the_peer) {
  connect_all();
  for (auto& queue : queues_) {
    for (auto& far : peers_) {
      const PacketSpec spec{.source = kOwn, .destination = far->address, .payload = Bytes(40'000, 0x5a)};
      const auto frame = build_super_frame(spec, 1000);
      ASSERT_TRUE(queue->put(frame.packet, frame.header));
      for (const Bytes& segment : naive_segments(spec, 1000)) {
        const auto got = far->take(now_);
        ASSERT_TRUE(got);
        Bytes expected = segment;
        expected.resize(got->size());
        ASSERT_EQ(*got, expected);
      }
    }
  }
  EXPECT_EQ(drops(), none());
}

TEST_P(DataPlaneTest, datagrams_of_every_peer_are_opened_by_its_loop) {
  connect_all();
  constexpr std::uint32_t kPackets = 50;
  for (auto& far : peers_) {
    for (std::uint32_t number = 0; number < kPackets; ++number) {
      const Bytes message = far->seal(packet_from(*far, number));
      ASSERT_EQ(far->socket.send(local_, message, message.size()).error, 0);
    }
    for (std::uint32_t number = 0; number < kPackets; ++number) {
      const auto got = queues_[far->loop]->take();
      ASSERT_TRUE(got) << far->address << " packet " << number;
      ASSERT_EQ(*got, packet_from(*far, number)) << "in order";
    }
    EXPECT_TRUE(comes_true([&] { return far->counters->rx_packets.load() == kPackets; }))
        << far->counters->rx_packets.load();
  }
  EXPECT_EQ(drops(), none());
}

/// What UDP_GRO makes of datagrams of one sender to several loops' sessions: all come to the first one's
/// loop.
TEST_P(DataPlaneTest, one_batch_of_datagrams_may_be_for_several_loops) {
  connect_all();
  auto relay = net::UdpSocket::open({.address = *net::IpAddress::parse("127.0.0.1")}).value();
  Bytes batch;
  std::size_t segment = 0;
  for (std::uint32_t round = 0; round < 5; ++round) {
    for (auto& far : peers_) {
      Bytes packet = packet_from(*far, 600 * round);
      packet = far->seal(packet);
      segment = packet.size();
      batch.insert(batch.end(), packet.begin(), packet.end());
    }
  }
  ASSERT_EQ(relay.send(local_, batch, segment).error, 0);
  for (std::uint32_t round = 0; round < 5; ++round) {
    for (auto& far : peers_) {
      const auto got = queues_[far->loop]->take();
      ASSERT_TRUE(got);
      EXPECT_EQ(number_of(*got), 600 * round);
    }
  }
  EXPECT_EQ(drops(), none());
}

TEST_P(DataPlaneTest, packets_that_waited_for_an_address_leave_when_its_peer_is_known) {
  plane_->send(SetForwarding{[] {
    auto table = std::make_shared<ForwardingSnapshot>();
    table->local_addresses = {address(kOwn)};
    table->on_link = {prefix("10.10.0.0/24")};
    return table;
  }()});
  for (unsigned loop = 0; loop < loops(); ++loop)
    ASSERT_TRUE(loop_has_obeyed(loop));
  for (auto& far : peers_) {
    for (auto& queue : queues_)
      ASSERT_TRUE(queue->put(packet_to(*far, 600)));
    ASSERT_TRUE(hears<PeerWanted>(
        [&](const PeerWanted& wanted) { return wanted.destination == address(far->address.c_str()); }));
  }
  introduce_all();
  for (auto& far : peers_) {
    for (unsigned i = 0; i < loops(); ++i) {
      const auto got = far->take(now_);
      ASSERT_TRUE(got) << far->address;
      EXPECT_EQ(number_of(*got), 600u);
    }
  }
  EXPECT_EQ(drops(), none());
}

TEST_P(DataPlaneTest, garbage_is_counted_in_whichever_loop_it_came_to) {
  connect_all();
  constexpr std::uint64_t kEach = 20;
  for (std::uint64_t i = 0; i < kEach; ++i) {
    auto sender = net::UdpSocket::open({.address = *net::IpAddress::parse("127.0.0.1")}).value();
    const Bytes unknown(40, 0x45);
    Bytes foreign = peers_.back()->seal(packet_from(*peers_.back(), 1));
    foreign[6] ^= 0xff;  // the receiver index, but not the loop in it
    Bytes broken = peers_.back()->seal(packet_from(*peers_.back(), 1));
    broken.back() ^= 1;
    for (const Bytes& bytes : {unknown, foreign, broken})
      ASSERT_EQ(sender.send(local_, bytes, bytes.size()).error, 0);
  }
  const std::map<std::string, std::uint64_t> expected{
      {"bad_tag", kEach}, {"udp_unknown_class", kEach}, {"unknown_index", kEach}};
  comes_true([&] { return drops() == expected; });
  EXPECT_EQ(drops(), expected);
}

TEST_P(DataPlaneTest, stun_of_every_socket_reaches_the_control_thread) {
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 40; ++i) {
    auto sender = net::UdpSocket::open({.address = *net::IpAddress::parse("127.0.0.1")}).value();
    Bytes stun = from_hex("000100002112a442").value();
    stun.resize(20);
    ASSERT_EQ(sender.send(local_, stun, stun.size()).error, 0);
    ports.insert(sender.local().port);
  }
  while (!ports.empty()) {
    ASSERT_TRUE(hears<ControlDatagram>([&](const ControlDatagram& datagram) {
      return datagram.datagram_class == ControlDatagram::Class::stun && ports.erase(datagram.from.port) > 0;
    })) << ports.size()
        << " are missing";
  }
}

INSTANTIATE_TEST_SUITE_P(Loops, DataPlaneTest,
                         ::testing::Combine(::testing::Values(1u, 2u, 4u),
                                            ::testing::Values(Steering::by_index, Steering::none)),
                         [](const auto& chosen) {
                           return std::to_string(std::get<0>(chosen.param)) +
                                  (std::get<1>(chosen.param) == Steering::none ? "_unsteered" : "_steered");
                         });

TEST(LoopsToRun, one_per_core_but_one_on_two_or_fewer) {
  EXPECT_EQ(loops_to_run(0, 0), 1u);
  EXPECT_EQ(loops_to_run(0, 1), 1u);
  EXPECT_EQ(loops_to_run(0, 2), 1u);
  EXPECT_EQ(loops_to_run(0, 3), 3u);
  EXPECT_EQ(loops_to_run(0, 8), 8u);
  EXPECT_EQ(loops_to_run(0, 200), 64u);
  EXPECT_EQ(loops_to_run(4, 2), 4u);
  EXPECT_EQ(loops_to_run(1, 16), 1u);
  EXPECT_EQ(loops_to_run(500, 16), 64u);
}

}  // namespace
}  // namespace causeway::dataplane
