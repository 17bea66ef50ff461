#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

#include "net/file_descriptor.hpp"
#include "support/packet_builder.hpp"
#include "tun/tun_device.hpp"

namespace causeway::testing {

/// One queue of a TUN that a data loop can wait for, its other end in the test's hands.
class SocketTun final : public tun::TunDevice {
 public:
  SocketTun() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    device_.reset(ends[0]);
    outside_.reset(ends[1]);
  }

  // ---- the loop's end ----
  ReadResult read(MutableByteView buffer) noexcept override {
    ReadResult result;
    const std::array<iovec, 2> pieces{iovec{&result.header, sizeof result.header},
                                      iovec{buffer.data(), buffer.size()}};
    const ssize_t got = ::readv(device_.get(), pieces.data(), pieces.size());
    if (got < static_cast<ssize_t>(sizeof result.header)) return result;
    result.status = ReadResult::Status::frame;
    result.bytes = static_cast<std::size_t>(got) - sizeof result.header;
    return result;
  }
  int write(const tun::VnetHeader& header, ByteView packet) noexcept override {
    return put_at(device_, header, packet) ? 0 : errno;
  }
  int descriptor() const override { return device_.get(); }
  tun::TunOffloads offloads() const override { return {}; }
  const std::string& name() const override { return name_; }

  // ---- the test's end ----
  /// False when the queue is full.
  bool put(ByteView packet, const tun::VnetHeader& header = {}) { return put_at(outside_, header, packet); }
  /// The next packet that the loop writes; nullopt after ten seconds without one.
  std::optional<Bytes> take(int milliseconds = 10'000) {
    pollfd waiting{outside_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, milliseconds) != 1) return std::nullopt;
    Bytes bytes(tun::kMaxFrameBytes + sizeof(tun::VnetHeader));
    const ssize_t got = ::read(outside_.get(), bytes.data(), bytes.size());
    if (got < static_cast<ssize_t>(sizeof(tun::VnetHeader))) return std::nullopt;
    return Bytes(bytes.begin() + sizeof(tun::VnetHeader), bytes.begin() + got);
  }

 private:
  static bool put_at(const net::FileDescriptor& end, const tun::VnetHeader& header, ByteView packet) {
    const std::array<iovec, 2> pieces{iovec{const_cast<tun::VnetHeader*>(&header), sizeof header},
                                      iovec{const_cast<std::uint8_t*>(packet.data()), packet.size()}};
    return ::writev(end.get(), pieces.data(), pieces.size()) >= 0;
  }

  net::FileDescriptor device_, outside_;
  std::string name_ = "socket0";
};

}  // namespace causeway::testing
