#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/messages.hpp"
#include "protocol/rpc.hpp"
#include "server/src/core/actions.hpp"
#include "server/src/core/admission.hpp"
#include "server/src/core/directory.hpp"
#include "server/src/core/path_reports.hpp"

namespace causeway::server {

/// The address server without sockets, clock or disk: events go in, actions come out by poll_action().
/// Answers always come from memory; a reply to what changes a durable fact is sent only after its commit. One
/// thread.
class ServerCore {
 public:
  static constexpr auto kHandshakeLimit = std::chrono::seconds(5);
  static constexpr auto kAuthenticateLimit = std::chrono::seconds(5);
  static constexpr auto kIdleLimit = std::chrono::seconds(150);
  static constexpr auto kHousekeeping = std::chrono::seconds(10);
  static constexpr auto kReportExpiry = std::chrono::minutes(1);
  static constexpr auto kCommitRetry = std::chrono::seconds(1);
  static constexpr double kMessagesPerSecond = 20;
  static constexpr double kMessageBurst = 100;
  static constexpr double kRefusalBurst = 200;
  static constexpr std::size_t kMaxBacklogLines =
      128;  // received while a commit of the same connection is under way
  static constexpr std::size_t kMaxBacklogBytes = 64 * 1024;
  static constexpr std::size_t kMaxOffers = 4096;         // per node
  static constexpr std::size_t kMaxSubscriptions = 4096;  // per node, to others
  static constexpr std::size_t kMostAskedAtOnce = 32;     // subscribers in one request
  static constexpr auto kTurnLifetime = std::chrono::hours(24);
  static constexpr std::size_t kMostRenewalsAtOnce = 1000;  // at each housekeeping

  ServerCore(ServerSettings settings, Snapshot snapshot, std::size_t most_connections, RandomSource& random,
             Now now);

  // ---- connections of nodes ----
  /// TCP is up. Anything but `admitted`: close it without a word; it is not known here.
  Admission on_accepted(ConnectionId id, const net::IpAddress& source, Now now);
  /// TLS is up; `exporter` are its 32 bytes of RFC 9266.
  void on_secured(ConnectionId id, ByteView exporter, Now now);
  /// A local administrator's connection: admin.* methods and no limits.
  void on_control_opened(ConnectionId id, Now now);
  void on_line(ConnectionId id, std::string_view line, Now now);
  void on_line_too_long(ConnectionId id, Now now);
  /// The other side closed it or it broke.
  void on_closed(ConnectionId id, Now now);

  // ---- store, time, end ----
  void on_committed(CommitId id, bool stored, Now now);
  void on_timeout(Now now);
  std::optional<SteadyTime> next_timeout() const;
  /// Tells every node when to come back, and closes all connections.
  void shut_down(Now now);

  std::optional<Action> poll_action();
  std::size_t pending_commits() const { return pending_.size(); }
  const ServerSettings& settings() const { return settings_; }

 private:
  enum class Phase : std::uint8_t {
    handshake,        ///< TCP is up, TLS not yet
    unauthenticated,  ///< TLS is up; only authenticate is answered
    authenticated,    ///< its node is known
    control,          ///< the local administrator
  };
  struct Connection {
    ConnectionId id = ConnectionId::none;
    Phase phase = Phase::handshake;
    net::IpAddress source = {};
    Bytes exporter = {};
    Node* node = nullptr;
    TokenBucket messages;
    TokenBucket refusals;   ///< of messages above the rate; who needs more of them floods, and is cut
    SteadyTime deadline{};  ///< its entry in deadlines_
    SteadyTime heard{};
    bool waiting = false;  ///< for a commit: lines queue in backlog, so that replies keep their order
    std::deque<std::string> backlog = {};
    std::size_t backlog_bytes = 0;
  };
  using Answer = std::variant<protocol::Json, protocol::RpcError>;
  using AfterCommit = std::function<void(bool stored, Now now)>;

  // server_core.cpp: connections, timers, commits
  Connection* find(ConnectionId id);
  void set_deadline(Connection& connection, SteadyTime at);
  void on_deadline(Connection& connection, Now now);
  void handle_line(Connection& connection, std::string_view line, Now now);
  bool pass_rate(Connection& connection, std::optional<std::uint64_t> request, Now now);
  void handle_request(Connection& connection, const protocol::Request& request, Now now);
  void resume(ConnectionId id, Now now);
  void close(ConnectionId id, std::string reason, Now now);
  void leave_session(Node& node, Now now);
  void send(ConnectionId id, std::string line);
  void reply(ConnectionId id, std::uint64_t request, const Answer& answer);
  void notify(const Node& node, std::shared_ptr<const std::string> line);
  void commit(Directory::Changes changes, AfterCommit then);
  /// Holds the connection's further lines until the commit is done, then replies and goes on with
  /// `afterwards`. What `answer` returns is replied if the commit was stored, else try_later is.
  void commit_and_reply(Connection& connection, std::uint64_t request, Directory::Changes changes,
                        std::function<Answer(bool stored, Now now)> answer, AfterCommit afterwards = {});
  void plan_reconnects();
  void remember_unsaved(const std::vector<Change>& changes);
  void retry_unsaved();

  // authentication.cpp
  void authenticate(Connection& connection, const protocol::Request& request, Now now);
  std::variant<TokenRow*, protocol::RpcError> check_token(const protocol::AuthenticateParams& params,
                                                          WallTime now);
  std::optional<protocol::RpcError> enrol(const protocol::AuthenticateParams& params,
                                          Directory::Changes& changes, Now now);
  Answer attach(ConnectionId id, Node& node, Now now);

  // registration.cpp: what a node tells about itself
  void register_node(Connection& connection, const protocol::Request& request, Now now);
  void update(Connection& connection, const protocol::Request& request, Now now);
  void deregister(Connection& connection, const protocol::Request& request, Now now);
  std::optional<protocol::RpcError> accept_record(Node& node, const protocol::SignedRecord& record, Now now);
  protocol::RegisterResult registration_of(Node& node, Now now);

  // exchange.cpp: what nodes hear of each other
  Answer query(Node& node, const protocol::Json& params, Now now);
  Answer connect(Node& node, const protocol::Json& params, Now now);
  protocol::NodeInfo describe(Node& node, Node* asker) const;
  void tell_watchers(Node& node, Now now);
  enum class Audience : std::uint8_t { peers, network };
  /// The one place that decides whether a node may hear of another and connect to it.
  bool may_reach(const Node& asker, const Node& other) const;
  void tell_status(Node& node, const net::IpAddress& address, protocol::PeerStatus status, Audience audience);
  void deliver_offer(Node& from, Node& to, Now now);
  void deliver_offers(Node& node, Now now);
  /// What one node is to others by its own wish ends with its registration; what others are to it, when it is
  /// gone.
  void drop_own_ties(Node& node);
  void drop_all_ties(Node& node);
  void drop_own_offers(Node& node);

  // subscriptions.cpp
  Answer subscribe(Node& node, const protocol::Json& params, Now now);
  Answer unsubscribe(Node& node, const protocol::Json& params);
  Answer answer_subscribers(Node& node, const protocol::Json& params, Now now);
  void ask_about_subscribers(Node& node, Now now);
  void offer_subscriptions(Node& node, Now now);
  void review_subscribers(Node& node, bool keeps_answers, Now now);
  void tell_consent(Node& subscriber, Node& node, Now now);
  void end_subscription(Node& subscriber, Node& node);
  void end_subscriptions(Node& node);
  void end_subscribers(Node& node);

  // reports.cpp: what nodes report of their paths, and what others are told of that
  Answer report(Node& node, const protocol::Json& params, Now now);
  /// `node` for this asker, with hints for the paths between the two.
  protocol::NodeInfo describe_with_hints(Node& node, Node& asker, Now now) const;
  std::vector<protocol::PathHint> hints_for(Node& asker, Node& about, Now now) const;
  std::vector<PathSide> sides_towards(Node& node, Node& other) const;
  void forget_reports(const Node& node);
  void expire_reports(Now now);
  Answer list_paths(const protocol::Json& params, Now now);

  // turn.cpp
  std::vector<protocol::TurnServer> turn_servers_for(Node& node, Now now);
  void renew_turn_credentials(Now now);
  void forget_turn_renewal(Node& node);

  // friends.cpp
  void handle_friends(Connection& connection, const protocol::Request& request, Now now);
  void change_friend(Connection& connection, const protocol::Request& request, bool listed, Now now);
  protocol::FriendList friends_of(const Network& network, const std::string& user) const;
  void tell_friends(const Network& network, const std::string& user);
  void separate(Network& network, const std::string& user, const std::string& other);

  // admin.cpp
  void handle_admin(Connection& connection, const protocol::Request& request, Now now);
  Answer list_nodes(const protocol::Json& params) const;
  Answer list_users() const;
  Answer list_networks() const;
  Answer list_tokens(Now now) const;
  Answer stats(Now now) const;
  std::vector<Node*> nodes_named(const protocol::Json& params) const;
  void create_token(Connection& connection, const protocol::Request& request, Now now);
  void add_network(Connection& connection, const protocol::Request& request, Now now);
  void revoke_token(Connection& connection, const protocol::Request& request, Now now);
  void expel_node(Connection& connection, const protocol::Request& request, Standing standing, Now now);

  ServerSettings settings_;
  RandomSource& random_;
  Directory directory_;
  AdmissionControl admission_;
  std::unordered_map<ConnectionId, Connection> connections_;
  std::set<std::pair<SteadyTime, ConnectionId>> deadlines_;
  std::deque<Action> actions_;
  std::set<EarlierNode::Entry, EarlierNode> turn_renewals_;
  std::uint32_t reconnect_ms_ = 0;
  std::map<std::string, PathReports> reports_;  // by network
  SteadyTime reports_expire_at_;

  struct Pending {
    std::vector<Change> changes;
    AfterCommit then;
    std::vector<Node*> unsettles;
  };
  std::unordered_map<CommitId, Pending> pending_;
  std::uint64_t last_commit_ = 0;
  // Facts whose commit failed: they are written again, as they are then, until it works.
  std::set<std::pair<std::string, crypto::IdentityPublicKey>> unsaved_nodes_;
  std::set<std::string> unsaved_networks_;
  std::set<std::pair<std::string, std::string>> unsaved_users_;
  std::set<std::tuple<std::string, std::string, std::string>> unsaved_friends_;  // network, user, friend
  std::set<std::string> unsaved_tokens_;
  std::optional<SteadyTime> retry_at_;
  bool store_failing_ = false;
  SteadyTime housekeeping_at_;
  WallTime started_;
  std::uint64_t messages_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace causeway::server
