// udp_blast receive PORT                        counts what arrives, until it is stopped
// udp_blast send ADDRESS PORT BYTES SECONDS     sends as fast as one core can, then prints both sides' counts
// as JSON
//
// One plain send() per datagram, as an ordinary program does: no UDP segmentation offload, no sendmmsg. A
// datagram's first byte says what it is. After the data the sender repeats "end" until the receiver has
// answered with its counts.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr char kData = 'd';
constexpr char kEnd = 'e';
constexpr std::size_t kLargestDatagram = 2048;
constexpr std::size_t kReceiveBatch = 64;
constexpr int kReceiveBufferBytes = 4 << 20;
constexpr int kSendsPerClockRead = 64;
constexpr int kEndRepeats = 1000;
constexpr int kEndIntervalMs = 10;

struct Counts {
  std::uint64_t datagrams;
  double seconds;  // from the first datagram to the last
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "udp_blast: %s: %s\n", what, std::generic_category().message(errno).c_str());
  std::exit(1);
}

int make_socket() {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) {
    fail("socket");
  }
  return fd;
}

sockaddr_in make_address(const char* address, const char* port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  if (inet_pton(AF_INET, address, &result.sin_addr) != 1) {
    std::fprintf(stderr, "udp_blast: '%s' is not an IPv4 address\n", address);
    std::exit(2);
  }
  return result;
}

// A receiver's batch: one buffer, sender address and vector per datagram, wired together once.
struct Batch {
  std::array<std::array<char, kLargestDatagram>, kReceiveBatch> buffers;
  std::array<sockaddr_in, kReceiveBatch> senders;
  std::array<iovec, kReceiveBatch> vectors;
  std::array<mmsghdr, kReceiveBatch> messages;

  Batch() {
    for (std::size_t i = 0; i < kReceiveBatch; ++i) {
      vectors[i] = {buffers[i].data(), buffers[i].size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &senders[i];
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }

  int receive(int fd) {
    for (mmsghdr& message : messages) {
      message.msg_hdr.msg_namelen = sizeof(sockaddr_in);
    }
    return recvmmsg(fd, messages.data(), kReceiveBatch, MSG_WAITFORONE, nullptr);
  }
};

[[noreturn]] void receive(const char* port) {
  const int fd = make_socket();
  const int bytes = kReceiveBufferBytes;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
    fail("SO_RCVBUFFORCE");
  }
  const sockaddr_in address = make_address("0.0.0.0", port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail("bind");
  }
  Batch batch;
  std::uint64_t datagrams = 0;
  Clock::time_point first;
  Clock::time_point last;
  for (;;) {
    const int count = batch.receive(fd);
    if (count < 0) {
      fail("recvmmsg");
    }
    const Clock::time_point now = Clock::now();
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      if (batch.messages[i].msg_len > 0 && batch.buffers[i][0] == kEnd) {
        const Counts counts{datagrams, Seconds(last - first).count()};
        // May be lost like anything else: the sender asks again.
        sendto(fd, &counts, sizeof counts, 0, reinterpret_cast<const sockaddr*>(&batch.senders[i]),
               sizeof(sockaddr_in));
        continue;
      }
      first = datagrams == 0 ? now : first;
      last = now;
      ++datagrams;
    }
  }
}

Counts send_data(int fd, std::size_t bytes, Seconds duration) {
  const std::vector<char> datagram(bytes, kData);
  std::uint64_t sent = 0;
  const Clock::time_point start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(duration);
  while (Clock::now() < end) {
    for (int i = 0; i < kSendsPerClockRead; ++i) {
      if (send(fd, datagram.data(), datagram.size(), 0) >= 0) {
        ++sent;
      } else if (errno != ENOBUFS && errno != EAGAIN) {
        fail("send");
      }
    }
  }
  return {sent, Seconds(Clock::now() - start).count()};
}

Counts ask_receiver(int fd) {
  for (int i = 0; i < kEndRepeats; ++i) {
    send(fd, &kEnd, 1, 0);
    pollfd waiting{fd, POLLIN, 0};
    Counts counts{};
    if (poll(&waiting, 1, kEndIntervalMs) > 0 && recv(fd, &counts, sizeof counts, 0) == sizeof counts) {
      return counts;
    }
  }
  std::fprintf(stderr, "udp_blast: the receiver does not answer\n");
  std::exit(1);
}

void send_all(const char* address, const char* port, const char* bytes, const char* seconds) {
  const int fd = make_socket();
  const sockaddr_in target = make_address(address, port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    fail("connect");
  }
  const Counts sent = send_data(fd, std::strtoul(bytes, nullptr, 10), Seconds(std::strtod(seconds, nullptr)));
  const Counts received = ask_receiver(fd);
  std::printf(R"({"sent": %llu, "sent_seconds": %.6f, "received": %llu, "received_seconds": %.6f})"
              "\n",
              static_cast<unsigned long long>(sent.datagrams), sent.seconds,
              static_cast<unsigned long long>(received.datagrams), received.seconds);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "receive" && argc == 3) {
    receive(argv[2]);
  }
  if (verb == "send" && argc == 6) {
    send_all(argv[2], argv[3], argv[4], argv[5]);
    return 0;
  }
  std::fprintf(stderr, "usage: udp_blast receive PORT | send ADDRESS PORT BYTES SECONDS\n");
  return 2;
}
