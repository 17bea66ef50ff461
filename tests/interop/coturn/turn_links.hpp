#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "net/file_descriptor.hpp"
#include "transport-turn/framing.hpp"
#include "transport-turn/relay_pool.hpp"

namespace causeway::interop {

/// The host of a RelayPool: real sockets, OpenSSL for TLS, one thread. Its clock is the machine's plus what a
/// test puts it ahead, so that refreshes and lifetimes need no waiting.
class TurnLinks final : private transport_turn::World {
 public:
  struct Received {
    cw_address peer;
    std::string text;
    bool was_channel;  ///< in ChannelData, else a Data indication
  };

  TurnLinks();
  ~TurnLinks() override;

  void begin(std::vector<transport_turn::Server> servers, std::vector<transport_turn::Base> bases);
  transport_turn::RelayPool& pool() { return pool_; }
  std::int64_t now() const;
  void put_ahead(std::int64_t span) { ahead_ += span; }
  /// Serves sockets and timers until `is_met`, false after 10 s.
  bool run_until(const std::function<bool()>& is_met);

  /// The relayed addresses there are, by link.
  const std::map<std::uint32_t, transport_turn::TurnClient::Allocation>& relays() const { return relays_; }
  /// A link to this server was opened once.
  bool was_opened(const std::string& server) const { return opened_.count(server) != 0; }
  std::vector<Received> received;
  std::vector<std::string> warnings;

  void want_peer(std::uint32_t link, const cw_address& peer);
  /// Both the permission and the channel are there.
  bool is_ready(std::uint32_t link, const cw_address& peer) const;
  /// Through the relay; by a Send indication if no channel shall be used. False: dropped.
  bool send_to_peer(std::uint32_t link, const cw_address& peer, const std::string& text,
                    bool by_channel = true);

 private:
  struct Link {
    net::FileDescriptor socket;
    std::uint32_t kind = 0;
    SSL* tls = nullptr;
    bool is_told = false;  ///< the pool knows that it is open
    transport_turn::Bytes input;
    std::unique_ptr<const transport_turn::RouteTable> routes;
  };

  bool open(std::uint32_t link, std::uint32_t base, const transport_turn::Server& server,
            bool verify) override;
  void close(std::uint32_t link) override;
  void send(std::uint32_t link, const transport_turn::Bytes& message) override;
  void allocated(std::uint32_t link, std::uint32_t kind,
                 const transport_turn::TurnClient::Allocation& allocation) override;
  void lost(std::uint32_t link, std::string_view reason) override;
  void done() override {}
  void random(std::uint8_t* bytes, std::size_t size) override;
  void log(std::int32_t level, const std::string& text) override;
  void publish(std::uint32_t link, std::unique_ptr<const transport_turn::RouteTable> routes) override;

  void serve(std::uint32_t id);
  void take(std::uint32_t id, transport_turn::Bytes message);
  void write(Link& link, const std::uint8_t* bytes, std::size_t size);
  void end(std::uint32_t id, const std::string& reason);

  std::int64_t ahead_ = 0;
  std::set<std::string> opened_;
  std::vector<transport_turn::Base> bases_;
  std::map<std::uint32_t, Link> links_;
  std::map<std::uint32_t, transport_turn::TurnClient::Allocation> relays_;
  transport_turn::DropCounters drops_;
  SSL_CTX* tls_ = nullptr;
  transport_turn::RelayPool pool_{*this};
};

}  // namespace causeway::interop
