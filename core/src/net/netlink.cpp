#include "net/netlink.hpp"

#include <fmt/core.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace causeway::net {
namespace {

constexpr std::size_t align(std::size_t bytes) {
  return (bytes + NLMSG_ALIGNTO - 1) / NLMSG_ALIGNTO * NLMSG_ALIGNTO;
}

int error_of(ByteView payload) {
  int error = 0;
  if (payload.size() >= sizeof error) std::memcpy(&error, payload.data(), sizeof error);
  return -error;
}

}  // namespace

void NetlinkRequest::begin(std::uint16_t type, std::uint16_t flags, ByteView fixed) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  message_.resize(sizeof header + align(fixed.size()));
  std::memcpy(message_.data(), &header, sizeof header);
  std::memcpy(message_.data() + sizeof header, fixed.data(), fixed.size());
}

void NetlinkRequest::add(std::uint16_t attribute, ByteView value) {
  rtattr header{};
  header.rta_type = attribute;
  header.rta_len = static_cast<std::uint16_t>(sizeof header + value.size());
  const std::size_t start = message_.size();
  message_.resize(start + align(sizeof header + value.size()));
  std::memcpy(message_.data() + start, &header, sizeof header);
  if (!value.empty()) std::memcpy(message_.data() + start + sizeof header, value.data(), value.size());
}

void NetlinkRequest::add_u32(std::uint16_t attribute, std::uint32_t value) {
  add(attribute, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

void NetlinkRequest::add_text(std::uint16_t attribute, std::string_view value) {
  Bytes terminated(value.begin(), value.end());
  terminated.push_back(0);
  add(attribute, terminated);
}

std::size_t NetlinkRequest::begin_nested(std::uint16_t attribute) {
  const std::size_t start = message_.size();
  add(attribute, {});
  return start;
}

void NetlinkRequest::end_nested(std::size_t start) {
  const auto length = static_cast<std::uint16_t>(message_.size() - start);
  std::memcpy(message_.data() + start + offsetof(rtattr, rta_len), &length, sizeof length);
}

void NetlinkRequest::ask_for_acknowledgement() {
  std::uint16_t flags = 0;
  std::memcpy(&flags, message_.data() + offsetof(nlmsghdr, nlmsg_flags), sizeof flags);
  flags |= NLM_F_ACK;
  std::memcpy(message_.data() + offsetof(nlmsghdr, nlmsg_flags), &flags, sizeof flags);
}

ByteView NetlinkRequest::finish(std::uint32_t sequence) {
  const auto length = static_cast<std::uint32_t>(message_.size());
  std::memcpy(message_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
  std::memcpy(message_.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
  return message_;
}

void for_each_attribute(ByteView attributes, const std::function<void(std::uint16_t, ByteView)>& visit) {
  while (attributes.size() >= sizeof(rtattr)) {
    rtattr header;
    std::memcpy(&header, attributes.data(), sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > attributes.size()) return;
    visit(header.rta_type & NLA_TYPE_MASK, attributes.subspan(sizeof header, header.rta_len - sizeof header));
    attributes = attributes.subspan(std::min(align(header.rta_len), attributes.size()));
  }
}

bool for_each_message(ByteView datagram, const std::function<bool(const nlmsghdr&, ByteView)>& visit) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) break;
    if (!visit(header, datagram.subspan(sizeof header, header.nlmsg_len - sizeof header))) return false;
    datagram = datagram.subspan(std::min(align(header.nlmsg_len), datagram.size()));
  }
  return true;
}

Result<NetlinkSocket> NetlinkSocket::open() { return open(0, 0); }

Result<NetlinkSocket> NetlinkSocket::open_monitor(std::uint32_t groups) {
  return open(groups, SOCK_NONBLOCK);
}

Result<NetlinkSocket> NetlinkSocket::open(std::uint32_t groups, int flags) {
  FileDescriptor descriptor(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE));
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  local.nl_groups = groups;
  if (!descriptor || ::bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) {
    return Error{fmt::format("cannot open a netlink socket: {}", std::generic_category().message(errno))};
  }
  // The kernel always answers; the limit only keeps a kernel bug from hanging the daemon.
  const timeval limit{5, 0};
  setsockopt(descriptor.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return NetlinkSocket(std::move(descriptor));
}

int NetlinkSocket::transact(NetlinkRequest& request) {
  request.ask_for_acknowledgement();
  int answer = EPROTO;
  const int error = list(request, [&](std::uint16_t type, ByteView payload) {
    if (type == NLMSG_ERROR) answer = error_of(payload);
  });
  return error != 0 ? error : answer;
}

int NetlinkSocket::list(NetlinkRequest& request,
                        const std::function<void(std::uint16_t type, ByteView payload)>& visit) {
  const std::uint32_t sequence = ++sequence_;
  const ByteView message = request.finish(sequence);
  if (::send(descriptor_.get(), message.data(), message.size(), 0) < 0) return errno;

  alignas(nlmsghdr) std::array<std::uint8_t, 32768> buffer;
  bool interrupted = false;
  int error = 0;
  for (;;) {
    const ssize_t got = ::recv(descriptor_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN ? ETIMEDOUT : errno;
    const bool goes_on = for_each_message(ByteView(buffer).first(static_cast<std::size_t>(got)),
                                          [&](const nlmsghdr& header, ByteView payload) {
                                            // What is left of an earlier request that timed out.
                                            if (header.nlmsg_seq != sequence) return true;
                                            if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0)
                                              interrupted = true;
                                            if (header.nlmsg_type == NLMSG_DONE) return false;
                                            visit(header.nlmsg_type, payload);
                                            if (header.nlmsg_type == NLMSG_ERROR) error = error_of(payload);
                                            return header.nlmsg_type != NLMSG_ERROR;
                                          });
    if (!goes_on) break;
  }
  if (error != 0) return error;
  return interrupted ? EINTR : 0;
}

NetlinkSocket::Drained NetlinkSocket::drain(
    const std::function<void(std::uint16_t type, ByteView payload)>& visit) {
  Drained drained;
  alignas(nlmsghdr) std::array<std::uint8_t, 32768> buffer;
  // Bounded: with endless changes the caller would never get to list what is there.
  for (int reads = 0; reads < 1024; ++reads) {
    const ssize_t got = ::recv(descriptor_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ENOBUFS) break;
    drained.any = true;
    if (got < 0) {
      drained.overflowed = true;
      continue;
    }
    for_each_message(ByteView(buffer).first(static_cast<std::size_t>(got)),
                     [&](const nlmsghdr& header, ByteView payload) {
                       visit(header.nlmsg_type, payload);
                       return true;
                     });
  }
  return drained;
}

}  // namespace causeway::net
