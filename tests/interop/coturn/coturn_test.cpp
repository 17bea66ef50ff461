// Our STUN codec and coturn's turnserver, over UDP sockets in a network namespace of the test's own.
// turnserver is started by the test and ended with it.
#include <gtest/gtest.h>
#include <poll.h>

#include <array>

#include "base/random.hpp"
#include "base/time.hpp"
#include "coturn_process.hpp"
#include "net/udp_socket.hpp"
#include "stun/message.hpp"
#include "support/network_namespace.hpp"

namespace causeway::interop {
namespace {

constexpr Duration kLimit = 10s;
/// For STUN alone.
std::vector<std::string> stun_only(std::vector<std::string> options = {}) {
  options.insert(options.end(), {"--no-auth", "--stun-only", "--no-tls", "--no-dtls"});
  return options;
}

class CoturnTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string error = test::enter_new_network_namespace();
    ASSERT_EQ(error, "");
    ASSERT_TRUE(test::ip("link set lo up"));
    for (const char* address : {"10.89.0.1/32", "10.89.0.2/32"})
      ASSERT_TRUE(test::ip(std::string("addr add ") + address + " dev lo"));
    for (const char* address : {"fd89::1/128", "fd89::2/128"})
      ASSERT_TRUE(test::ip(std::string("addr add ") + address + " dev lo nodad"));
  }

  static net::UdpSocket socket_at(const char* address) {
    return net::UdpSocket::open({.address = *net::IpAddress::parse(address)}).value();
  }
  static net::Endpoint server_at(const char* address) {
    return {*net::IpAddress::parse(address), kCoturnPort};
  }

  /// Repeats the request until an answer comes; coturn may still be starting.
  static Bytes ask(net::UdpSocket& socket, const net::Endpoint& server, const Bytes& request) {
    const SteadyTime end = read_clocks().steady + kLimit;
    Bytes buffer(net::UdpSocket::kReceiveBytes);
    while (read_clocks().steady < end) {
      socket.send(server, request, request.size());
      pollfd readable{socket.descriptor(), POLLIN, 0};
      if (::poll(&readable, 1, 100) <= 0) continue;
      const auto got = socket.receive(buffer);
      if (got.error != 0 || got.from != server) continue;
      const std::size_t length = got.segment_bytes == 0 ? got.bytes : std::min(got.bytes, got.segment_bytes);
      return Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length));
    }
    return {};
  }
  void expect_right_address(const char* own, const char* server) {
    auto socket = socket_at(own);
    const auto id = stun::make_transaction_id(random);
    const Bytes answer = ask(socket, server_at(server), stun::encode_plain_binding_request(id));
    ASSERT_FALSE(answer.empty()) << "no answer: is coturn installed?";
    const auto response = stun::parse_plain_binding_response(answer);
    ASSERT_TRUE(response) << static_cast<int>(response.error());
    EXPECT_EQ(response->transaction, id);
    EXPECT_EQ(response->mapped, socket.local());
  }

  SystemRandom random;
};

/// The types of all attributes.
std::vector<std::uint16_t> attribute_types(const Bytes& message) {
  std::vector<std::uint16_t> types;
  for (std::size_t at = stun::kHeaderBytes; at + 4 <= message.size();) {
    types.push_back(static_cast<std::uint16_t>(message[at] << 8 | message[at + 1]));
    const std::size_t length = static_cast<std::size_t>(message[at + 2] << 8 | message[at + 3]);
    at += 4 + (length + 3) / 4 * 4;
  }
  return types;
}

TEST_F(CoturnTest, TellsOurAddress) {
  Coturn coturn(stun_only());
  ASSERT_EQ(coturn.error(), 0) << "turnserver cannot be started";
  expect_right_address("10.89.0.1", "10.89.0.2");
  expect_right_address("fd89::1", "fd89::2");
}

TEST_F(CoturnTest, TellsOurAddressWithFingerprint) {
  Coturn coturn(stun_only({"--fingerprint"}));
  ASSERT_EQ(coturn.error(), 0) << "turnserver cannot be started";
  expect_right_address("10.89.0.1", "10.89.0.2");
  expect_right_address("fd89::1", "fd89::2");
}

TEST_F(CoturnTest, AttributesUnknownToUsAreSkipped) {
  Coturn coturn(stun_only({"--fingerprint"}));
  ASSERT_EQ(coturn.error(), 0) << "turnserver cannot be started";
  auto socket = socket_at("10.89.0.1");
  const Bytes answer = ask(socket, server_at("10.89.0.2"),
                           stun::encode_plain_binding_request(stun::make_transaction_id(random)));
  const auto types = attribute_types(answer);
  const auto has = [&](std::uint16_t type) { return std::count(types.begin(), types.end(), type) == 1; };
  EXPECT_TRUE(has(0x802b)) << "RESPONSE-ORIGIN (RFC 5780), which we do not read";
  EXPECT_TRUE(has(0x8022)) << "SOFTWARE";
  EXPECT_TRUE(has(0x8028)) << "FINGERPRINT";
  EXPECT_TRUE(stun::parse_plain_binding_response(answer));

  Bytes changed = answer;
  changed.back() = static_cast<std::uint8_t>(changed.back() ^ 1);
  const auto refused = stun::parse_plain_binding_response(changed);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), stun::ParseError::bad_fingerprint);
}

TEST_F(CoturnTest, ItsErrorResponseIsReadAsOne) {
  Coturn coturn(stun_only());
  ASSERT_EQ(coturn.error(), 0) << "turnserver cannot be started";
  auto socket = socket_at("10.89.0.1");
  const auto id = stun::make_transaction_id(random);
  Bytes request = stun::encode_plain_binding_request(id);
  // An attribute of the comprehension-required range that nobody has defined.
  request.insert(request.end(), {0x7f, 0xf0, 0x00, 0x04, 0, 0, 0, 0});
  request[3] = static_cast<std::uint8_t>(request.size() - stun::kHeaderBytes);
  const Bytes answer = ask(socket, server_at("10.89.0.2"), request);
  ASSERT_FALSE(answer.empty());
  const auto response = stun::parse_plain_binding_response(answer);
  ASSERT_TRUE(response) << static_cast<int>(response.error());
  EXPECT_EQ(response->transaction, id);
  EXPECT_EQ(response->error, stun::error_code::kUnknownAttribute);
  EXPECT_EQ(response->mapped, std::nullopt);
}

// A full ICE check is a Binding request with more in it; a STUN server answers it all the same, or says why
// not.
TEST_F(CoturnTest, AnswersARequestOfIce) {
  Coturn coturn(stun_only({"--fingerprint"}));
  ASSERT_EQ(coturn.error(), 0) << "turnserver cannot be started";
  auto socket = socket_at("10.89.0.1");
  stun::BindingRequest request;
  request.transaction = stun::make_transaction_id(random);
  request.username = "them:us";
  request.priority = 0x6e0001ff;
  request.use_candidate = true;
  request.nomination = 1;
  request.controlling = 7;
  const Bytes answer = ask(socket, server_at("10.89.0.2"), stun::encode_binding_request(request, "password"));
  ASSERT_FALSE(answer.empty());
  const auto response = stun::parse_plain_binding_response(answer);
  ASSERT_TRUE(response) << static_cast<int>(response.error());
  EXPECT_EQ(response->transaction, request.transaction);
  EXPECT_TRUE(response->mapped == socket.local() || response->error.has_value());
  EXPECT_FALSE(stun::parse_binding_response(answer, "password")) << "coturn does not know the password";
}

}  // namespace
}  // namespace causeway::interop
