#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "address.hpp"
#include "route_table.hpp"
#include "server_list.hpp"
#include "turn_codec.hpp"

namespace transport_turn {

/// Why a client ended; each has its own patience before the next attempt (RelayPool).
enum class Failure : std::uint8_t {
  silent,         ///< no answer in the time of RFC 8489 §6.2
  closed,         ///< the stream could not be opened, or ended
  refused,        ///< the credentials are not accepted (401, 441), or there are none
  forbidden,      ///< 403: the server does not want us
  quota,          ///< 486: too many allocations of this user
  capacity,       ///< 508 and 500: the server has none to give just then
  mismatch,       ///< 437: the server remembers an allocation of our port; another port will do
  redirected,     ///< 300: there is another server to ask
  not_supported,  ///< 440 and 442: no relayed address of that family, or no UDP
  misbehaved,     ///< the server broke the protocol, or led us in circles
  gone,           ///< there was an allocation, and the server has forgotten it or has let it run out
  released,       ///< we gave it back
};
std::string_view to_text(Failure failure);

/// How often which input led to nothing.
struct ClientCounters {
  std::uint64_t malformed = 0;      ///< no response of a method we use
  std::uint64_t unmatched = 0;      ///< of no request under way: late, repeated or forged
  std::uint64_t bad_integrity = 0;  ///< MESSAGE-INTEGRITY is missing or wrong
  std::uint64_t renewals = 0;       ///< new nonces taken over
  std::uint64_t refused_peers = 0;  ///< permissions and channels that the server would not give

  ClientCounters& operator+=(const ClientCounters& more) {
    malformed += more.malformed;
    unmatched += more.unmatched;
    bad_integrity += more.bad_integrity;
    renewals += more.renewals;
    refused_peers += more.refused_peers;
    return *this;
  }
};

/// A TURN client on one link (RFC 8656), from `start` to `Ended`. Events and times in nanoseconds go in, what
/// is to be done comes out by take(). No clock, no socket.
class TurnClient {
 public:
  struct Settings {
    bool is_stream = false;
    std::uint8_t family = 4;  ///< of the relayed address
    Credentials credentials;
  };
  using RandomFill = std::function<void(std::uint8_t*, std::size_t)>;

  struct Allocation {
    cw_address relayed{};
    cw_address mapped{};  ///< family 0 if the server told none that makes sense
  };
  struct Ended {
    Failure failure;
    std::string reason;
    std::optional<cw_address> alternate;  ///< redirected
  };
  struct Output {
    std::vector<Bytes> messages;  ///< to the server, in this order
    std::optional<Allocation> allocated;
    std::unique_ptr<const RouteTable> routes;  ///< changed ones, else null
    bool is_running_out = false;  ///< the credentials are not renewed: there should be another allocation
    std::optional<Ended> ended;   ///< nothing comes afterwards
  };

  TurnClient(Settings settings, RandomFill random);

  /// The link is open.
  void start(std::int64_t now);
  void on_message(ByteView bytes, std::int64_t now);
  void on_time(std::int64_t now);
  std::optional<std::int64_t> next_time() const;
  /// False: too many.
  bool want_peer(const cw_address& peer, std::int64_t now);
  void drop_peer(const cw_address& peer, std::int64_t now);
  /// Gives the allocation back, and ends when that is answered, or after kReleaseLimit.
  void release(std::int64_t now);
  Output take();

  bool is_allocated() const { return state_ == State::allocated; }
  /// The server lives: it has answered something.
  bool was_answered() const { return was_answered_; }
  /// When the allocation ends unless it is refreshed.
  std::int64_t expires_at() const { return expires_at_; }
  const ClientCounters& counters() const { return counters_; }

 private:
  enum class State : std::uint8_t {
    idle,        ///< not started
    allocating,  ///< one Allocate after the other is under way
    allocated,   ///< a relayed address is ours
    expiring,    ///< ours until it runs out: the server takes no more requests with our credentials
    releasing,   ///< a Refresh with lifetime 0 is under way
    ended,
  };
  struct Transaction {
    Request request;
    Bytes bytes;
    bool is_authenticated = false;
    unsigned sent = 1;
    unsigned renewals = 0;  ///< 401 and 438 in a row that led to this request
    std::int64_t due = 0;   ///< repetition, or end of waiting
  };
  /// A wish for the server, asked for again and again.
  struct Wish {
    bool is_asked = false;     ///< a request is under way
    std::int64_t next = 0;     ///< when to ask (again)
    std::int64_t expires = 0;  ///< of what was granted
    bool is_granted = false;
  };
  struct PermissionWish : Wish {
    unsigned peers = 0;  ///< wanted peers with this address
  };
  struct ChannelWish : Wish {
    std::uint16_t number = 0;  ///< 0: none was free
    bool is_wanted = false;    ///< else only remembered, since the server may hold the number for that peer
    std::int64_t held_until = 0;  ///< how long
  };

  // Transactions, turn_client.cpp.
  void begin(Request request, unsigned renewals, std::int64_t now);
  void on_response(Transaction transaction, const Response& response, std::int64_t now);
  bool renew(Transaction& transaction, const Response& response, std::int64_t now);
  void on_silence(const Transaction& transaction, std::int64_t now);
  void end(Failure failure, std::string reason, std::optional<cw_address> alternate = {});

  // The allocation, turn_allocation.cpp.
  void allocate(std::int64_t now);
  void refresh(std::uint32_t lifetime, std::int64_t now);
  void on_allocate(const Response& response, std::int64_t now);
  void on_allocate_error(const Response& response);
  void on_refresh(const Response& response, std::int64_t now);
  void on_credentials_refused();
  bool set_lifetime(const Response& response, std::int64_t now);

  // Peers, turn_peers.cpp.
  void step_peers(std::int64_t now);
  void on_peer_response(const Request& request, const Response* response, std::int64_t now);
  void settle(Wish& wish, const Response* response, std::int64_t refresh, std::int64_t lifetime,
              std::int64_t now);
  void expire_wishes(std::int64_t now);
  std::uint16_t free_channel();
  void publish_routes();
  std::optional<std::int64_t> next_peer_time() const;

  Settings settings_;
  RandomFill random_;
  State state_ = State::idle;
  std::optional<Authentication> authentication_;
  std::vector<Transaction> transactions_;
  std::int64_t expires_at_ = 0;
  std::int64_t next_refresh_ = 0;
  std::int64_t release_until_ = 0;
  bool was_answered_ = false;
  std::map<cw_address, PermissionWish, AddressLess> permissions_;
  std::map<cw_address, ChannelWish, AddressLess> channels_;
  std::uint16_t last_channel_ = kFirstChannel - 1;
  std::size_t wanted_ = 0;
  bool routes_changed_ = false;
  ClientCounters counters_;
  Output output_;
};

}  // namespace transport_turn
