#include "tun/tun_linux.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace causeway::tun {
namespace {

// Since Linux 6.2; missing in older headers.
constexpr unsigned kOffloadUso4 = 0x20;
constexpr unsigned kOffloadUso6 = 0x40;

Error cannot_open_node(int error) {
  switch (error) {
    case ENOENT:
    case ENODEV:
      return {
          "there is no /dev/net/tun; load the module (modprobe tun), or create the node "
          "(mkdir -p /dev/net && mknod /dev/net/tun c 10 200)"};
    case EACCES:
    case EPERM:
      return {
          "may not open /dev/net/tun; run as root, or make the device available to this user or container"};
    default:
      return {fmt::format("cannot open /dev/net/tun: {}", std::generic_category().message(error))};
  }
}

Error cannot_create(const std::string& name, int error) {
  switch (error) {
    case EPERM:
      return {
          fmt::format("may not create the virtual NIC {}; run as root, or give the program CAP_NET_ADMIN "
                      "(setcap cap_net_admin,cap_net_raw+ep FILE)",
                      name)};
    case EBUSY:
      return {
          fmt::format("a NIC named {} exists already; stop the program that has it, or choose another name "
                      "(--tun NAME)",
                      name)};
    case EINVAL:
      return {fmt::format("the kernel refuses a virtual NIC named \"{}\"; choose another name (--tun NAME)",
                          name)};
    default:
      return {
          fmt::format("cannot create the virtual NIC {}: {}", name, std::generic_category().message(error))};
  }
}

ifreq request_for(const std::string& name, int more_flags) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | more_flags);
  return request;
}

/// What the kernel accepts of `wanted`: kernels before 6.2 know no USO, old ones no TSO on a TUN.
TunOffloads set_offloads(int descriptor, TunOffloads wanted) {
  // TSO and USO frames come without checksums.
  if (!wanted.checksum) wanted = {};
  const std::array<TunOffloads, 4> attempts{
      wanted, {wanted.checksum, wanted.tso, false}, {wanted.checksum, false, false}, {}};
  for (const TunOffloads& attempt : attempts) {
    unsigned long flags = 0;
    if (attempt.checksum) flags |= TUN_F_CSUM;
    if (attempt.tso) flags |= TUN_F_TSO4 | TUN_F_TSO6;
    if (attempt.uso) flags |= kOffloadUso4 | kOffloadUso6;
    if (::ioctl(descriptor, TUNSETOFFLOAD, flags) == 0) return attempt;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<LinuxTun>> LinuxTun::open(const TunOptions& options) {
  if (options.name.size() >= IFNAMSIZ) {
    return Error{
        fmt::format("the name {} is too long for a NIC (at most {} characters)", options.name, IFNAMSIZ - 1)};
  }
  net::FileDescriptor descriptor(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!descriptor) return cannot_open_node(errno);

  // EXCL: never attach to a persistent TUN that somebody else has set up.
  const int queues = options.several_queues ? IFF_MULTI_QUEUE : 0;
  ifreq request = request_for(options.name, IFF_TUN_EXCL | queues);
  if (::ioctl(descriptor.get(), TUNSETIFF, &request) != 0) return cannot_create(options.name, errno);
  int header_bytes = sizeof(VnetHeader);
  if (::ioctl(descriptor.get(), TUNSETVNETHDRSZ, &header_bytes) != 0)
    return cannot_create(options.name, errno);

  const TunOffloads offloads = set_offloads(descriptor.get(), options.wanted);
  return std::unique_ptr<LinuxTun>(new LinuxTun(std::move(descriptor), request.ifr_name, offloads));
}

Result<std::unique_ptr<LinuxTun>> LinuxTun::add_queue() const {
  net::FileDescriptor descriptor(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!descriptor) return cannot_open_node(errno);
  ifreq request = request_for(name_, IFF_MULTI_QUEUE);
  if (::ioctl(descriptor.get(), TUNSETIFF, &request) != 0) {
    return Error{fmt::format("cannot open another queue of the virtual NIC {}: {}", name_,
                             std::generic_category().message(errno))};
  }
  // Header size and offloads are the NIC's, not the queue's.
  return std::unique_ptr<LinuxTun>(new LinuxTun(std::move(descriptor), name_, offloads_));
}

TunDevice::ReadResult LinuxTun::read(MutableByteView buffer) noexcept {
  ReadResult result;
  const std::array<iovec, 2> pieces{iovec{&result.header, sizeof result.header},
                                    iovec{buffer.data(), buffer.size()}};
  for (;;) {
    const ssize_t got = ::readv(descriptor_.get(), pieces.data(), pieces.size());
    if (got >= static_cast<ssize_t>(sizeof result.header)) {
      result.status = ReadResult::Status::frame;
      result.bytes = static_cast<std::size_t>(got) - sizeof result.header;
      return result;
    }
    if (got < 0 && errno == EINTR) continue;
    // EBADFD: the NIC was deleted under us. Anything else that is not "nothing there" won't pass either.
    const bool empty = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    result.status = empty ? ReadResult::Status::empty : ReadResult::Status::closed;
    return result;
  }
}

int LinuxTun::write(const VnetHeader& header, ByteView packet) noexcept {
  const std::array<iovec, 2> pieces{iovec{const_cast<VnetHeader*>(&header), sizeof header},
                                    iovec{const_cast<std::uint8_t*>(packet.data()), packet.size()}};
  while (::writev(descriptor_.get(), pieces.data(), pieces.size()) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace causeway::tun
