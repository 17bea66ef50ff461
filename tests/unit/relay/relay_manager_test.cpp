// The manager of links: what the data plane and the node are told. Links of tests' own on loopback; the host
// has no plugin, so what it would be told goes nowhere.
#include "relay/relay_manager.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "net/udp_socket.hpp"
#include "plugin/executor.hpp"
#include "unit/relay/toy_codec.hpp"

namespace causeway::relay {
namespace {

using plugin::LinkId;
using plugin::LinkKind;
using test::relayed;
using test::text_of;
using test::ToyCodec;

const net::IpAddress kLoopback = *net::IpAddress::parse("127.0.0.1");
const net::Endpoint kRelayed = *net::Endpoint::parse("198.51.100.9:50000");
const net::Endpoint kMapped = *net::Endpoint::parse("203.0.113.1:4000");
constexpr net::BaseId kNic{1};

net::Endpoint peer(std::uint16_t port) { return {*net::IpAddress::parse("203.0.113.20"), port}; }

class Manager : public ::testing::Test {
 protected:
  Manager() {
    nics_[kNic] = {.base = kNic, .address = {kLoopback, 41641}, .interface = "", .mtu = 1500};
    relay_.emplace(*net::UdpSocket::open({.address = kLoopback, .use_gso = false, .use_gro = false}));
    manager_.emplace(context_, host_, nics_, RelayManager::Options{},
                     RelayManager::Callbacks{
                         .add_carrier =
                             [this](net::BaseId base, std::shared_ptr<dataplane::PollableCarrier> carrier) {
                               events_ += "+";
                               carriers_[base] = std::move(carrier);
                             },
                         .remove_carrier =
                             [this](net::BaseId base) {
                               events_ += "-";
                               carriers_.erase(base);
                             },
                         .bases_changed = [this] { events_ += "b"; },
                         .now =
                             [this] {
                               return Now{SteadyTime(time_), WallTime(time_)};
                             }});
  }

  void open(std::uint64_t id, net::BaseId base = kNic) {
    manager_->open({.id = LinkId{id},
                    .transport = "toy",
                    .base = base,
                    .kind = LinkKind::udp,
                    .server = relay_->local(),
                    .server_name = "",
                    .verify = false,
                    .codec = std::make_shared<ToyCodec>()});
  }
  void allocate(std::uint64_t id, const net::Endpoint& relayed = kRelayed, std::uint32_t overhead = 7) {
    manager_->on_allocated(LinkId{id}, {relayed, kMapped, "toy-udp", overhead});
  }
  dataplane::SendStatus send(net::BaseId base, std::uint16_t port) {
    const Bytes bytes = {'x'};
    const auto outcome = manager_->send_datagram(base, peer(port), bytes);
    EXPECT_TRUE(outcome);
    return outcome ? outcome->status : dataplane::SendStatus::failed;
  }
  net::BaseId base() const { return manager_->bases().begin()->first; }

  boost::asio::io_context context_;
  plugin::InlineExecutor executor_;
  plugin::Host host_{{.private_directory = std::filesystem::temp_directory_path() / "cw-no-plugins",
                      .probe_program = std::nullopt},
                     {},
                     executor_};
  peer::LocalBases nics_;
  Duration time_ = 1000s;
  std::string events_;
  std::map<net::BaseId, std::shared_ptr<dataplane::PollableCarrier>> carriers_;
  std::optional<net::UdpSocket> relay_;
  std::optional<RelayManager> manager_;
};

TEST_F(Manager, AnAllocatedLinkIsABase) {
  open(7);
  EXPECT_EQ(events_, "+") << "read from the start: the server's answers come that way";
  EXPECT_TRUE(manager_->bases().empty());
  allocate(7);
  EXPECT_EQ(events_, "+b");
  ASSERT_EQ(manager_->bases().size(), 1U);
  const peer::LocalBase& made = manager_->bases().begin()->second;
  EXPECT_EQ(made.address, kRelayed);
  EXPECT_EQ(made.mtu, 1500 - 7);
  EXPECT_FALSE(made.has_default_route);
  ASSERT_TRUE(made.relay);
  EXPECT_EQ(made.relay->transport, "toy-udp");
  EXPECT_EQ(made.relay->source, "toy");
  EXPECT_EQ(made.relay->mapped, kMapped);
  EXPECT_EQ(made.relay->nic.address, kLoopback);
  EXPECT_TRUE(carriers_.contains(made.base));
  allocate(7);
  EXPECT_EQ(events_, "+b") << "told again";
}

TEST_F(Manager, AnotherAddressIsAnotherBase) {
  open(7);
  allocate(7);
  const net::BaseId before = base();
  allocate(7, *net::Endpoint::parse("198.51.100.9:50001"));
  EXPECT_EQ(events_, "+b-+b");
  ASSERT_EQ(manager_->bases().size(), 1U);
  EXPECT_NE(base(), before);
  manager_->on_allocation_lost(LinkId{7}, "expired");
  EXPECT_EQ(events_, "+b-+b-+b");
  EXPECT_TRUE(manager_->bases().empty());
  EXPECT_EQ(manager_->links().size(), 1U) << "the link stays open";
  manager_->on_allocation_lost(LinkId{7}, "twice");
  EXPECT_EQ(events_, "+b-+b-+b");
}

TEST_F(Manager, TheMtuCountsHeadersOfBothSides) {
  open(7);
  allocate(7, *net::Endpoint::parse("[2001:db8::9]:50000"), 4);
  EXPECT_EQ(manager_->bases().begin()->second.mtu, 1500 - 20 - 4 + 40)
      << "IPv4 to the relay, and the data plane will take off an IPv6 header";
}

TEST_F(Manager, CloseTakesEverythingBack) {
  open(7);
  allocate(7);
  manager_->close(LinkId{7});
  EXPECT_EQ(events_, "+b-b");
  EXPECT_TRUE(manager_->bases().empty());
  EXPECT_TRUE(manager_->links().empty());
  EXPECT_TRUE(carriers_.empty());
  manager_->close(LinkId{7});
  allocate(7);
  manager_->send(LinkId{7}, Bytes{'C'});
  EXPECT_EQ(events_, "+b-b");
  EXPECT_FALSE(manager_->send_datagram(kNic, peer(1), Bytes{'x'})) << "a NIC's base is not its business";
}

TEST_F(Manager, ALinkOfNoBaseOrOfTheOtherFamilyIsRefused) {
  open(7, net::BaseId{2});
  nics_[net::BaseId{2}] = {.base = net::BaseId{2}, .address = *net::Endpoint::parse("[2001:db8::1]:1")};
  open(8, net::BaseId{2});
  EXPECT_EQ(events_, "");
  EXPECT_TRUE(manager_->links().empty());
  context_.poll();
}

TEST_F(Manager, SendsFramedAndReadsBack) {
  open(7);
  allocate(7);
  EXPECT_EQ(send(base(), 40000), dataplane::SendStatus::sent);
  pollfd at_relay{relay_->descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&at_relay, 1, 5000), 1);
  Bytes buffer(net::UdpSocket::kReceiveBytes);
  const auto got = relay_->receive(buffer);
  EXPECT_EQ(text_of(ByteView(buffer).first(got.bytes)), text_of(relayed(peer(40000), "x")));
  const Bytes answer = relayed(peer(40000), "answer");
  relay_->send(got.from, answer, answer.size());
  pollfd here{carriers_.at(base())->descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&here, 1, 5000), 1);
  dataplane::ReceivedBatch batch;
  ASSERT_EQ(carriers_.at(base())->receive({}, batch), dataplane::ReceiveStatus::received);
  EXPECT_EQ(text_of(batch.bytes), "answer");
  EXPECT_EQ(batch.base, base());
  EXPECT_EQ(batch.from, peer(40000));
}

TEST_F(Manager, PeersAreBoundedAndTheIdleOneMakesRoom) {
  open(7);
  allocate(7);
  for (std::uint16_t port = 1; port <= CW_MAX_PEERS_PER_LINK + 10; ++port) {
    const auto expected =
        port <= CW_MAX_PEERS_PER_LINK ? dataplane::SendStatus::sent : dataplane::SendStatus::would_block;
    // ToyCodec drops what goes to its refused port, which is no failure either.
    EXPECT_EQ(send(base(), port), expected) << port;
  }
  EXPECT_EQ(manager_->links()[0].peers, CW_MAX_PEERS_PER_LINK);
  time_ += 5s;
  for (std::uint16_t port = 2; port <= CW_MAX_PEERS_PER_LINK; ++port)
    send(base(), port);
  time_ += 5s;  // the first has been idle for 10 s, the others for 5
  EXPECT_EQ(send(base(), 1000), dataplane::SendStatus::sent);
  EXPECT_EQ(send(base(), 1001), dataplane::SendStatus::would_block);
  EXPECT_EQ(manager_->links()[0].peers, CW_MAX_PEERS_PER_LINK);
}

TEST_F(Manager, ALinkWhoseServerIsGoneEnds) {
  open(7);
  allocate(7);
  relay_.reset();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!manager_->links().empty() && std::chrono::steady_clock::now() < end) {
    if (!manager_->bases().empty()) send(base(), 40000);
    context_.run_one_for(std::chrono::milliseconds(100));
  }
  EXPECT_TRUE(manager_->links().empty());
  EXPECT_EQ(events_, "+b-b");
}

}  // namespace
}  // namespace causeway::relay
