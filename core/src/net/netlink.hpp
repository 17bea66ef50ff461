#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <type_traits>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/file_descriptor.hpp"

namespace causeway::net {

/// One rtnetlink request under construction: header, fixed part, attributes.
class NetlinkRequest {
 public:
  template <class Fixed>
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, const Fixed& fixed) {
    static_assert(std::is_trivially_copyable_v<Fixed>);
    begin(type, flags, {reinterpret_cast<const std::uint8_t*>(&fixed), sizeof fixed});
  }
  void add(std::uint16_t attribute, ByteView value);
  void add_u32(std::uint16_t attribute, std::uint32_t value);
  /// With the terminating zero.
  void add_text(std::uint16_t attribute, std::string_view value);
  /// Attributes added between these two go inside; the value of begin_nested() goes to end_nested().
  std::size_t begin_nested(std::uint16_t attribute);
  void end_nested(std::size_t start);

  void ask_for_acknowledgement();
  /// The whole message, with `sequence` filled in.
  ByteView finish(std::uint32_t sequence);

 private:
  void begin(std::uint16_t type, std::uint16_t flags, ByteView fixed);
  Bytes message_;
};

/// Calls `visit(type, value)` for each attribute of `attributes`; malformed rests are left out.
void for_each_attribute(ByteView attributes, const std::function<void(std::uint16_t, ByteView)>& visit);

/// Calls `visit(header, payload)` for each message of one datagram until it returns false; a length that lies
/// ends the visit. False if `visit` ended it.
bool for_each_message(ByteView datagram, const std::function<bool(const nlmsghdr&, ByteView)>& visit);

/// A NETLINK_ROUTE socket of the network namespace it was opened in. One thread.
class NetlinkSocket {
 public:
  /// For requests; transact() and list() block for the kernel's immediate answer.
  static Result<NetlinkSocket> open();
  /// For notifications: non-blocking, subscribed to `groups` (RTMGRP_*).
  static Result<NetlinkSocket> open_monitor(std::uint32_t groups);

  /// Sends and waits for the acknowledgement: 0 or an errno.
  int transact(NetlinkRequest& request);
  /// Sends a dump request and visits every answer: 0 or an errno. EINTR: the tables changed meanwhile and the
  /// answers may be inconsistent, ask again.
  int list(NetlinkRequest& request, const std::function<void(std::uint16_t type, ByteView payload)>& visit);

  struct Drained {
    bool any = false;         ///< at least one notification was there
    bool overflowed = false;  ///< ENOBUFS: some were lost
  };
  /// Reads notifications away until none is left; `visit` sees each.
  Drained drain(const std::function<void(std::uint16_t type, ByteView payload)>& visit);
  int descriptor() const { return descriptor_.get(); }

 private:
  explicit NetlinkSocket(FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {}
  static Result<NetlinkSocket> open(std::uint32_t groups, int flags);

  FileDescriptor descriptor_;
  std::uint32_t sequence_ = 0;
};

}  // namespace causeway::net
