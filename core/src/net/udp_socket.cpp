#include "net/udp_socket.hpp"

#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/log.hpp"

namespace causeway::net {
namespace {

// Missing in older headers; the values are kernel ABI.
constexpr int kUdpSegment = 103;
constexpr int kUdpGro = 104;
constexpr std::uint8_t kEcnMask = 3;

// A pending ICMP error of an earlier datagram to anybody is reported by the next call: it says nothing about
// this one. More than this many in a row are somebody's flood.
constexpr int kPendingErrorsSkipped = 4;

bool set_option(int descriptor, int level, int name, int value) {
  return setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

Error failure(const UdpSocketOptions& options, std::string_view what, int error, std::string_view hint = "") {
  return {fmt::format("cannot {} for UDP on {}{}{}: {}{}{}", what, options.address.to_string(),
                      options.device.empty() ? "" : " at ", options.device,
                      std::generic_category().message(error), hint.empty() ? "" : "; ", hint)};
}

void set_buffer(int descriptor, int forced, int plain, int bytes) {
  // The plain option is cut to net.core.[rw]mem_max; that is all one gets without CAP_NET_ADMIN.
  if (!set_option(descriptor, SOL_SOCKET, forced, bytes)) set_option(descriptor, SOL_SOCKET, plain, bytes);
}

bool is_pending_icmp_error(int error) {
  return error == ECONNREFUSED || error == EPROTO || error == ENOPROTOOPT;
}

int bind_to(int descriptor, const Endpoint& local) {
  sockaddr_storage storage{};
  const unsigned length = local.to_sockaddr(storage);
  return ::bind(descriptor, reinterpret_cast<const sockaddr*>(&storage), length) == 0 ? 0 : errno;
}

/// Control messages of a send: the segment size, and the ECN bits.
class SendControl {
 public:
  template <class Value>
  void add(int level, int type, Value value) {
    cmsghdr header{};
    header.cmsg_level = level;
    header.cmsg_type = type;
    header.cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(bytes_.data() + used_, &header, sizeof header);
    std::memcpy(bytes_.data() + used_ + CMSG_LEN(0), &value, sizeof value);
    used_ += CMSG_SPACE(sizeof value);
  }
  void add_ecn(bool is_v4, std::uint8_t ecn) {
    add(is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_TOS : IPV6_TCLASS, int{ecn});
  }
  void attach_to(msghdr& message) {
    if (used_ == 0) return;
    message.msg_control = bytes_.data();
    message.msg_controllen = used_;
  }

 private:
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t)) + CMSG_SPACE(sizeof(int))> bytes_{};
  std::size_t used_ = 0;
};

/// What the kernel says beside a received datagram.
template <class Value>
Value value_of(const cmsghdr* header) {
  Value value{};
  std::memcpy(&value, CMSG_DATA(header), sizeof value);
  return value;
}

}  // namespace

Result<UdpSocket> UdpSocket::open(const UdpSocketOptions& options) {
  const bool v4 = options.address.is_v4();
  FileDescriptor descriptor(
      ::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!descriptor) return failure(options, "open a socket", errno);
  const int fd = descriptor.get();

  if (!v4 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) return failure(options, "set IPV6_V6ONLY", errno);
  if (options.reuse_port && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
    return failure(options, "set SO_REUSEPORT", errno);
  }
  // The source address alone does not choose the NIC: with two NICs in one network, or a default route
  // elsewhere, datagrams would leave by the wrong one.
  if (!options.device.empty() && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options.device.c_str(),
                                            static_cast<socklen_t>(options.device.size() + 1)) != 0) {
    return failure(options, "bind to the NIC", errno,
                   errno == EPERM ? "run as root, or give the program CAP_NET_RAW" : "");
  }
  if (options.mark != 0 && !set_option(fd, SOL_SOCKET, SO_MARK, static_cast<int>(options.mark))) {
    return failure(options, "set the routing mark", errno, "run as root, or give the program CAP_NET_ADMIN");
  }
  // DO and not PROBE: both set DF, but only DO also refuses what a router has told the kernel is too big, so
  // that a smaller MTU on the way is known at the next send and not after a black-hole timer. Forged ICMP can
  // thereby shrink a path for ten minutes (down to min_pmtu); it can't stop it.
  const bool never_fragments = v4 ? set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
                                  : set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
  if (!never_fragments) return failure(options, "forbid fragments", errno);
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, options.buffer_bytes);
  set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.buffer_bytes);

  int error = bind_to(fd, {options.address, options.port});
  if (error == EADDRINUSE && options.port != 0 && !options.port_is_required) {
    log::info("udp", "port {} of {} is taken, any other will do", options.port, options.address.to_string());
    error = bind_to(fd, {options.address, 0});
  }
  if (error == EADDRINUSE) {
    return failure(options, fmt::format("bind port {}", options.port), error,
                   "stop the program that has it, or choose another port");
  }
  if (error != 0) return failure(options, fmt::format("bind port {}", options.port), error);

  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return failure(options, "learn the port", errno);
  }
  // Without it congestion marks of routers are lost, and nothing else.
  set_option(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVTOS : IPV6_RECVTCLASS, 1);
  const bool gro = options.use_gro && set_option(fd, SOL_UDP, kUdpGro, 1);
  int segment = 0;
  socklen_t segment_length = sizeof segment;
  const bool gso = options.use_gso && getsockopt(fd, SOL_UDP, kUdpSegment, &segment, &segment_length) == 0;
  return UdpSocket(std::move(descriptor), Endpoint::from_sockaddr(storage).value_or(Endpoint{}), gso, gro);
}

Result<std::vector<UdpSocket>> UdpSocket::open_group(UdpSocketOptions options, unsigned count) {
  std::vector<UdpSocket> group;
  group.reserve(count);
  // The first is bound without SO_REUSEPORT, which only allows what comes later: thus a port that another
  // program of this user shares is noticed.
  options.reuse_port = false;
  for (unsigned i = 0; i < count; ++i) {
    auto socket = open(options);
    if (!socket) return socket.error();
    if (i == 0 && count > 1 && !set_option(socket->descriptor(), SOL_SOCKET, SO_REUSEPORT, 1)) {
      return failure(options, "set SO_REUSEPORT", errno);
    }
    options.port = socket->local().port;
    options.port_is_required = options.reuse_port = true;
    group.push_back(std::move(*socket));
  }
  return group;
}

UdpSocket::UdpSocket(FileDescriptor descriptor, const Endpoint& local, bool gso, bool gro)
    : descriptor_(std::move(descriptor)), local_(local), gso_(gso), gro_(gro) {}

UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : descriptor_(std::move(other.descriptor_)),
      local_(other.local_),
      gso_(other.uses_gso()),
      gro_(other.gro_) {}

UdpSocket::SendResult UdpSocket::send(const Endpoint& to, ByteView bytes, std::size_t segment_bytes,
                                      std::uint8_t ecn) noexcept {
  SendResult result;
  if (segment_bytes == 0 || bytes.empty()) return result;
  sockaddr_storage storage;
  const unsigned length = to.to_sockaddr(storage);

  while (!bytes.empty()) {
    // A lone segment over the UDP limit goes to the kernel as it is, which answers EMSGSIZE.
    const std::size_t segments = std::clamp<std::size_t>(kMostSendBytes / segment_bytes, 1, kMostSegments);
    const ByteView part = bytes.first(std::min(bytes.size(), segments * segment_bytes));
    const auto part_segments = static_cast<std::uint32_t>((part.size() + segment_bytes - 1) / segment_bytes);

    int error = EIO;
    if (part_segments > 1 && uses_gso()) {
      error = send_segmented(&storage, length, part, segment_bytes, ecn);
      // EIO: the NIC can't checksum what it would have to split. That does not change while the socket lives.
      if (error == EIO) gso_.store(false, std::memory_order_relaxed);
    }
    // EINVAL: an older kernel's word for "segment larger than the MTU", but also for a source address that
    // has gone. One datagram by itself tells which: EMSGSIZE or EINVAL again.
    if (error == EIO || error == EINVAL) {
      const SendResult single = send_singly(&storage, length, part, segment_bytes, ecn);
      result.segments_sent += single.segments_sent;
      error = single.error;
    } else if (error == 0) {
      result.segments_sent += part_segments;
    }
    if (error != 0) {
      result.error = error;
      return result;
    }
    bytes = bytes.subspan(part.size());
  }
  return result;
}

int UdpSocket::send_segmented(const void* to, unsigned to_bytes, ByteView bytes, std::size_t segment_bytes,
                              std::uint8_t ecn) noexcept {
  SendControl control;
  control.add(SOL_UDP, kUdpSegment, static_cast<std::uint16_t>(segment_bytes));
  if (ecn != 0) control.add_ecn(local_.address.is_v4(), ecn);
  sockaddr_storage name;
  std::memcpy(&name, to, to_bytes);
  iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = &name;
  message.msg_namelen = to_bytes;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  control.attach_to(message);

  int skipped = 0;
  while (::sendmsg(descriptor_.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (is_pending_icmp_error(errno) && ++skipped <= kPendingErrorsSkipped) continue;
    return errno;
  }
  return 0;
}

UdpSocket::SendResult UdpSocket::send_singly(void* to, unsigned to_bytes, ByteView bytes,
                                             std::size_t segment_bytes, std::uint8_t ecn) noexcept {
  SendControl control;
  if (ecn != 0) control.add_ecn(local_.address.is_v4(), ecn);
  std::array<iovec, kMostSegments> pieces;
  std::array<mmsghdr, kMostSegments> messages;
  unsigned count = 0;
  for (ByteView rest = bytes; !rest.empty() && count < kMostSegments; ++count) {
    const ByteView segment = rest.first(std::min(segment_bytes, rest.size()));
    pieces[count] = {const_cast<std::uint8_t*>(segment.data()), segment.size()};
    messages[count] = {};
    messages[count].msg_hdr.msg_name = to;
    messages[count].msg_hdr.msg_namelen = to_bytes;
    messages[count].msg_hdr.msg_iov = &pieces[count];
    messages[count].msg_hdr.msg_iovlen = 1;
    control.attach_to(messages[count].msg_hdr);
    rest = rest.subspan(segment.size());
  }

  SendResult result;
  int skipped = 0;
  while (result.segments_sent < count) {
    const int sent = ::sendmmsg(descriptor_.get(), &messages[result.segments_sent],
                                count - result.segments_sent, MSG_NOSIGNAL);
    if (sent > 0) {
      result.segments_sent += static_cast<std::uint32_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    if (is_pending_icmp_error(errno) && ++skipped <= kPendingErrorsSkipped) continue;
    result.error = errno;
    break;
  }
  return result;
}

Result<void> UdpSocket::connect(const Endpoint& peer) {
  sockaddr_storage storage{};
  const unsigned length = peer.to_sockaddr(storage);
  if (::connect(descriptor_.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0) return {};
  return Error{fmt::format("cannot connect {} to {}: {}", local_.to_string(), peer.to_string(),
                           std::generic_category().message(errno))};
}

UdpSocket::SendResult UdpSocket::send_gathered(std::span<const ByteView> datagrams,
                                               std::uint8_t ecn) noexcept {
  SendResult result;
  std::array<iovec, kMostSegments> pieces;
  while (!datagrams.empty()) {
    const std::size_t segment_bytes = datagrams.front().size();
    std::size_t count = 1;
    if (uses_gso() && segment_bytes > 0) {
      const std::size_t most = std::clamp<std::size_t>(kMostSendBytes / segment_bytes, 1, kMostSegments);
      while (count < most && count < datagrams.size() && datagrams[count - 1].size() == segment_bytes &&
             datagrams[count].size() <= segment_bytes) {
        ++count;
      }
    }
    for (std::size_t i = 0; i < count; ++i)
      pieces[i] = {const_cast<std::uint8_t*>(datagrams[i].data()), datagrams[i].size()};
    SendControl control;
    if (count > 1) control.add(SOL_UDP, kUdpSegment, static_cast<std::uint16_t>(segment_bytes));
    if (ecn != 0) control.add_ecn(local_.address.is_v4(), ecn);
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    control.attach_to(message);
    int error = 0;
    for (int skipped = 0; ::sendmsg(descriptor_.get(), &message, MSG_NOSIGNAL) < 0;) {
      error = errno;
      if (error == EINTR || pass_over(error, skipped)) {
        error = 0;
        continue;
      }
      break;
    }
    // As in send(): the NIC can't checksum segments, or an older kernel's word for one that is too long.
    if (count > 1 && error == EIO) {
      gso_.store(false, std::memory_order_relaxed);
      continue;
    }
    if (count > 1 && error == EINVAL) error = EMSGSIZE;
    if (error != 0) {
      result.error = error;
      return result;
    }
    result.segments_sent += static_cast<std::uint32_t>(count);
    datagrams = datagrams.subspan(count);
  }
  return result;
}

bool UdpSocket::pass_over(int error, int& passed_over) noexcept {
  if (error == ECONNREFUSED) refusals_.fetch_add(1, std::memory_order_relaxed);
  return is_pending_icmp_error(error) && ++passed_over <= kPendingErrorsSkipped;
}

UdpSocket::Received UdpSocket::receive(MutableByteView buffer) noexcept {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int)) + 64> control;
  sockaddr_storage from;
  iovec piece{buffer.data(), buffer.size()};
  Received received;
  for (int skipped = 0;;) {
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(descriptor_.get(), &message, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (pass_over(errno, skipped)) continue;
      received.error = errno;
      return received;
    }
    received.bytes = static_cast<std::size_t>(got);
    received.segment_bytes = received.bytes;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level == SOL_UDP && header->cmsg_type == kUdpGro) {
        const int segment = value_of<int>(header);  // although the sending side's is 16 bits
        if (segment > 0 && static_cast<std::size_t>(segment) < received.bytes) {
          received.segment_bytes = static_cast<std::size_t>(segment);
        }
      } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS) {
        received.ecn = value_of<std::uint8_t>(header) & kEcnMask;
      } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS) {
        received.ecn = static_cast<std::uint8_t>(value_of<int>(header) & kEcnMask);
      }
    }
    received.from = Endpoint::from_sockaddr(from).value_or(Endpoint{});
    return received;
  }
}

}  // namespace causeway::net
