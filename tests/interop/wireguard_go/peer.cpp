// One WireGuard peer made of our Session over a UDP socket on 127.0.0.1, with the virtual address 10.99.0.1
// and no TUN: it makes and answers ICMP echoes itself. The shell script beside it puts wireguard-go on the
// other side.
//
//   peer MODE OWN_PORT PEER_PORT OWN_SECRET PEER_PUBLIC PRESHARED     keys in base64
//
//   initiate            sends three echo requests to 10.99.0.2, ends when all are answered
//   rekey               the same, then puts its clock two minutes ahead, which renews the session, and
//                       sends three more
//   respond             answers three echo requests; never initiates
//   respond-under-load  the same, but asks every handshake for a cookie

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <span>

#include "base/random.hpp"
#include "base/time.hpp"
#include "session/limits.hpp"
#include "support/session_end.hpp"

namespace causeway::session::testing {
namespace {

constexpr int kEchoes = 3;
constexpr Duration kDeadline = 30s;
constexpr std::size_t kPacketBytes = 20 + 8 + 32;  // IPv4, ICMP, payload

void put_checksum(std::string& packet, std::size_t from, std::size_t to, std::size_t at) {
  std::uint32_t sum = 0;
  packet[at] = packet[at + 1] = 0;
  for (std::size_t i = from; i + 1 < to; i += 2) {
    sum += static_cast<std::uint32_t>(static_cast<std::uint8_t>(packet[i]) << 8 |
                                      static_cast<std::uint8_t>(packet[i + 1]));
  }
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  packet[at] = static_cast<char>(~sum >> 8);
  packet[at + 1] = static_cast<char>(~sum);
}

std::string echo_request(int sequence) {
  std::string packet(kPacketBytes, '\0');
  const std::string header{"\x45\0\0\x3c\0\0\x40\0\x40\x01\0\0\x0a\x63\0\x01\x0a\x63\0\x02", 20};
  std::copy(header.begin(), header.end(), packet.begin());
  packet[20] = 8;
  packet[27] = static_cast<char>(sequence);
  std::fill(packet.begin() + 28, packet.end(), 'c');
  put_checksum(packet, 0, 20, 10);
  put_checksum(packet, 20, kPacketBytes, 22);
  return packet;
}

/// The ICMP type of an inner packet without options; -1 if it is none. `packet` loses its padding.
int icmp_type(std::string& packet) {
  if (packet.size() < 28 || packet[0] != 0x45 || packet[9] != 1) return -1;
  const auto length = static_cast<std::size_t>(static_cast<std::uint8_t>(packet[2]) << 8 |
                                               static_cast<std::uint8_t>(packet[3]));
  if (length < 28 || length > packet.size()) return -1;
  packet.resize(length);
  return packet[20];
}

std::string echo_reply(std::string packet) {
  std::swap_ranges(packet.begin() + 12, packet.begin() + 16, packet.begin() + 16);
  packet[20] = 0;
  if (packet.size() % 2) packet.push_back('\0');
  put_checksum(packet, 0, 20, 10);
  put_checksum(packet, 20, packet.size(), 22);
  return packet;
}

class UdpSocket {
 public:
  UdpSocket(std::uint16_t own_port, std::uint16_t peer_port)
      : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in own = loopback(own_port), peer = loopback(peer_port);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
        connect(fd_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
      fmt::print(stderr, "error: no socket on 127.0.0.1:{}\n", own_port);
      std::exit(1);
    }
  }
  ~UdpSocket() { close(fd_); }
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  // The peer may not be up yet: what can't be sent is lost, as on any network.
  void send(ByteView bytes) {
    if (::send(fd_, bytes.data(), bytes.size(), 0) < 0) return;
  }
  std::optional<Bytes> receive(Duration wait) {
    pollfd ready{fd_, POLLIN, 0};
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    if (poll(&ready, 1, static_cast<int>(milliseconds)) <= 0) return std::nullopt;
    Bytes bytes(2048);
    const ssize_t got = recv(fd_, bytes.data(), bytes.size(), 0);
    if (got < 0) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
  }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  int fd_;
};

int run(std::span<char*> arguments) {
  const std::string_view mode = arguments[0];
  const auto own_port = static_cast<std::uint16_t>(std::atoi(arguments[1]));
  const auto peer_port = static_cast<std::uint16_t>(std::atoi(arguments[2]));
  const auto secret = from_base64(arguments[3]), psk = from_base64(arguments[5]);
  const auto peer_key = crypto::SessionPublicKey::from_base64(arguments[4]);
  if (!secret || secret->size() != 32 || !psk || psk->size() != 32 || !peer_key) {
    fmt::print(stderr, "error: keys are 32 bytes in base64\n");
    return 2;
  }

  SystemRandom random;
  LocalKeys keys{*crypto::SessionSecretKey::from_bytes(*secret), {}};
  keys.public_key = crypto::derive_public(keys.secret);
  const auto peer_endpoint = net::Endpoint::parse(fmt::format("127.0.0.1:{}", peer_port)).value();
  End end{"ours",
          keys,
          *peer_key,
          random,
          peer_endpoint,
          PeerKind::wireguard,
          {},
          *crypto::PresharedKey::from_bytes(*psk)};
  end.keeps_padding = true;
  end.under_load = mode == "respond-under-load";
  const bool rekeys = mode == "rekey";
  const bool initiates = mode == "initiate" || rekeys;
  const int wanted = rekeys ? 2 * kEchoes : kEchoes;

  UdpSocket socket{own_port, peer_port};
  fmt::print("ready\n");
  std::fflush(stdout);
  Duration skipped{};
  const auto clocks = [&] {
    const Now now = read_clocks();
    return Now{now.steady + skipped, now.wall + skipped};
  };
  SteadyTime until = read_clocks().steady + kDeadline;
  int answered = 0;
  if (initiates) end.send_text(echo_request(1), clocks());
  for (;;) {
    for (const auto& message : std::exchange(end.outbox, {}))
      socket.send(message);
    if (answered == wanted && end.installed >= (rekeys ? 2 : 1)) break;
    const Now now = clocks();
    if (now.steady >= until) break;
    const SteadyTime next = std::min(until, end.session.next_timeout().value_or(until));
    if (const auto message = socket.receive(std::max(next - now.steady, Duration::zero()))) {
      end.receive(*message, peer_endpoint, clocks());
    }
    for (auto& packet : std::exchange(end.received, {})) {
      const int type = icmp_type(packet);
      if (type == 8) {
        end.send_text(echo_reply(packet), clocks());
        answered += !initiates;
      } else if (type == 0 && initiates && ++answered % kEchoes != 0) {
        end.send_text(echo_request(answered + 1), clocks());
      }
    }
    if (rekeys && answered == kEchoes && skipped == Duration::zero()) {
      skipped = kRekeyAfterTime + 1s;
      until += skipped;
      end.send_text(echo_request(answered + 1), clocks());
    }
    end.tell_traffic(clocks());
    end.on_timeout(clocks());
  }

  fmt::print("{}: {} echoes, {} keypairs, initiations {}, responses {}, cookies {}\n", mode, answered,
             end.installed, end.handshakes_sent[1], end.handshakes_sent[2], end.cookies_sent);
  const bool roles_kept =
      initiates ? end.handshakes_sent[1] >= 1 : end.handshakes_sent[1] == 0 && end.handshakes_sent[2] >= 1;
  const bool cookie_used = !end.under_load || end.cookies_sent >= 1;
  const bool is_rekeyed = !rekeys || (end.installed == 2 && end.handshakes_sent[1] >= 2);
  return answered == wanted && roles_kept && cookie_used && is_rekeyed ? 0 : 1;
}

}  // namespace
}  // namespace causeway::session::testing

int main(int argc, char** argv) {
  if (argc != 7) {
    fmt::print(stderr, "usage: {} MODE OWN_PORT PEER_PORT OWN_SECRET PEER_PUBLIC PRESHARED\n", argv[0]);
    return 2;
  }
  return causeway::session::testing::run({argv + 1, 6});
}
