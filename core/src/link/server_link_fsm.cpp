#include "link/server_link_fsm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

#include "base/log.hpp"
#include "crypto/ed25519.hpp"
#include "link/backoff.hpp"
#include "link/candidate_conversion.hpp"
#include "link/own_record.hpp"
#include "link/pending_requests.hpp"
#include "link/refusal.hpp"
#include "protocol/name.hpp"
#include "protocol/rpc.hpp"

namespace causeway::link {
namespace {

namespace method = protocol::method;

// The timers of the link. Backoff between tries is in backoff.cpp.
constexpr Duration kConnectTimeout = 15s;      // name, TCP and TLS: the driver gives up earlier, and says why
constexpr Duration kReplyTimeout = 10s;        // a server answers from memory: later means it is gone
constexpr Duration kDirectoryInterval = 30s;   // between lists of all nodes …
constexpr Duration kDirectoryPerNode = 100ms;  // … or this for each node in it, if that is longer
constexpr Duration kConnectRetry = 2s;         // after an error reply to connect that another try may cure

constexpr std::size_t kMaxWishes = 4096;
constexpr std::size_t kMaxConnectsInFlight = 32;  // bounds what waits in the driver after a reconnect
constexpr unsigned kMaxMalformedLines = 16;       // per connection; one that talks garbage is no server
constexpr unsigned kMaxStale = 3;                 // records signed anew per connection
constexpr unsigned kMaxDirectoryPages = 64;

/// A connection that the node wants, remembered until disconnect().
struct Wish {
  std::string ufrag;
  std::vector<protocol::WireCandidate> candidates;
  bool in_flight = false;
  bool changed = true;  ///< since it was last sent
  std::optional<SteadyTime> retry_at = {};
};

bool is_open(LinkState state) {
  switch (state) {
    case LinkState::connecting:
    case LinkState::authenticating:
    case LinkState::registering:
    case LinkState::online:
    case LinkState::leaving:
      return true;
    case LinkState::idle:
    case LinkState::waiting:
    case LinkState::refused:
      return false;
  }
  return false;
}

void keep_earliest(std::optional<SteadyTime>& earliest, std::optional<SteadyTime> time) {
  if (time && (!earliest || *time < *earliest)) earliest = time;
}

}  // namespace

struct ServerLinkFsm::State {
  State(Options given, RandomSource& random)
      : options(std::move(given)),
        enrolled(options.enrolled),
        backoff(random),
        verifier(options.enrolment.network, options.identity_public, std::move(options.seen_serials)),
        record(options.identity, options.identity_public, options.session_key, options.enrolment.network,
               options.record_serial) {}

  // ---- life of the connection ----
  void open(Now now);
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

  // ---- receiving ----
  void on_reply(const protocol::Reply& reply, Now now);
  void on_error(const PendingRequest& request, const protocol::RpcError& error, Now now);
  void on_authenticated(const protocol::Json& result, Now now);
  void on_registered(const protocol::Json& result, Now now);
  void on_query_result(const protocol::Json& result, Now now);
  void on_connect_result(const net::IpAddress& address, const protocol::Json& result, Now now);
  void on_connect_error(const net::IpAddress& address, const protocol::RpcError& error, Now now);
  void on_notification(const protocol::Notification& notification, Now now);
  void on_malformed(std::string_view what, Now now);
  std::optional<NodeDescription> believe(const protocol::NodeInfo& node, Now now,
                                         std::string* reason = nullptr);

  std::string server_name() const { return options.enrolment.servers.at(server_index).to_string(); }

  Options options;
  bool enrolled;
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

  // ---- of this connection ----
  bool has_connection = false;  ///< asked for, and neither closed by us nor by the driver
  PendingRequests pending;
  std::size_t connects_in_flight = 0;
  std::optional<SteadyTime> try_at;            ///< waiting
  std::optional<SteadyTime> connect_deadline;  ///< connecting
  SteadyTime last_sent{};
  Duration keepalive = 60s;
  Duration shutdown_wait{};  ///< what the server asked for before it stops
  unsigned malformed = 0;
  unsigned stale = 0;
  bool candidates_changed = false;
  bool record_changed = false;
  std::optional<SteadyTime> query_at;
  std::size_t nodes_listed = 0;
  unsigned pages = 0;
  std::string name;
  std::vector<std::string> friends;
  net::IpAddress virtual_address;
};

// ---- life of the connection ----

void ServerLinkFsm::State::change(LinkState to, std::string reason) {
  state = to;
  actions.emplace_back(LinkStateChanged{to, std::move(reason)});
}

void ServerLinkFsm::State::open(Now now) {
  has_connection = true;
  try_at.reset();
  shutdown_wait = {};
  malformed = stale = 0;
  connect_deadline = now.steady + kConnectTimeout;
  ++counters.tries;
  const auto& server = options.enrolment.servers.at(server_index);
  change(LinkState::connecting, fmt::format("connecting to the server {}", server_name()));
  actions.emplace_back(OpenConnection{server.host, server.port});
}

void ServerLinkFsm::State::close() {
  if (std::exchange(has_connection, false)) actions.emplace_back(CloseConnection{});
  pending.clear();
  connects_in_flight = 0;
  connect_deadline.reset();
  query_at.reset();
}

void ServerLinkFsm::State::fail(std::string_view reason, Now now, Duration at_least) {
  if (state == LinkState::leaving)
    return finish_leaving(fmt::format("left; the server did not confirm it: {}", reason));
  const bool was_online = state == LinkState::online;
  close();
  const Duration wait = backoff.after_failure(now.steady, std::max(at_least, shutdown_wait));
  try_at = now.steady + wait;
  std::string sentence = fmt::format("server {} {}: {}; trying again", server_name(),
                                     was_online ? "was lost" : "cannot be reached", reason);
  change(LinkState::waiting, std::move(sentence));
}

void ServerLinkFsm::State::refuse(std::string reason) {
  close();
  try_at.reset();
  change(LinkState::refused, std::move(reason));
}

void ServerLinkFsm::State::finish_leaving(std::string reason) {
  close();
  try_at.reset();
  actions.emplace_back(Deregistered{});
  change(LinkState::idle, std::move(reason));
}

// ---- sending ----

void ServerLinkFsm::State::request(RequestKind kind, std::string_view method_name,
                                   const protocol::Json& params, Now now, const net::IpAddress& address) {
  const std::uint64_t id = pending.add(kind, now.steady + kReplyTimeout, address);
  actions.emplace_back(SendLine{protocol::make_request(id, method_name, params)});
  last_sent = now.steady;
}

void ServerLinkFsm::State::send_authenticate(ByteView exporter, Now now) {
  const std::string& network = options.enrolment.network;
  protocol::AuthenticateParams params;
  params.network = network;
  params.identity = options.identity_public;
  params.signature = crypto::sign(options.identity, protocol::authentication_payload(network, exporter));
  if (!enrolled) {
    params.token = options.enrolment.secret;
    if (protocol::is_valid_name(options.wished_name)) params.name = options.wished_name;
  }
  params.version = "causeway/0.1.0";
  request(RequestKind::authenticate, method::kAuthenticate, params.to_json(), now);
}

void ServerLinkFsm::State::send_register(Now now) {
  protocol::RegisterParams params;
  params.session_key = options.session_key;
  params.candidates = candidates;
  params.record = record.current(now);
  candidates_changed = record_changed = false;
  request(RequestKind::register_node, method::kRegister, params.to_json(), now);
}

/// One update at a time, with the newest of everything.
void ServerLinkFsm::State::send_update_if_needed(Now now) {
  if (state != LinkState::online || pending.has(RequestKind::update)) return;
  if (!candidates_changed && !record_changed) return;
  protocol::UpdateParams params;
  if (candidates_changed) params.candidates = candidates;
  if (record_changed) params.record = record.current(now);
  candidates_changed = record_changed = false;
  request(RequestKind::update, method::kUpdate, params.to_json(), now);
}

void ServerLinkFsm::State::send_wish(const net::IpAddress& address, Wish& wish, Now now) {
  if (state != LinkState::online || wish.in_flight || !wish.changed ||
      connects_in_flight >= kMaxConnectsInFlight)
    return;
  wish.in_flight = true;
  ++connects_in_flight;
  wish.changed = false;
  wish.retry_at.reset();
  request(RequestKind::connect, method::kConnect,
          protocol::ConnectParams{address, wish.ufrag, wish.candidates}.to_json(), now, address);
}

void ServerLinkFsm::State::send_wishes(Now now) {
  for (auto& [address, wish] : wishes) {
    if (connects_in_flight >= kMaxConnectsInFlight) return;
    send_wish(address, wish, now);
  }
}

void ServerLinkFsm::State::send_query(std::optional<net::IpAddress> after, Now now) {
  if (!after) nodes_listed = pages = 0;
  query_at.reset();
  ++pages;
  request(RequestKind::query, method::kQuery, protocol::QueryParams{std::nullopt, after}.to_json(), now);
}

// ---- receiving ----

void ServerLinkFsm::State::on_malformed(std::string_view what, Now now) {
  ++counters.lines_malformed;
  log::debug("link", "server {}: dropped a line: {}", server_name(), what);
  if (++malformed >= kMaxMalformedLines) fail("it sends what is not our protocol", now);
}

std::optional<NodeDescription> ServerLinkFsm::State::believe(const protocol::NodeInfo& node, Now now,
                                                             std::string* reason) {
  auto described = verifier.verify(node, now.wall);
  if (described) return std::move(*described);
  ++counters.nodes_disbelieved;
  log::debug("link", "{}", described.error().message);
  if (reason != nullptr) *reason = described.error().message;
  return std::nullopt;
}

void ServerLinkFsm::State::on_reply(const protocol::Reply& reply, Now now) {
  if (!reply.id) return on_malformed("the server could not read a line of ours", now);
  const auto request = pending.take(*reply.id);
  if (!request) {
    ++counters.replies_unexpected;
    return;
  }
  if (request->kind == RequestKind::connect) {
    --connects_in_flight;
    if (const auto wish = wishes.find(request->address); wish != wishes.end()) wish->second.in_flight = false;
  }
  if (const auto* error = std::get_if<protocol::RpcError>(&reply.outcome)) {
    ++counters.errors_received;
    return on_error(*request, *error, now);
  }
  const auto& result = std::get<protocol::Json>(reply.outcome);
  switch (request->kind) {
    case RequestKind::authenticate:
      return on_authenticated(result, now);
    case RequestKind::register_node:
      return on_registered(result, now);
    case RequestKind::query:
      return on_query_result(result, now);
    case RequestKind::connect:
      return on_connect_result(request->address, result, now);
    case RequestKind::update:
      return send_update_if_needed(now);
    case RequestKind::deregister:
      return finish_leaving("left the network");
    case RequestKind::ping:
      return;
  }
}

void ServerLinkFsm::State::on_error(const PendingRequest& request, const protocol::RpcError& error, Now now) {
  using protocol::ErrorCode;
  if (error.code == ErrorCode::stale && ++stale <= kMaxStale &&
      (request.kind == RequestKind::register_node || request.kind == RequestKind::update)) {
    // Our state was restored from an older copy: records continue far above.
    record.leap_serial(now);
    if (request.kind == RequestKind::register_node) return send_register(now);
    record_changed = true;
    return send_update_if_needed(now);
  }
  switch (request.kind) {
    case RequestKind::authenticate:
    case RequestKind::register_node: {
      Refusal refusal = explain_refusal(error);
      if (refusal.for_good) return refuse(std::move(refusal.sentence));
      return fail(refusal.sentence, now, std::chrono::milliseconds(error.retry_after_ms.value_or(0)));
    }
    case RequestKind::connect:
      return on_connect_error(request.address, error, now);
    case RequestKind::deregister:
      return finish_leaving(
          fmt::format("left; the server did not confirm it: {}", explain_refusal(error).sentence));
    case RequestKind::query:
      query_at = now.steady + kDirectoryInterval;
      return;
    case RequestKind::update:
    case RequestKind::ping:
      break;
  }
  const bool has_forgotten_us =
      error.code == ErrorCode::unauthenticated || error.code == ErrorCode::not_registered;
  if (error.code == ErrorCode::refused) return refuse(explain_refusal(error).sentence);
  if (has_forgotten_us) return fail("it wants us to register again", now);
  log::debug("link", "server {}: {}", server_name(), explain_refusal(error).sentence);
}

void ServerLinkFsm::State::on_authenticated(const protocol::Json& result, Now now) {
  if (state != LinkState::authenticating) return;
  auto read = protocol::AuthenticateResult::parse(result);
  if (!read)
    return fail(fmt::format("its reply to authenticate cannot be read ({})", read.error().message), now);
  enrolled = true;
  name = std::move(read->name);
  friends = std::move(read->friends);
  keepalive = std::chrono::seconds(read->keepalive_s);
  change(LinkState::registering, fmt::format("registering with the server {}", server_name()));
  send_register(now);
}

void ServerLinkFsm::State::on_registered(const protocol::Json& result, Now now) {
  if (state != LinkState::registering) return;
  auto read = protocol::RegisterResult::parse(result);
  if (!read) return fail(fmt::format("its reply to register cannot be read ({})", read.error().message), now);
  ++counters.registrations;
  backoff.reset();
  virtual_address = read->virtual_address;
  verifier.set_on_link(read->prefix);
  record_changed = record.describe(name, virtual_address, now) || record_changed;
  change(LinkState::online, fmt::format("registered with the server {}", server_name()));
  actions.emplace_back(
      Registered{virtual_address, read->prefix, name, std::move(read->stun), std::move(read->turn), friends});
  send_update_if_needed(now);
  for (auto& [address, wish] : wishes) {
    wish.in_flight = false;
    wish.changed = true;
  }
  send_wishes(now);
  send_query(std::nullopt, now);
}

void ServerLinkFsm::State::on_query_result(const protocol::Json& result, Now now) {
  query_at = now.steady + kDirectoryInterval;
  auto read = protocol::QueryResult::parse(result);
  if (!read) return on_malformed(read.error().message, now);
  for (const protocol::NodeInfo& node : read->nodes) {
    if (node.virtual_address == virtual_address) continue;
    if (auto described = believe(node, now)) actions.emplace_back(PeerDescribed{std::move(*described)});
  }
  nodes_listed += read->nodes.size();
  // An empty page that promises more would go on for ever.
  if (read->next && !read->nodes.empty() && pages < kMaxDirectoryPages) return send_query(read->next, now);
  query_at =
      now.steady + std::max(kDirectoryInterval, kDirectoryPerNode * static_cast<std::int64_t>(nodes_listed));
}

void ServerLinkFsm::State::on_connect_result(const net::IpAddress& address, const protocol::Json& result,
                                             Now now) {
  const auto wish = wishes.find(address);
  if (wish == wishes.end()) return;  // disconnect() came first
  auto read = protocol::ConnectResult::parse(result);
  std::string reason =
      read ? "" : fmt::format("the server's reply cannot be read ({})", read.error().message);
  if (read && read->node.virtual_address != address) reason = "the server answered for another address";
  if (reason.empty()) {
    if (auto described = believe(read->node, now, &reason)) {
      if (read->ufrag) {
        actions.emplace_back(PeerOffered{std::move(*described), *read->ufrag});
      } else {
        actions.emplace_back(PeerDescribed{std::move(*described)});
      }
    }
  }
  if (!reason.empty()) actions.emplace_back(PeerUnreachable{address, std::move(reason)});
}

void ServerLinkFsm::State::on_connect_error(const net::IpAddress& address, const protocol::RpcError& error,
                                            Now now) {
  using protocol::ErrorCode;
  const auto wish = wishes.find(address);
  if (wish == wishes.end()) return;
  if (error.code == ErrorCode::not_registered || error.code == ErrorCode::unauthenticated) {
    return fail("it wants us to register again", now);
  }
  if (error.code == ErrorCode::try_later || error.code == ErrorCode::internal_error) {
    const Duration wait = std::chrono::milliseconds(error.retry_after_ms.value_or(0));
    wish->second.retry_at = now.steady + std::clamp<Duration>(wait, kConnectRetry, 60s);
    return;
  }
  std::string reason = error.code == ErrorCode::no_such_address ? "no node that we may reach has this address"
                       : error.code == ErrorCode::unreachable   ? "the node is not online"
                                                                : explain_refusal(error).sentence;
  actions.emplace_back(PeerUnreachable{address, std::move(reason)});
}

void ServerLinkFsm::State::on_notification(const protocol::Notification& notification, Now now) {
  if (notification.method == method::kShutdown) {
    const auto read = protocol::Shutdown::parse(notification.params);
    if (!read) return on_malformed(read.error().message, now);
    shutdown_wait = std::min<Duration>(std::chrono::milliseconds(read->retry_after_ms), 5min);
    return;
  }
  if (state != LinkState::online) return;
  if (notification.method == method::kConnectOffer) {
    const auto read = protocol::ConnectOffer::parse(notification.params);
    if (!read) return on_malformed(read.error().message, now);
    if (auto described = believe(read->node, now))
      actions.emplace_back(PeerOffered{std::move(*described), read->ufrag});
    return;
  }
  if (notification.method != method::kPeerChanged) return;  // of a newer server
  const auto read = protocol::PeerChanged::parse(notification.params);
  if (!read) return on_malformed(read.error().message, now);
  if (const auto* node = std::get_if<protocol::NodeInfo>(&read->change)) {
    if (auto described = believe(*node, now)) actions.emplace_back(PeerDescribed{std::move(*described)});
    return;
  }
  const auto& status = std::get<protocol::PeerStatusChange>(read->change);
  actions.emplace_back(PeerGone{status.virtual_address, status.status != protocol::PeerStatus::offline});
}

// ---- the public face ----

ServerLinkFsm::ServerLinkFsm(Options options, RandomSource& random)
    : state_(std::make_unique<State>(std::move(options), random)) {}
ServerLinkFsm::~ServerLinkFsm() = default;

void ServerLinkFsm::start(Now now) {
  if (state_->state != LinkState::idle && state_->state != LinkState::refused) return;
  state_->backoff.reset();
  state_->open(now);
}

void ServerLinkFsm::leave(Now now) {
  State& s = *state_;
  if (s.state == LinkState::leaving) return;
  if (s.state != LinkState::online) return s.finish_leaving("left the network");
  s.change(LinkState::leaving, "leaving the network");
  s.query_at.reset();
  s.request(RequestKind::deregister, method::kDeregister, protocol::Json::object(), now);
}

void ServerLinkFsm::stop(Now) {
  State& s = *state_;
  if (s.state == LinkState::idle) return;
  s.close();
  s.try_at.reset();
  s.change(LinkState::idle, "stopped");
}

void ServerLinkFsm::on_connected(ByteView exporter, Now now) {
  State& s = *state_;
  if (s.state != LinkState::connecting) return;
  s.connect_deadline.reset();
  s.change(LinkState::authenticating, fmt::format("connected to the server {}", s.server_name()));
  s.send_authenticate(exporter, now);
}

void ServerLinkFsm::on_line(std::string_view line, Now now) {
  State& s = *state_;
  if (!is_open(s.state) || s.state == LinkState::connecting) return;
  const auto message = protocol::parse_message(line);
  if (!message) return s.on_malformed(message.error().error.message, now);
  if (const auto* reply = std::get_if<protocol::Reply>(&*message)) return s.on_reply(*reply, now);
  if (const auto* notification = std::get_if<protocol::Notification>(&*message)) {
    return s.on_notification(*notification, now);
  }
  s.on_malformed("a request, and servers make none", now);
}

void ServerLinkFsm::on_closed(std::string_view reason, Now now) {
  State& s = *state_;
  if (!is_open(s.state)) return;
  s.has_connection = false;
  s.fail(reason, now);
}

void ServerLinkFsm::on_timeout(Now now) {
  State& s = *state_;
  if (s.try_at && *s.try_at <= now.steady) {
    // The next try goes to the next server of the token.
    s.server_index = (s.server_index + 1) % s.options.enrolment.servers.size();
    return s.open(now);
  }
  if (s.connect_deadline && *s.connect_deadline <= now.steady) return s.fail("no answer within 15 s", now);
  if (const auto deadline = s.pending.first_deadline(); deadline && *deadline <= now.steady) {
    if (s.state == LinkState::leaving)
      return s.finish_leaving("left; the server did not confirm it within 10 s");
    return s.fail("it did not answer within 10 s", now);
  }
  if (s.state != LinkState::online) return;
  for (auto& [address, wish] : s.wishes) {
    if (!wish.retry_at || *wish.retry_at > now.steady) continue;
    wish.retry_at.reset();
    wish.changed = true;
  }
  s.send_wishes(now);
  if (s.record.renew_if_due(now)) {
    s.record_changed = true;
    s.send_update_if_needed(now);
  }
  if (s.query_at && *s.query_at <= now.steady) s.send_query(std::nullopt, now);
  if (now.steady - s.last_sent >= s.keepalive)
    s.request(RequestKind::ping, method::kPing, protocol::Json::object(), now);
}

std::optional<SteadyTime> ServerLinkFsm::next_timeout() const {
  const State& s = *state_;
  std::optional<SteadyTime> earliest;
  keep_earliest(earliest, s.try_at);
  keep_earliest(earliest, s.connect_deadline);
  keep_earliest(earliest, s.pending.first_deadline());
  if (s.state != LinkState::online) return earliest;
  for (const auto& [address, wish] : s.wishes)
    keep_earliest(earliest, wish.retry_at);
  keep_earliest(earliest, s.record.renewal());
  keep_earliest(earliest, s.query_at);
  keep_earliest(earliest, s.last_sent + s.keepalive);
  return earliest;
}

void ServerLinkFsm::set_candidates(std::vector<ice::Candidate> candidates, Now now) {
  State& s = *state_;
  auto wire = to_wire(candidates);
  if (wire == s.candidates) return;
  s.candidates = std::move(wire);
  s.candidates_changed = true;
  s.send_update_if_needed(now);
}

void ServerLinkFsm::connect(const net::IpAddress& virtual_address, std::string ufrag,
                            std::vector<ice::Candidate> candidates, Now now) {
  State& s = *state_;
  if (s.wishes.size() >= kMaxWishes && !s.wishes.contains(virtual_address)) {
    s.actions.emplace_back(PeerUnreachable{virtual_address, "too many connections are being made at once"});
    return;
  }
  Wish& wish = s.wishes[virtual_address];
  wish.ufrag = std::move(ufrag);
  wish.candidates = to_wire(candidates);
  wish.changed = true;
  s.send_wish(virtual_address, wish, now);
}

void ServerLinkFsm::disconnect(const net::IpAddress& virtual_address) {
  state_->wishes.erase(virtual_address);
}

void ServerLinkFsm::refresh_directory(Now now) {
  State& s = *state_;
  if (s.state == LinkState::online && !s.pending.has(RequestKind::query)) s.send_query(std::nullopt, now);
}

std::optional<LinkAction> ServerLinkFsm::poll_action() {
  auto& actions = state_->actions;
  if (actions.empty()) return std::nullopt;
  LinkAction action = std::move(actions.front());
  actions.pop_front();
  return action;
}

LinkState ServerLinkFsm::state() const { return state_->state; }
std::string ServerLinkFsm::server() const { return state_->server_name(); }
std::uint64_t ServerLinkFsm::record_serial() const { return state_->record.serial(); }
bool ServerLinkFsm::enrolled() const { return state_->enrolled; }
const ServerLinkFsm::Counters& ServerLinkFsm::counters() const { return state_->counters; }

}  // namespace causeway::link
