#include "link/server_link_fsm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "crypto/ed25519.hpp"
#include "link/candidate_conversion.hpp"
#include "link/server_link_state.hpp"
#include "protocol/name.hpp"

namespace causeway::link {
namespace {

namespace method = protocol::method;

void keep_earliest(std::optional<SteadyTime>& earliest, std::optional<SteadyTime> time) {
  if (time && (!earliest || *time < *earliest)) earliest = time;
}

}  // namespace

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

void ServerLinkFsm::State::open_afresh(Now now) {
  close();
  backoff.reset();
  open(now);
}

void ServerLinkFsm::State::close() {
  if (std::exchange(has_connection, false)) actions.emplace_back(CloseConnection{});
  for (const std::uint64_t ticket : pending.tickets()) {
    actions.emplace_back(
        FriendChangeAnswered{ticket, "", "the server was lost before it answered: try again"});
  }
  pending.clear();
  connects_in_flight = 0;
  connect_deadline.reset();
  probe_deadline.reset();
  query_at.reset();
  subscribe_at.reset();
  reviews_subscribers |= std::exchange(review_in_flight, false);
}

void ServerLinkFsm::State::fail(std::string_view reason, Now now, Duration at_least) {
  if (state == LinkState::leaving)
    return finish_leaving(fmt::format("left; the server did not confirm it: {}", reason));
  const bool was_online = state == LinkState::online;
  close();
  const Duration wait =
      backoff.after_failure(now.steady, std::max(at_least, shutdown_wait), reconnect_window);
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
  review_in_flight = std::exchange(reviews_subscribers, false);
  params.keep_subscribers = !review_in_flight;
  candidates_changed = record_changed = false;
  request(RequestKind::register_node, method::kRegister, params.to_json(), now);
}

/// One update at a time, with the newest of everything.
void ServerLinkFsm::State::send_update_if_needed(Now now) {
  if (state != LinkState::online || pending.has(RequestKind::update)) return;
  if (!candidates_changed && !record_changed && !reviews_subscribers) return;
  protocol::UpdateParams params;
  review_in_flight = std::exchange(reviews_subscribers, false);
  params.keep_subscribers = !review_in_flight;
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
  if (!after) {
    nodes_listed.clear();
    pages = 0;
  }
  query_at.reset();
  ++pages;
  request(RequestKind::query, method::kQuery, protocol::QueryParams{std::nullopt, after}.to_json(), now);
}

/// One request at a time: what piles up meanwhile goes together.
void ServerLinkFsm::State::send_subscriptions(Now now) {
  if (state != LinkState::online || !has_subscriptions || subscribe_at || !subscriptions.has_news()) return;
  if (pending.has(RequestKind::subscribe) || pending.has(RequestKind::unsubscribe)) return;
  const auto to_end = subscriptions.take_to_end();
  if (!to_end.empty()) {
    return request(RequestKind::unsubscribe, method::kUnsubscribe,
                   protocol::SubscribeParams{to_end}.to_json(), now);
  }
  subscribing = subscriptions.take_to_begin();
  request(RequestKind::subscribe, method::kSubscribe, protocol::SubscribeParams{subscribing}.to_json(), now);
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
  s.probe_deadline.reset();
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

void ServerLinkFsm::on_network_changed(Now now) {
  State& s = *state_;
  switch (s.state) {
    case LinkState::idle:
    case LinkState::refused:
    case LinkState::leaving:
      return;
    case LinkState::online:
      if (s.probe_deadline) return;  // asked already
      s.probe_deadline = now.steady + kProbeTimeout;
      return s.request(RequestKind::ping, method::kPing, protocol::Json::object(), now);
    case LinkState::connecting:
    case LinkState::authenticating:
    case LinkState::registering:
    case LinkState::waiting:
      break;
  }
  s.open_afresh(now);
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
  if (s.probe_deadline && *s.probe_deadline <= now.steady) return s.open_afresh(now);
  if (s.state != LinkState::online) return;
  for (auto& [address, wish] : s.wishes) {
    if (!wish.retry_at || *wish.retry_at > now.steady) continue;
    wish.retry_at.reset();
    wish.changed = true;
  }
  s.send_wishes(now);
  if (s.subscribe_at && *s.subscribe_at <= now.steady) {
    s.subscribe_at.reset();
    s.send_subscriptions(now);
  }
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
  keep_earliest(earliest, s.probe_deadline);
  keep_earliest(earliest, s.pending.first_deadline());
  if (s.state != LinkState::online) return earliest;
  for (const auto& [address, wish] : s.wishes)
    keep_earliest(earliest, wish.retry_at);
  keep_earliest(earliest, s.record.renewal());
  keep_earliest(earliest, s.query_at);
  keep_earliest(earliest, s.subscribe_at);
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

void ServerLinkFsm::subscribe(const net::IpAddress& virtual_address, Now now) {
  if (state_->subscriptions.add(virtual_address)) state_->send_subscriptions(now);
}

void ServerLinkFsm::unsubscribe(const net::IpAddress& virtual_address, Now now) {
  state_->subscriptions.remove(virtual_address);
  state_->send_subscriptions(now);
}

std::optional<protocol::SubscriptionState> ServerLinkFsm::subscription(
    const net::IpAddress& virtual_address) const {
  return state_->subscriptions.state(virtual_address);
}

void ServerLinkFsm::answer_subscribers(std::vector<net::IpAddress> accepted,
                                       std::vector<net::IpAddress> refused, Now now) {
  State& s = *state_;
  if (s.state != LinkState::online) return;  // the question went with its connection
  s.request(RequestKind::answer_subscribers, method::kSubscriptionAnswer,
            protocol::SubscriptionAnswer{std::move(accepted), std::move(refused)}.to_json(), now);
}

void ServerLinkFsm::review_subscribers(Now now) {
  state_->reviews_subscribers = true;
  state_->send_update_if_needed(now);
}

void ServerLinkFsm::refresh_directory(Now now) {
  State& s = *state_;
  if (s.state == LinkState::online && !s.pending.has(RequestKind::query)) s.send_query(std::nullopt, now);
}

bool ServerLinkFsm::report(std::vector<protocol::PathReport> paths, Now now) {
  State& s = *state_;
  if (s.state != LinkState::online || !s.has_reports || s.pending.has(RequestKind::report)) return false;
  s.request(RequestKind::report, method::kReport, protocol::ReportParams{std::move(paths)}.to_json(), now);
  return true;
}

void ServerLinkFsm::change_friend(std::uint64_t ticket, const std::string& name, bool listed, Now now) {
  State& s = *state_;
  if (s.state != LinkState::online) {
    s.actions.emplace_back(FriendChangeAnswered{ticket, "",
                                                "the server keeps the friend list and is not reached: try "
                                                "again when `causeway status` shows online"});
    return;
  }
  const std::uint64_t id = s.pending.add(RequestKind::change_friend, now.steady + kReplyTimeout, {}, ticket);
  s.actions.emplace_back(SendLine{protocol::make_request(
      id, listed ? method::kFriendsAdd : method::kFriendsRemove, protocol::FriendParams{name}.to_json())});
  s.last_sent = now.steady;
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
