#include "server/src/core/server_core.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/log.hpp"
#include "protocol/name.hpp"

namespace causeway::server {

using protocol::ErrorCode;
using protocol::RpcError;

namespace {

constexpr std::uint32_t kStoreRetryMs = 2000;
constexpr std::uint32_t kShutdownRetryMs = 2000;
/// Nodes that come back after an outage, TLS and all, of which one core does 1,800 a second.
constexpr std::size_t kReturnsPerSecond = 1000;
constexpr std::uint32_t kMinReconnectMs = 500;
constexpr std::uint32_t kMaxReconnectMs = 60'000;

}  // namespace

ServerCore::ServerCore(ServerSettings settings, Snapshot snapshot, std::size_t most_connections,
                       RandomSource& random, Now now)
    : settings_(std::move(settings)),
      random_(random),
      admission_(most_connections),
      reports_expire_at_(now.steady + kReportExpiry),
      housekeeping_at_(now.steady + kHousekeeping),
      started_(now.wall) {
  directory_.load(std::move(snapshot), now.wall);
  plan_reconnects();
}

// ---- connections ----

Admission ServerCore::on_accepted(ConnectionId id, const net::IpAddress& source, Now now) {
  const Admission admission = admission_.open(source, now.steady);
  if (admission != Admission::admitted) {
    ++refused_;
    return admission;
  }
  auto [entry, added] = connections_.try_emplace(
      id, Connection{.id = id,
                     .source = source,
                     .messages = TokenBucket(kMessagesPerSecond, kMessageBurst, now.steady),
                     .refusals = TokenBucket(kMessagesPerSecond, kRefusalBurst, now.steady),
                     .heard = now.steady});
  assert(added);
  set_deadline(entry->second, now.steady + kHandshakeLimit);
  return admission;
}

void ServerCore::on_secured(ConnectionId id, ByteView exporter, Now now) {
  Connection* connection = find(id);
  if (!connection || connection->phase != Phase::handshake) return;
  connection->phase = Phase::unauthenticated;
  connection->exporter.assign(exporter.begin(), exporter.end());
  set_deadline(*connection, now.steady + kAuthenticateLimit);
}

void ServerCore::on_control_opened(ConnectionId id, Now now) {
  connections_.try_emplace(
      id, Connection{.id = id,
                     .phase = Phase::control,
                     .messages = TokenBucket(kMessagesPerSecond, kMessageBurst, now.steady),
                     .refusals = TokenBucket(kMessagesPerSecond, kRefusalBurst, now.steady)});
}

void ServerCore::on_line(ConnectionId id, std::string_view line, Now now) {
  Connection* connection = find(id);
  if (!connection || connection->phase == Phase::handshake) return;
  connection->heard = now.steady;
  if (!connection->waiting) return handle_line(*connection, line, now);
  connection->backlog_bytes += line.size();
  if (connection->backlog.size() >= kMaxBacklogLines || connection->backlog_bytes > kMaxBacklogBytes) {
    return close(id, "sends faster than it is answered", now);
  }
  connection->backlog.emplace_back(line);
}

void ServerCore::on_line_too_long(ConnectionId id, Now now) {
  if (!find(id)) return;
  send(id, protocol::make_error({}, {ErrorCode::parse_error, "line too long"}));
  close(id, "line too long", now);
}

void ServerCore::on_closed(ConnectionId id, Now now) {
  Connection* connection = find(id);
  if (!connection) return;
  if (connection->phase != Phase::control) {
    deadlines_.erase({connection->deadline, id});
    admission_.closed(connection->source, connection->phase == Phase::authenticated);
  }
  Node* node = connection->node;
  connections_.erase(id);
  if (node && node->connection == id) leave_session(*node, now);
}

ServerCore::Connection* ServerCore::find(ConnectionId id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : &found->second;
}

void ServerCore::close(ConnectionId id, std::string reason, Now now) {
  if (!find(id)) return;
  actions_.emplace_back(Close{id, std::move(reason)});
  on_closed(id, now);
}

/// The connection that held the node's presence has ended; address and record stay.
void ServerCore::leave_session(Node& node, Now now) {
  node.connection = ConnectionId::none;
  if (!std::exchange(node.registered, false)) return;
  directory_.mark_offline(node, now.wall);
  if (node.owns_address())
    tell_status(node, *node.row.address, protocol::PeerStatus::offline, Audience::peers);
  drop_own_ties(node);
  commit({node.row}, {});
}

// ---- lines ----

void ServerCore::handle_line(Connection& connection, std::string_view line, Now now) {
  if (line.empty()) {  // a person at `openssl s_client` pressing return
    if (connection.phase != Phase::control) pass_rate(connection, {}, now);
    return;
  }
  ++messages_;
  const ConnectionId id = connection.id;
  const auto message = protocol::parse_message(line);
  const auto* request = message ? std::get_if<protocol::Request>(&*message) : nullptr;
  if (connection.phase == Phase::control) {
    if (request) return handle_admin(connection, *request, now);
  } else if (!pass_rate(connection, request ? std::optional(request->id) : std::nullopt, now)) {
    return;
  }
  if (!message) return send(id, protocol::make_error(message.error().id, message.error().error));
  // No notification from a node means anything, and we ask nothing that would be replied to.
  if (request) handle_request(connection, *request, now);
}

bool ServerCore::pass_rate(Connection& connection, std::optional<std::uint64_t> request, Now now) {
  if (connection.messages.take(now.steady)) return true;
  if (!connection.refusals.take(now.steady)) {
    close(connection.id, "too many messages", now);
  } else if (request) {
    reply(connection.id, *request,
          RpcError{ErrorCode::try_later, "too many messages", connection.messages.wait_ms()});
  }
  return false;
}

void ServerCore::handle_request(Connection& connection, const protocol::Request& request, Now now) {
  namespace method = protocol::method;
  const ConnectionId id = connection.id;
  const std::string& name = request.method;
  if (name == method::kAuthenticate) return authenticate(connection, request, now);
  if (name == method::kPing) return reply(id, request.id, protocol::Json::object());

  const bool is_friends =
      name == method::kFriendsList || name == method::kFriendsAdd || name == method::kFriendsRemove;
  const bool known = name == method::kRegister || name == method::kUpdate || name == method::kQuery ||
                     name == method::kConnect || name == method::kSubscribe || name == method::kUnsubscribe ||
                     name == method::kSubscriptionAnswer || name == method::kReport ||
                     name == method::kDeregister || is_friends;
  if (!known) return reply(id, request.id, RpcError{ErrorCode::method_not_found, "no such method"});
  if (connection.phase != Phase::authenticated) {
    return reply(id, request.id, RpcError{ErrorCode::unauthenticated, "authenticate first"});
  }
  if (name == method::kRegister) return register_node(connection, request, now);
  if (name == method::kDeregister) return deregister(connection, request, now);
  if (is_friends) return handle_friends(connection, request, now);
  if (!connection.node->registered) {
    return reply(id, request.id, RpcError{ErrorCode::not_registered, "register first"});
  }
  if (name == method::kUpdate) return update(connection, request, now);
  if (name == method::kQuery) return reply(id, request.id, query(*connection.node, request.params, now));
  if (name == method::kSubscribe)
    return reply(id, request.id, subscribe(*connection.node, request.params, now));
  if (name == method::kUnsubscribe)
    return reply(id, request.id, unsubscribe(*connection.node, request.params));
  if (name == method::kSubscriptionAnswer)
    return reply(id, request.id, answer_subscribers(*connection.node, request.params, now));
  if (name == method::kReport) return reply(id, request.id, report(*connection.node, request.params, now));
  reply(id, request.id, connect(*connection.node, request.params, now));
}

void ServerCore::resume(ConnectionId id, Now now) {
  Connection* connection = find(id);
  if (connection) connection->waiting = false;
  while (connection && !connection->waiting && !connection->backlog.empty()) {
    const std::string line = std::move(connection->backlog.front());
    connection->backlog.pop_front();
    connection->backlog_bytes -= line.size();
    handle_line(*connection, line, now);
    connection = find(id);
  }
}

// ---- answers ----

void ServerCore::send(ConnectionId id, std::string line) {
  actions_.emplace_back(SendLine{id, std::make_shared<const std::string>(std::move(line))});
}

void ServerCore::reply(ConnectionId id, std::uint64_t request, const Answer& answer) {
  if (!find(id)) return;
  const auto* error = std::get_if<RpcError>(&answer);
  send(id, error ? protocol::make_error(request, *error)
                 : protocol::make_result(request, std::get<protocol::Json>(answer)));
}

void ServerCore::notify(const Node& node, std::shared_ptr<const std::string> line) {
  if (node.registered) actions_.emplace_back(SendLine{node.connection, std::move(line)});
}

// ---- commits ----

void ServerCore::commit(Directory::Changes changes, AfterCommit then) {
  const CommitId id{++last_commit_};
  Pending pending{changes, std::move(then), {}};
  for (const Change& change : changes) {
    const auto* row = std::get_if<NodeRow>(&change);
    Node* node = row ? directory_.find_node(row->network, row->identity) : nullptr;
    if (!node || node->durable == NodeFacts::of(*row)) continue;
    ++node->unsettled;
    pending.unsettles.push_back(node);
  }
  pending_.emplace(id, std::move(pending));
  actions_.emplace_back(Commit{id, std::move(changes)});
}

void ServerCore::commit_and_reply(Connection& connection, std::uint64_t request, Directory::Changes changes,
                                  std::function<Answer(bool, Now)> answer, AfterCommit afterwards) {
  const ConnectionId id = connection.id;
  connection.waiting = true;
  commit(std::move(changes), [this, id, request, answer = std::move(answer),
                              afterwards = std::move(afterwards)](bool stored, Now now) {
    Answer told = answer(stored, now);
    if (!stored) {
      told = RpcError{ErrorCode::try_later, "the server cannot store this at the moment", kStoreRetryMs};
    }
    reply(id, request, told);
    if (afterwards) afterwards(stored, now);
    resume(id, now);
  });
}

void ServerCore::on_committed(CommitId id, bool stored, Now now) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  const Pending done = std::move(found->second);
  pending_.erase(found);
  for (Node* node : done.unsettles)
    --node->unsettled;
  for (const Change& change : done.changes) {
    const auto* row = stored ? std::get_if<NodeRow>(&change) : nullptr;
    if (row) directory_.find_node(row->network, row->identity)->durable = NodeFacts::of(*row);
  }
  if (!stored) {
    if (!std::exchange(store_failing_, true))
      log::error("server", "the store fails: answering from memory, retrying");
    remember_unsaved(done.changes);
    if (!retry_at_) retry_at_ = now.steady + kCommitRetry;
  } else if (std::exchange(store_failing_, false)) {
    log::info("server", "the store works again");
  }
  if (done.then) done.then(stored, now);
}

void ServerCore::remember_unsaved(const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    if (const auto* node = std::get_if<NodeRow>(&change))
      unsaved_nodes_.emplace(node->network, node->identity);
    if (const auto* network = std::get_if<NetworkRow>(&change)) unsaved_networks_.insert(network->name);
    if (const auto* user = std::get_if<UserRow>(&change)) unsaved_users_.emplace(user->network, user->name);
    if (const auto* entry = std::get_if<FriendRow>(&change))
      unsaved_friends_.emplace(entry->network, entry->user, entry->friend_user);
    if (const auto* token = std::get_if<TokenRow>(&change)) unsaved_tokens_.insert(token->id);
    if (const auto* spend = std::get_if<TokenSpend>(&change)) unsaved_tokens_.insert(spend->token);
  }
}

void ServerCore::retry_unsaved() {
  retry_at_.reset();
  Directory::Changes changes;
  for (const auto& name : unsaved_networks_)
    changes.push_back(directory_.find_network(name)->row);
  for (const auto& [network, name] : unsaved_users_)
    changes.push_back(UserRow{network, name});
  for (const auto& [network_name, user, other] : unsaved_friends_) {
    if (const Network* network = directory_.find_network(network_name))
      changes.push_back(FriendRow{network_name, user, other, directory_.lists(*network, user, other)});
  }
  for (const auto& id : unsaved_tokens_) {
    const TokenRow* token = directory_.find_token_by_id(id);
    if (!token) continue;
    changes.push_back(*token);
    for (const auto& identity : token->spent_by)
      changes.push_back(TokenSpend{id, identity});
  }
  // Rows without an address first: one may have lost it to another of these.
  for (const bool with_address : {false, true}) {
    for (const auto& [network, identity] : unsaved_nodes_) {
      const Node* node = directory_.find_node(network, identity);
      if (node && node->row.address.has_value() == with_address) changes.push_back(node->row);
    }
  }
  unsaved_networks_.clear();
  unsaved_users_.clear();
  unsaved_friends_.clear();
  unsaved_tokens_.clear();
  unsaved_nodes_.clear();
  if (!changes.empty()) commit(std::move(changes), {});
}

// ---- time ----

void ServerCore::set_deadline(Connection& connection, SteadyTime at) {
  deadlines_.erase({connection.deadline, connection.id});
  connection.deadline = at;
  deadlines_.emplace(at, connection.id);
}

void ServerCore::on_deadline(Connection& connection, Now now) {
  switch (connection.phase) {
    case Phase::handshake:
      return close(connection.id, "TLS handshake took too long", now);
    case Phase::unauthenticated:
      return close(connection.id, "did not authenticate in time", now);
    case Phase::authenticated:
      // Lines do not move the deadline, they are only remembered: one entry per connection and idle period.
      if (connection.heard + kIdleLimit <= now.steady) return close(connection.id, "idle", now);
      return set_deadline(connection, connection.heard + kIdleLimit);
    case Phase::control:
      return;
  }
}

void ServerCore::on_timeout(Now now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.steady) {
    on_deadline(connections_.at(deadlines_.begin()->second), now);
  }
  if (retry_at_ && *retry_at_ <= now.steady) retry_unsaved();
  if (housekeeping_at_ > now.steady) return;
  housekeeping_at_ = now.steady + kHousekeeping;
  admission_.sweep(now.steady);
  plan_reconnects();
  renew_turn_credentials(now);
  expire_reports(now);
  Directory::Changes changes;
  for (const auto& [node, address] : directory_.expire(now.wall, changes)) {
    tell_status(*node, address, protocol::PeerStatus::gone, Audience::peers);
    drop_all_ties(*node);
  }
  if (!changes.empty()) commit(std::move(changes), {});
}

/// By all who own an address, not by those who are here: after a restart the first to come back are few.
void ServerCore::plan_reconnects() {
  std::size_t owners = 0;
  for (const auto& [name, network] : directory_.networks())
    owners += network->by_address.size();
  const std::size_t window = owners * 1000 / kReturnsPerSecond;
  reconnect_ms_ = window <= kMinReconnectMs
                      ? 0
                      : static_cast<std::uint32_t>(std::min<std::size_t>(window, kMaxReconnectMs));
}

std::optional<SteadyTime> ServerCore::next_timeout() const {
  SteadyTime next = housekeeping_at_;
  if (!deadlines_.empty()) next = std::min(next, deadlines_.begin()->first);
  if (retry_at_) next = std::min(next, *retry_at_);
  return next;
}

void ServerCore::shut_down(Now now) {
  const auto line = std::make_shared<const std::string>(protocol::make_notification(
      protocol::method::kShutdown, protocol::Shutdown{kShutdownRetryMs}.to_json()));
  std::vector<ConnectionId> open;
  for (const auto& [id, connection] : connections_) {
    open.push_back(id);
    if (connection.phase == Phase::authenticated) actions_.emplace_back(SendLine{id, line});
  }
  // Presence ends silently: nobody is left who could be told.
  for (const ConnectionId id : open) {
    if (Node* node = find(id)->node; node && node->connection == id) {
      if (std::exchange(node->registered, false)) {
        directory_.mark_offline(*node, now.wall);
        commit({node->row}, {});
      }
      node->connection = ConnectionId::none;
    }
    close(id, "the server stops", now);
  }
}

std::optional<Action> ServerCore::poll_action() {
  if (actions_.empty()) return std::nullopt;
  Action action = std::move(actions_.front());
  actions_.pop_front();
  return action;
}

}  // namespace causeway::server
