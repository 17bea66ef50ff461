#include "server/src/net/stun_responder.hpp"

#include <sys/socket.h>

#include <iterator>

#include "stun/message.hpp"

namespace causeway::server {
namespace {

constexpr int kDatagramsPerTurn = 64;

}  // namespace

std::optional<Bytes> StunResponder::answer(ByteView datagram, const net::Endpoint& source, SteadyTime now) {
  const auto header = stun::peek_header(datagram);
  if (!header || header->message_class != stun::MessageClass::request ||
      header->method != stun::kBindingMethod) {
    return std::nullopt;
  }
  if (source.port == 0 || !pass(source.address, now)) return std::nullopt;
  // RFC 8489 §6.3.1: attributes that must be understood and are not get a 420.
  const auto unknown = stun::unknown_required_attributes(datagram);
  if (!unknown.empty()) {
    return stun::encode_binding_error(header->transaction, stun::error_code::kUnknownAttribute, "", unknown);
  }
  return stun::encode_plain_binding_success(header->transaction, source);
}

bool StunResponder::pass(const net::IpAddress& source, SteadyTime now) {
  const auto key = source.is_v4() ? source : net::Prefix::containing(source, 64).address;
  auto found = sources_.find(key);
  if (found == sources_.end()) {
    // Once a second at most: a flood of forged sources must not make each datagram walk the table.
    if (sources_.size() >= kMaxSources && now - swept_ >= 1s) {
      swept_ = now;
      for (auto entry = sources_.begin(); entry != sources_.end();) {
        entry = entry->second.is_full(now) ? sources_.erase(entry) : std::next(entry);
      }
    }
    if (sources_.size() >= kMaxSources) return false;
    found = sources_.emplace(key, TokenBucket(kRepliesPerSecond, kReplyBurst, now)).first;
  }
  return found->second.take(now);
}

StunListener::StunListener(boost::asio::io_context& io, Descriptor socket) : socket_(io, socket.release()) {
  wait();
}

void StunListener::wait() {
  socket_.async_wait(socket_.wait_read, [this](const auto& error) {
    if (error) return;
    receive();
    wait();
  });
}

void StunListener::receive() {
  const SteadyTime now = read_clocks().steady;
  for (int turn = 0; turn < kDatagramsPerTurn; ++turn) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    const ssize_t size = ::recvfrom(socket_.native_handle(), buffer_.data(), buffer_.size(), 0,
                                    reinterpret_cast<sockaddr*>(&storage), &length);
    if (size < 0) return;
    const auto source = net::Endpoint::from_sockaddr(storage);
    if (!source) continue;
    const auto reply =
        responder_.answer(ByteView(buffer_).first(static_cast<std::size_t>(size)), *source, now);
    // A full send buffer loses the reply, as the network may: the client asks again.
    if (reply) {
      ::sendto(socket_.native_handle(), reply->data(), reply->size(), 0,
               reinterpret_cast<const sockaddr*>(&storage), length);
    }
  }
}

}  // namespace causeway::server
