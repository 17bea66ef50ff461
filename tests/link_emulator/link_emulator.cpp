// A link between two NICs of one namespace, with loss, delay, jitter, reordering, duplicates and a rate, for
// kernels without netem:
//
//   link_emulator LEFT RIGHT [OPTION VALUE]...      both directions
//
// Options: loss, duplicate, reorder (shares 0 to 1), reorder-ms, delay-ms, jitter-ms, rate-mbit, queue-kib,
// seed. While it runs, lines of the same words on stdin change them ("loss 0.1 delay-ms 20"); "cut", "heal"
// and "left" or "right" in front (only what comes in there) work as well. SIGTERM ends it; then it prints its
// counters.
//
// Frames are passed on as they are: both NICs, and what they are connected to, need their offloads off, or
// what comes in are super-packets and unfinished checksums.

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "link_emulator/link_model.hpp"
#include "net/file_descriptor.hpp"

namespace {

using namespace causeway;
using emulator::LinkModel;
using emulator::LinkOptions;

constexpr int kPacketIgnoreOutgoing = 23;  // since Linux 4.20
constexpr int kBufferBytes = 16 << 20;
constexpr int kFramesPerTurn = 256;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "error: %s\n", what.c_str());
  std::exit(1);
}

net::FileDescriptor open_nic(const std::string& name) {
  net::FileDescriptor nic(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!nic) die("cannot open a packet socket; run as root");
  const int on = 1;
  setsockopt(nic.get(), SOL_PACKET, kPacketIgnoreOutgoing, &on, sizeof on);
  setsockopt(nic.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  setsockopt(nic.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = static_cast<std::uint16_t>(ETH_P_ALL << 8);
  address.sll_ifindex = static_cast<int>(if_nametoindex(name.c_str()));
  if (address.sll_ifindex == 0) die("there is no NIC named " + name);
  if (::bind(nic.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    die("cannot bind to " + name);
  }
  packet_mreq promiscuous{address.sll_ifindex, PACKET_MR_PROMISC, 0, {}};
  setsockopt(nic.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous);
  return nic;
}

Duration milliseconds(double value) { return Duration{static_cast<std::int64_t>(value * 1e6)}; }

/// False when there is no option of that name.
bool apply(LinkOptions& options, const std::string& name, double value) {
  if (name == "loss") {
    options.loss = value;
  } else if (name == "duplicate") {
    options.duplicate = value;
  } else if (name == "reorder") {
    options.reorder = value;
  } else if (name == "reorder-ms") {
    options.reorder_by = milliseconds(value);
  } else if (name == "delay-ms") {
    options.delay = milliseconds(value);
  } else if (name == "jitter-ms") {
    options.jitter = milliseconds(value);
  } else if (name == "rate-mbit") {
    options.bits_per_second = static_cast<std::uint64_t>(value * 1e6);
  } else if (name == "queue-kib") {
    options.queue_bytes = static_cast<std::size_t>(value * 1024);
  } else {
    return false;
  }
  return true;
}

/// Packets that come in at one NIC and leave by the other.
struct Direction {
  int in, out;
  LinkModel model;
  std::uint64_t refused = 0;  ///< the other NIC did not take it

  void receive(SteadyTime now) {
    std::array<std::uint8_t, 65536> frame;
    for (int i = 0; i < kFramesPerTurn; ++i) {
      const ssize_t bytes = ::recv(in, frame.data(), frame.size(), 0);
      if (bytes <= 0) return;
      model.on_packet(ByteView{frame}.first(static_cast<std::size_t>(bytes)), now);
    }
  }
  void deliver(SteadyTime now) {
    while (auto packet = model.poll(now))
      if (::send(out, packet->data(), packet->size(), 0) < 0) ++refused;
  }
  void print(const char* name) const {
    const auto& counters = model.counters();
    std::printf(
        "%s in %llu out %llu lost %llu queue_full %llu duplicated %llu held_back %llu refused %llu\n", name,
        static_cast<unsigned long long>(counters.in), static_cast<unsigned long long>(counters.out),
        static_cast<unsigned long long>(counters.lost), static_cast<unsigned long long>(counters.queue_full),
        static_cast<unsigned long long>(counters.duplicated),
        static_cast<unsigned long long>(counters.held_back), static_cast<unsigned long long>(refused));
  }
};

/// One line of words for both directions, or for one.
void obey(const std::string& line, Direction& left, Direction& right) {
  std::istringstream words(line);
  std::string word;
  bool to_left = true, to_right = true;
  while (words >> word) {
    if (word == "left" || word == "right") {
      to_left = word == "left", to_right = !to_left;
      continue;
    }
    double value = 0;
    const bool is_switch = word == "cut" || word == "heal";
    if (!is_switch && !(words >> value)) die("\"" + word + "\" needs a number");
    for (Direction* direction : {to_left ? &left : nullptr, to_right ? &right : nullptr}) {
      if (!direction) continue;
      LinkOptions options = direction->model.options();
      if (is_switch) {
        options.is_cut = word == "cut";
      } else if (!apply(options, word, value)) {
        die("no option is named \"" + word + "\"");
      }
      direction->model.set(options);
    }
  }
}

int milliseconds_until(std::optional<SteadyTime> due, SteadyTime now) {
  if (!due) return -1;
  if (*due <= now) return 0;
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(*due - now).count());
}

}  // namespace

int main(int count, char** words) {
  if (count < 3 || count % 2 == 0) {
    std::fprintf(stderr, "usage: link_emulator LEFT RIGHT [OPTION VALUE]...\n");
    return 2;
  }
  std::string line;
  std::uint64_t seed = 1;
  for (int i = 3; i < count; i += 2) {
    if (std::string(words[i]) == "seed") {
      seed = std::strtoull(words[i + 1], nullptr, 10);
    } else {
      line += std::string(words[i]) + ' ' + words[i + 1] + ' ';
    }
  }
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  sigprocmask(SIG_BLOCK, &ending, nullptr);
  const net::FileDescriptor signals(::signalfd(-1, &ending, SFD_CLOEXEC));

  const net::FileDescriptor left_nic = open_nic(words[1]), right_nic = open_nic(words[2]);
  Direction left{left_nic.get(), right_nic.get(), LinkModel({}, seed)};
  Direction right{right_nic.get(), left_nic.get(), LinkModel({}, seed + 1)};
  obey(line, left, right);

  std::string unread;
  int commands = STDIN_FILENO;
  for (;;) {
    SteadyTime now = read_clocks().steady;
    const int wait =
        std::min<unsigned>(static_cast<unsigned>(milliseconds_until(left.model.next_timeout(), now)),
                           static_cast<unsigned>(milliseconds_until(right.model.next_timeout(), now)));
    std::array<pollfd, 4> ready{
        {{left.in, POLLIN, 0}, {right.in, POLLIN, 0}, {signals.get(), POLLIN, 0}, {commands, POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), wait);
    now = read_clocks().steady;
    if (ready[0].revents != 0) left.receive(now);
    if (ready[1].revents != 0) right.receive(now);
    left.deliver(now);
    right.deliver(now);
    if (ready[2].revents != 0) break;
    if (ready[3].revents != 0) {
      std::array<char, 1024> text;
      const ssize_t bytes = ::read(commands, text.data(), text.size());
      if (bytes <= 0) {
        commands = -1;  // poll() passes over it
        continue;
      }
      unread.append(text.data(), static_cast<std::size_t>(bytes));
      for (std::size_t end; (end = unread.find('\n')) != std::string::npos; unread.erase(0, end + 1))
        obey(unread.substr(0, end), left, right);
    }
  }
  left.print("left");
  right.print("right");
}
