#pragma once

#include "base/result.hpp"
#include "dataplane/pollable_carrier.hpp"
#include "net/udp_socket.hpp"

namespace causeway::dataplane {

/// What an errno of a UDP send means for the path it was sent on.
SendStatus send_status_of(int error);

/// The base of one local address: a bound UDP socket. Shared by the control thread (which sends STUN and
/// handshakes by it) and one data loop; the socket closes when both have let go.
class UdpBase final : public PollableCarrier {
 public:
  UdpBase(net::BaseId id, net::UdpSocket socket) : id_(id), socket_(std::move(socket)) {}

  net::BaseId id() const { return id_; }
  const net::Endpoint& local() const { return socket_.local(); }
  const net::UdpSocket& socket() const { return socket_; }

  SendOutcome send(const net::Endpoint& to, const SendBatch& batch) noexcept override;
  int descriptor() const override { return socket_.descriptor(); }
  /// Empty datagrams are passed over.
  ReceiveStatus receive(MutableByteView buffer, ReceivedBatch& received) noexcept override;

 private:
  net::BaseId id_;
  net::UdpSocket socket_;
};

}  // namespace causeway::dataplane
