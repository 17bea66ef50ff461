#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "link/backoff.hpp"
#include "link/node_verifier.hpp"
#include "link/own_record.hpp"
#include "link/pending_requests.hpp"
#include "link/server_link_fsm.hpp"
#include "link/subscriptions.hpp"
#include "protocol/messages.hpp"
#include "protocol/rpc.hpp"

/// The inside of ServerLinkFsm, for its own sources only: server_link_fsm.cpp (life, sending, the public
/// face) and server_link_receive.cpp (what the server says).
namespace causeway::link {

// The timers of the link. Backoff between tries is in backoff.cpp.
inline constexpr Duration kConnectTimeout =
    15s;  // name, TCP and TLS: the driver gives up earlier, and says why
inline constexpr Duration kReplyTimeout = 10s;        // a server answers from memory: later means it is gone
inline constexpr Duration kProbeTimeout = 2s;         // of a connection that may have died with its network
inline constexpr Duration kDirectoryInterval = 30s;   // between lists of all nodes …
inline constexpr Duration kDirectoryPerNode = 100ms;  // … or this for each node in it, if that is longer
inline constexpr Duration kConnectRetry = 2s;  // after an error reply to connect that another try may cure

inline constexpr std::size_t kMaxWishes = 4096;
inline constexpr std::size_t kMaxConnectsInFlight = 32;  // bounds what waits in the driver after a reconnect
inline constexpr unsigned kMaxMalformedLines = 16;  // per connection; one that talks garbage is no server
inline constexpr unsigned kMaxStale = 3;            // records signed anew per connection
inline constexpr unsigned kMaxDirectoryPages = 64;
inline constexpr std::size_t kMaxListedWhileWalking = 20'000;

/// A connection that the node wants, remembered until disconnect().
struct Wish {
  std::string ufrag;
  std::vector<protocol::WireCandidate> candidates;
  bool in_flight = false;
  bool changed = true;  ///< since it was last sent
  std::optional<SteadyTime> retry_at = {};
};

struct ServerLinkFsm::State {
  State(Options given, RandomSource& seeded)
      : options(std::move(given)),
        enrolled(options.enrolled),
        random(seeded),
        backoff(seeded),
        verifier(options.enrolment.network, options.identity_public, std::move(options.seen_serials)),
        record(options.identity, options.identity_public, options.session_key, options.enrolment.network,
               options.abilities, options.record_serial) {}

  // ---- life of the connection ----
  void open(Now now);
  /// At once, whatever failed before: it was perhaps of the network that is gone.
  void open_afresh(Now now);
  void close();
  void change(LinkState to, std::string reason);
  void fail(std::string_view reason, Now now, Duration at_least = {});
  void refuse(std::string reason);
  void finish_leaving(std::string reason);

  // ---- sending ----
  void request(RequestKind kind, std::string_view name, const protocol::Json& params, Now now,
               const net::IpAddress& address = {});
  void send_authenticate(ByteView exporter, Now now);
  void send_register(Now now);
  void send_update_if_needed(Now now);
  void send_wish(const net::IpAddress& address, Wish& wish, Now now);
  void send_wishes(Now now);
  void send_query(std::optional<net::IpAddress> after, Now now);
  void send_subscriptions(Now now);

  // ---- receiving ----
  void on_reply(const protocol::Reply& reply, Now now);
  void on_error(const PendingRequest& request, const protocol::RpcError& error, Now now);
  void on_authenticated(const protocol::Json& result, Now now);
  void on_registered(const protocol::Json& result, Now now);
  void on_query_result(const protocol::Json& result, Now now);
  void on_connect_result(const net::IpAddress& address, const protocol::Json& result, Now now);
  void on_connect_error(const net::IpAddress& address, const protocol::RpcError& error, Now now);
  void on_notification(const protocol::Notification& notification, Now now);
  void on_friends_told(const protocol::Json& list, std::uint64_t ticket, Now now);
  void on_subscribed(const protocol::Json& result, Now now);
  void on_subscribe_error(const protocol::RpcError& error, Now now);
  void on_subscribers_ask(const protocol::Json& params, Now now);
  void on_subscription_changed(const protocol::Json& params, Now now);
  void tell_friends();
  void on_malformed(std::string_view what, Now now);
  std::optional<NodeDescription> believe(const protocol::NodeInfo& node, Now now,
                                         std::string* reason = nullptr);

  std::string server_name() const { return options.enrolment.servers.at(server_index).to_string(); }

  Options options;
  bool enrolled;
  RandomSource& random;
  Backoff backoff;
  NodeVerifier verifier;
  OwnRecord record;
  LinkState state = LinkState::idle;
  std::size_t server_index = 0;
  std::deque<LinkAction> actions;
  Counters counters;

  // ---- wishes, kept over connections ----
  std::vector<protocol::WireCandidate> candidates;
  std::map<net::IpAddress, Wish> wishes;
  Subscriptions subscriptions;
  /// What we answered to subscribers before this process, or by another policy, holds no more. The server is
  /// told by the request under way, if any.
  bool reviews_subscribers = true;
  bool review_in_flight = false;
  Duration reconnect_window{};  ///< over which the server wants its nodes to come back

  // ---- of this connection ----
  bool has_connection = false;  ///< asked for, and neither closed by us nor by the driver
  PendingRequests pending;
  std::size_t connects_in_flight = 0;
  std::optional<SteadyTime> try_at;            ///< waiting
  std::optional<SteadyTime> connect_deadline;  ///< connecting
  std::optional<SteadyTime> probe_deadline;    ///< online, and not a word since the network changed
  SteadyTime last_sent{};
  Duration keepalive = 60s;
  Duration shutdown_wait{};  ///< what the server asked for before it stops
  unsigned malformed = 0;
  unsigned stale = 0;
  bool candidates_changed = false;
  bool record_changed = false;
  std::vector<net::IpAddress> subscribing;  ///< by the request under way
  std::optional<SteadyTime> subscribe_at;   ///< the server wants us to wait
  bool has_subscriptions = true;            ///< false: an older server
  bool has_reports = true;                  ///< false: likewise
  std::optional<SteadyTime> query_at;
  std::vector<net::IpAddress> nodes_listed;  ///< by the walk under way
  unsigned pages = 0;
  std::string name;
  std::string user;
  std::vector<std::string> friends;
  std::vector<std::string> pending_friends;
  bool friends_only = false;
  net::IpAddress virtual_address;
};

/// Is there a connection, or one being made?
bool is_open(LinkState state);

}  // namespace causeway::link
