// What the plugin transport-turn is made of, and coturn's turnserver, over real sockets in a network
// namespace of the test's own: 10.89.0.1 we, 10.89.0.2 coturn, 10.89.0.3 a peer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <ctime>

#include "coturn_process.hpp"
#include "net/udp_socket.hpp"
#include "transport-turn/address.hpp"
#include "transport-turn/turn_times.hpp"
#include "turn_links.hpp"

namespace causeway::interop {
namespace {

using namespace transport_turn;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr const char* kUser = "alice";
constexpr const char* kPassword = "secret";

cw_address at(const char* text) { return *transport_turn::parse_address(text); }

Server way(const char* address, std::uint32_t kind, const Credentials& credentials = {kUser, kPassword}) {
  return {"turn:relay.lab", "relay.lab", kind, at(address), credentials};
}

class CoturnTurnTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string error = test::enter_new_network_namespace();
    ASSERT_EQ(error, "");
    ASSERT_TRUE(test::ip("link set lo up"));
    for (const char* address : {"10.89.0.1/32", "10.89.0.2/32", "10.89.0.3/32", "10.89.0.4/32"})
      ASSERT_TRUE(test::ip(std::string("addr add ").append(address).append(" dev lo")));
    for (const char* address : {"fd89::1/128", "fd89::2/128", "fd89::3/128"})
      ASSERT_TRUE(test::ip(std::string("addr add ").append(address).append(" dev lo nodad")));
    char pattern[] = "/tmp/causeway-turn-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    ASSERT_EQ(test::run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                         "-nodes", "-days", "2", "-subj", "/CN=relay.lab", "-keyout", folder_ + "/key",
                         "-out", folder_ + "/certificate"}),
              0);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  /// With the long-term user, unless the options say otherwise.
  static std::vector<std::string> options(std::vector<std::string> more = {}) {
    const std::vector<std::string> always{"--realm=lab",
                                          "--relay-ip=10.89.0.2",
                                          "--relay-ip=fd89::2",
                                          "--tls-listening-port=5349",
                                          "--no-dtls",
                                          "--cert=" + folder_ + "/certificate",
                                          "--pkey=" + folder_ + "/key"};
    more.insert(more.end(), always.begin(), always.end());
    return more;
  }
  static std::vector<std::string> with_user(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--lt-cred-mech", "--user=alice:secret"});
    return options(std::move(more));
  }
  /// Until coturn listens, links to it fail and are tried again.
  bool allocates(const std::vector<Server>& servers, std::size_t count = 1) {
    links.begin(servers, {{1, at("10.89.0.1:1")}});
    return relays(count);
  }
  bool relays(std::size_t count) {
    return links.run_until([&] { return links.relays().size() >= count; });
  }
  /// A link with a relayed address of this family; one has to be there.
  std::uint32_t link_of(std::uint8_t family) const {
    for (const auto& [link, allocation] : links.relays())
      if (allocation.relayed.family == family) return link;
    ADD_FAILURE() << "no relayed address of family " << int{family};
    return links.relays().begin()->first;
  }

  net::UdpSocket peer_socket(const char* address = "10.89.0.3") {
    return net::UdpSocket::open({.address = *net::IpAddress::parse(address)}).value();
  }
  static cw_address address_of(const net::UdpSocket& socket) {
    return *transport_turn::parse_address(socket.local().to_string());
  }
  static net::Endpoint endpoint_of(const cw_address& address) {
    return *net::Endpoint::parse(to_text(address));
  }
  /// What arrived at the peer's own socket, if anything has.
  static std::optional<std::pair<std::string, std::string>> take(net::UdpSocket& socket) {
    Bytes buffer(net::UdpSocket::kReceiveBytes);
    const auto got = socket.receive(buffer);
    if (got.error != 0 || got.bytes == 0) return std::nullopt;
    return std::pair(got.from.to_string(),
                     std::string(buffer.begin(), buffer.begin() + static_cast<long>(got.bytes)));
  }

  /// Data both ways through the first relay, in channels and in indications.
  void exchange(const char* peer_address = "10.89.0.3", const char* other_address = "10.89.0.3") {
    const std::uint32_t link = link_of(4);
    auto peer = peer_socket(peer_address);
    const cw_address peer_at = address_of(peer);
    const net::Endpoint relay = endpoint_of(links.relays().at(link).relayed);
    links.want_peer(link, peer_at);
    ASSERT_TRUE(links.run_until([&] { return links.is_ready(link, peer_at); }));

    for (const bool by_channel : {true, false}) {
      for (const char* text : {"one", "four", ""}) {
        ASSERT_TRUE(links.send_to_peer(link, peer_at, text, by_channel));
        if (*text == 0) continue;  // an empty datagram need not be relayed
        std::optional<std::pair<std::string, std::string>> got;
        ASSERT_TRUE(links.run_until([&] { return (got = take(peer)).has_value(); }));
        EXPECT_EQ(got->first, relay.to_string());
        EXPECT_EQ(got->second, text);
      }
    }
    const std::string answer = "an answer of 27 bytes or so";
    peer.send(relay, Bytes(answer.begin(), answer.end()), answer.size());
    ASSERT_TRUE(links.run_until([&] { return !links.received.empty(); }));
    EXPECT_EQ(links.received[0].text, answer);
    EXPECT_TRUE(is_same(links.received[0].peer, peer_at));
    EXPECT_TRUE(links.received[0].was_channel);

    // The permission is for the address: from another port it comes in a Data indication.
    auto other = peer_socket(other_address);
    other.send(relay, Bytes(answer.begin(), answer.end()), answer.size());
    ASSERT_TRUE(links.run_until([&] { return links.received.size() == 2; }));
    EXPECT_FALSE(links.received[1].was_channel);
    EXPECT_TRUE(is_same(links.received[1].peer, address_of(other)));
    EXPECT_EQ(links.received[1].text, answer);
  }

  static inline std::string folder_;
  TurnLinks links;
};

TEST_F(CoturnTurnTest, Udp) {
  Coturn coturn(with_user());
  ASSERT_TRUE(allocates({way("10.89.0.2:3478", CW_LINK_UDP)}));
  const auto& allocation = links.relays().begin()->second;
  EXPECT_THAT(to_text(allocation.relayed), HasSubstr("10.89.0.2:"));
  EXPECT_THAT(to_text(allocation.mapped), HasSubstr("10.89.0.1:"));
  exchange();
  EXPECT_EQ(links.pool().counters().bad_integrity, 0U);
}

TEST_F(CoturnTurnTest, Tcp) {
  Coturn coturn(with_user());
  ASSERT_TRUE(allocates({way("10.89.0.2:3478", CW_LINK_TCP)}));
  exchange();
}

TEST_F(CoturnTurnTest, Tls) {
  Coturn coturn(with_user());
  ASSERT_TRUE(allocates({way("10.89.0.2:5349", CW_LINK_TLS)}));
  exchange();
}

TEST_F(CoturnTurnTest, WithFingerprint) {
  Coturn coturn(with_user({"--fingerprint"}));
  ASSERT_TRUE(allocates({way("10.89.0.2:3478", CW_LINK_UDP)}));
  exchange();
}

TEST_F(CoturnTurnTest, Ipv6RelayedAddress) {
  Coturn coturn(with_user());
  ASSERT_TRUE(allocates({way("10.89.0.2:3478", CW_LINK_UDP)}, 2));
  const std::uint32_t six = link_of(6);
  auto peer = peer_socket("fd89::3");
  const cw_address peer_at = address_of(peer);
  links.want_peer(six, peer_at);
  ASSERT_TRUE(links.run_until([&] { return links.is_ready(six, peer_at); }));
  ASSERT_TRUE(links.send_to_peer(six, peer_at, "over IPv6"));
  std::optional<std::pair<std::string, std::string>> got;
  ASSERT_TRUE(links.run_until([&] { return (got = take(peer)).has_value(); }));
  EXPECT_EQ(got->second, "over IPv6");
}

TEST_F(CoturnTurnTest, SpokenToOverIpv6) {
  Coturn coturn(with_user());
  links.begin({way("[fd89::2]:3478", CW_LINK_UDP)}, {{1, at("[fd89::1]:1")}});
  ASSERT_TRUE(relays(1));
  EXPECT_EQ(links.relays().begin()->second.relayed.family, 4);
  exchange();
}

TEST_F(CoturnTurnTest, UseAuthSecret) {
  Coturn coturn(options({"--use-auth-secret", "--static-auth-secret=lab-secret"}));
  const std::string user = std::to_string(std::time(nullptr) + 600) + ":node";
  Bytes mac(20);
  unsigned size = 20;
  HMAC(EVP_sha1(), "lab-secret", 10, reinterpret_cast<const std::uint8_t*>(user.data()), user.size(),
       mac.data(), &size);
  Bytes text(64);
  EVP_EncodeBlock(text.data(), mac.data(), 20);
  ASSERT_TRUE(
      allocates({way("10.89.0.2:3478", CW_LINK_UDP, {user, reinterpret_cast<const char*>(text.data())})}));
  exchange();
}

TEST_F(CoturnTurnTest, StaleNonce) {
  Coturn coturn(with_user({"--stale-nonce=1"}));
  ASSERT_TRUE(allocates({way("10.89.0.2:3478", CW_LINK_UDP)}));
  const std::uint32_t link = link_of(4);
  // Our clock runs ahead, so that refreshes come quickly; coturn's nonce grows old in its own time.
  ASSERT_TRUE(links.run_until([&] {
    links.put_ahead(kSecond);
    return links.pool().counters().renewals > 2 || links.relays().count(link) == 0;
  }));
  ASSERT_EQ(links.relays().count(link), 1U);
  exchange();
}

TEST_F(CoturnTurnTest, RefreshedForAnHour) {
  Coturn coturn(
      with_user({"--max-allocate-lifetime=20", "--permission-lifetime=20", "--channel-lifetime=20"}));
  ASSERT_TRUE(allocates({way("10.89.0.2:3478", CW_LINK_UDP)}));
  const std::uint32_t link = link_of(4);
  const std::int64_t begun = links.now();
  ASSERT_TRUE(links.run_until([&] {
    links.put_ahead(5 * kSecond);
    return links.now() - begun > 3600 * kSecond;
  }));
  ASSERT_EQ(links.relays().count(link), 1U);
  exchange();
}

TEST_F(CoturnTurnTest, WrongPassword) {
  Coturn coturn(with_user());
  links.begin({way("10.89.0.2:3478", CW_LINK_UDP, {kUser, "wrong"})}, {{1, at("10.89.0.1:1")}});
  ASSERT_TRUE(links.run_until([&] {
    return !links.warnings.empty() && links.warnings.back().find("refused: error") != std::string::npos;
  }));
  EXPECT_TRUE(links.relays().empty());
}

TEST_F(CoturnTurnTest, Quota) {
  Coturn coturn(with_user({"--user-quota=1"}));
  links.begin({way("10.89.0.2:3478", CW_LINK_UDP)}, {{1, at("10.89.0.1:1")}, {2, at("10.89.0.4:1")}});
  ASSERT_TRUE(relays(1));
  ASSERT_TRUE(links.run_until([&] {
    return std::any_of(links.warnings.begin(), links.warnings.end(),
                       [](const std::string& text) { return text.find("quota") != std::string::npos; });
  }));
  EXPECT_EQ(links.relays().size(), 1U);
  exchange();
}

TEST_F(CoturnTurnTest, ForbiddenPeer) {
  Coturn coturn(with_user({"--denied-peer-ip=10.89.0.3"}));
  ASSERT_TRUE(allocates({way("10.89.0.2:3478", CW_LINK_UDP)}));
  const std::uint32_t link = link_of(4);
  auto peer = peer_socket("10.89.0.4");
  links.want_peer(link, at("10.89.0.3:5"));
  links.want_peer(link, address_of(peer));
  ASSERT_TRUE(links.run_until([&] { return links.is_ready(link, address_of(peer)); }));
  EXPECT_FALSE(links.is_ready(link, at("10.89.0.3:5")));
  EXPECT_FALSE(links.send_to_peer(link, at("10.89.0.3:5"), "no way"));
}

TEST_F(CoturnTurnTest, ARestartedServerIsFoundAgain) {
  auto coturn = std::make_unique<Coturn>(with_user());
  ASSERT_TRUE(allocates({way("10.89.0.2:3478", CW_LINK_UDP)}));
  const cw_address before = links.relays().at(link_of(4)).relayed;
  coturn.reset();
  coturn = std::make_unique<Coturn>(with_user());
  ASSERT_TRUE(links.run_until([&] {
    links.put_ahead(200 * kMillisecond);
    return std::any_of(links.relays().begin(), links.relays().end(), [&](const auto& relay) {
      return relay.second.relayed.family == 4 && !is_same(relay.second.relayed, before);
    });
  }));
  exchange();
}

TEST_F(CoturnTurnTest, AStreamThatEndsWithTheServerIsFoundAgain) {
  auto coturn = std::make_unique<Coturn>(with_user());
  ASSERT_TRUE(allocates({way("10.89.0.2:3478", CW_LINK_TCP)}));
  coturn.reset();
  ASSERT_TRUE(links.run_until([&] { return links.relays().empty(); }));
  coturn = std::make_unique<Coturn>(with_user());
  ASSERT_TRUE(links.run_until([&] {
    links.put_ahead(100 * kMillisecond);
    return !links.relays().empty();
  }));
  exchange();
}

TEST_F(CoturnTurnTest, GivenBackAtTheEnd) {
  Coturn coturn(with_user());
  ASSERT_TRUE(allocates({way("10.89.0.2:3478", CW_LINK_UDP)}));
  const net::Endpoint relayed = endpoint_of(links.relays().at(link_of(4)).relayed);
  const auto is_port_free = [&] {
    return net::UdpSocket::open({.address = relayed.address, .port = relayed.port, .port_is_required = true})
        .has_value();
  };
  ASSERT_FALSE(is_port_free()) << "coturn has it";
  links.pool().drain(links.now());
  ASSERT_TRUE(links.run_until(is_port_free)) << "coturn still has the relayed port";
}

TEST_F(CoturnTurnTest, AlternateServer) {
  Coturn coturn(with_user({"--alternate-server=10.89.0.4:3478"}));
  links.begin({way("10.89.0.2:3478", CW_LINK_UDP)}, {{1, at("10.89.0.1:1")}});
  // Nobody listens there: it is gone to, and then there is patience.
  ASSERT_TRUE(links.run_until([&] {
    links.put_ahead(kSecond);
    return !links.warnings.empty();
  }));
  EXPECT_TRUE(links.relays().empty());
  EXPECT_TRUE(links.was_opened("10.89.0.4:3478"));
}

}  // namespace
}  // namespace causeway::interop
