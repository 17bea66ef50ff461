#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <optional>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "net/endpoint.hpp"
#include "server/src/core/token_bucket.hpp"
#include "server/src/net/descriptor.hpp"

namespace causeway::server {

/// Answers STUN Binding requests (RFC 8489) with the source they came from, and nothing else: no SOFTWARE, no
/// reply to indications, responses or other methods, and at most kRepliesPerSecond to one source, so that
/// forged requests are no weapon. No I/O.
class StunResponder {
 public:
  static constexpr double kRepliesPerSecond = 20;
  static constexpr double kReplyBurst = 50;
  static constexpr std::size_t kMaxSources = 16384;

  std::optional<Bytes> answer(ByteView datagram, const net::Endpoint& source, SteadyTime now);

 private:
  bool pass(const net::IpAddress& source, SteadyTime now);

  std::unordered_map<net::IpAddress, TokenBucket> sources_;
  SteadyTime swept_{};
};

/// The socket of a responder. Control thread.
class StunListener {
 public:
  StunListener(boost::asio::io_context& io, Descriptor socket);

 private:
  void wait();
  void receive();

  boost::asio::posix::stream_descriptor socket_;
  StunResponder responder_;
  std::array<std::uint8_t, 2048> buffer_;
};

}  // namespace causeway::server
