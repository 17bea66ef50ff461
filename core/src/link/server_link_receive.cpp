#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "link/refusal.hpp"
#include "link/server_link_state.hpp"
#include "protocol/virtual_address6.hpp"

namespace causeway::link {
namespace {

namespace method = protocol::method;

}  // namespace

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
      on_connect_result(request->address, result, now);
      return send_wishes(now);
    case RequestKind::update:
      review_in_flight = false;
      return send_update_if_needed(now);
    case RequestKind::deregister:
      return finish_leaving("left the network");
    case RequestKind::change_friend:
      return on_friends_told(result, request->ticket, now);
    case RequestKind::subscribe:
      return on_subscribed(result, now);
    case RequestKind::unsubscribe:
      return send_subscriptions(now);
    case RequestKind::answer_subscribers:
    case RequestKind::report:
    case RequestKind::ping:
      return;
  }
}

/// The reply to a change (with its ticket) or a notification (0).
void ServerLinkFsm::State::on_friends_told(const protocol::Json& list, std::uint64_t ticket, Now now) {
  auto read = protocol::FriendList::parse(list);
  if (!read) {
    if (ticket != 0) {
      actions.emplace_back(FriendChangeAnswered{
          ticket, "", fmt::format("the server's reply cannot be read ({})", read.error().message)});
    }
    return on_malformed(read.error().message, now);
  }
  friends = std::move(read->friends);
  pending_friends = std::move(read->pending);
  tell_friends();
  if (ticket != 0) actions.emplace_back(FriendChangeAnswered{ticket, std::move(read->user), ""});
}

void ServerLinkFsm::State::tell_friends() {
  actions.emplace_back(FriendsTold{user, friends, pending_friends, friends_only});
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
      on_connect_error(request.address, error, now);
      return send_wishes(now);
    case RequestKind::deregister:
      return finish_leaving(
          fmt::format("left; the server did not confirm it: {}", explain_refusal(error).sentence));
    case RequestKind::query:
      query_at = now.steady + kDirectoryInterval;
      return;
    case RequestKind::change_friend:
      actions.emplace_back(FriendChangeAnswered{request.ticket, "", explain_refusal(error).sentence,
                                                error.code == ErrorCode::no_such_user});
      break;
    case RequestKind::subscribe:
    case RequestKind::unsubscribe:
      on_subscribe_error(error, now);
      break;
    case RequestKind::answer_subscribers:
      // The server waits for an answer before it asks again: it is to ask anew.
      reviews_subscribers = true;
      break;
    case RequestKind::update:
      reviews_subscribers |= std::exchange(review_in_flight, false);
      // Told again with the next list of nodes: what the server could not use now (its clock is wrong, its
      // store is down) it may be able to use then.
      candidates_changed = record_changed = true;
      break;
    case RequestKind::report:
      if (error.code == ErrorCode::method_not_found) has_reports = false;
      break;
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
  user = std::move(read->user);
  friends = std::move(read->friends);
  pending_friends = std::move(read->pending);
  const auto& permissions = read->permissions;
  friends_only =
      std::find(permissions.begin(), permissions.end(), protocol::kReachFriends) != permissions.end();
  keepalive = std::chrono::seconds(read->keepalive_s);
  change(LinkState::registering, fmt::format("registering with the server {}", server_name()));
  send_register(now);
}

void ServerLinkFsm::State::on_registered(const protocol::Json& result, Now now) {
  if (state != LinkState::registering) return;
  auto read = protocol::RegisterResult::parse(result);
  if (!read) return fail(fmt::format("its reply to register cannot be read ({})", read.error().message), now);
  if (!options.ipv6_inside) read->prefix6.reset();
  ++counters.registrations;
  backoff.reset();
  virtual_address = read->virtual_address;
  verifier.set_on_link(read->prefix, read->prefix6);
  std::vector<net::IpAddress> addresses{virtual_address};
  if (read->prefix6) addresses.push_back(protocol::virtual_address6(*read->prefix6, virtual_address));
  record_changed = record.describe(name, std::move(addresses), now) || record_changed;
  change(LinkState::online, fmt::format("registered with the server {}", server_name()));
  review_in_flight = false;
  reconnect_window = std::chrono::milliseconds(read->reconnect_ms);
  has_subscriptions = has_reports = true;
  subscriptions.restart();
  actions.emplace_back(
      Registered{virtual_address, read->prefix, read->prefix6, name, std::move(read->stun), friends});
  actions.emplace_back(TurnServersTold{std::move(read->turn)});
  tell_friends();
  send_update_if_needed(now);
  for (auto& [address, wish] : wishes) {
    wish.in_flight = false;
    wish.changed = true;
  }
  send_wishes(now);
  send_subscriptions(now);
  // All nodes of a large network, back after an outage, would ask for the whole list together. Most of it is
  // known.
  if (counters.registrations > 1 && reconnect_window > Duration{}) {
    query_at = now.steady + Duration(random.below(static_cast<std::uint64_t>(reconnect_window.count())));
  } else {
    send_query(std::nullopt, now);
  }
}

void ServerLinkFsm::State::on_query_result(const protocol::Json& result, Now now) {
  query_at = now.steady + kDirectoryInterval;
  send_update_if_needed(now);
  auto read = protocol::QueryResult::parse(result);
  if (!read) return on_malformed(read.error().message, now);
  for (const protocol::NodeInfo& node : read->nodes) {
    if (node.virtual_address == virtual_address) continue;
    nodes_listed.push_back(node.virtual_address);
    if (auto described = believe(node, now)) actions.emplace_back(PeerDescribed{std::move(*described)});
  }
  // An empty page that promises more would go on for ever.
  if (read->next && !read->nodes.empty() && pages < kMaxDirectoryPages) return send_query(read->next, now);
  const auto listed = static_cast<std::int64_t>(nodes_listed.size());
  query_at = now.steady + std::max(kDirectoryInterval, kDirectoryPerNode * listed);
  if (!read->next) actions.emplace_back(DirectoryListed{std::exchange(nodes_listed, {})});
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
  actions.emplace_back(PeerUnreachable{address, std::move(reason), error.code == ErrorCode::no_such_address});
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
  if (notification.method == method::kFriendsChanged) return on_friends_told(notification.params, 0, now);
  if (notification.method == method::kTurnChanged) {
    auto read = protocol::TurnChanged::parse(notification.params);
    if (!read) return on_malformed(read.error().message, now);
    actions.emplace_back(TurnServersTold{std::move(read->turn)});
    return;
  }
  if (notification.method == method::kSubscriptionRequest)
    return on_subscribers_ask(notification.params, now);
  if (notification.method == method::kSubscriptionChanged)
    return on_subscription_changed(notification.params, now);
  if (notification.method != method::kPeerChanged) return;  // of a newer server
  const auto read = protocol::PeerChanged::parse(notification.params);
  if (!read) return on_malformed(read.error().message, now);
  if (const auto* node = std::get_if<protocol::NodeInfo>(&read->change)) {
    // A walk that is past this address would not list it.
    if (!query_at && nodes_listed.size() < kMaxListedWhileWalking)
      nodes_listed.push_back(node->virtual_address);
    if (auto described = believe(*node, now)) actions.emplace_back(PeerDescribed{std::move(*described)});
    return;
  }
  const auto& status = std::get<protocol::PeerStatusChange>(read->change);
  if (status.status != protocol::PeerStatus::offline) subscriptions.forget(status.virtual_address);
  actions.emplace_back(PeerGone{status.virtual_address, status.status != protocol::PeerStatus::offline});
}

// ---- subscriptions ----

void ServerLinkFsm::State::on_subscribed(const protocol::Json& result, Now now) {
  subscribing.clear();
  const auto read = protocol::SubscribeResult::parse(result);
  if (!read) return on_malformed(read.error().message, now);
  for (const protocol::Subscription& told : read->subscriptions)
    subscriptions.set_state(told);
  send_subscriptions(now);
}

void ServerLinkFsm::State::on_subscribe_error(const protocol::RpcError& error, Now now) {
  if (error.code == protocol::ErrorCode::method_not_found) {
    has_subscriptions = false;
    return;
  }
  subscriptions.repeat(std::exchange(subscribing, {}));
  const Duration wait = std::chrono::milliseconds(error.retry_after_ms.value_or(0));
  subscribe_at = now.steady + std::clamp<Duration>(wait, kConnectRetry, 60s);
}

void ServerLinkFsm::State::on_subscribers_ask(const protocol::Json& params, Now now) {
  const auto read = protocol::SubscriptionRequest::parse(params);
  if (!read) return on_malformed(read.error().message, now);
  SubscribersAsk ask;
  for (const protocol::NodeInfo& node : read->nodes) {
    if (auto described = believe(node, now)) {
      ask.nodes.push_back(std::move(*described));
    } else {
      ask.disbelieved.push_back(node.virtual_address);
    }
  }
  actions.emplace_back(std::move(ask));
}

void ServerLinkFsm::State::on_subscription_changed(const protocol::Json& params, Now now) {
  const auto read = protocol::SubscriptionChanged::parse(params);
  if (!read) return on_malformed(read.error().message, now);
  const auto& told = read->subscription;
  if (!subscriptions.contains(told.virtual_address)) return;  // unsubscribed meanwhile
  subscriptions.set_state(told);
  if (!read->node || read->node->virtual_address != told.virtual_address) return;
  if (auto described = believe(*read->node, now)) actions.emplace_back(PeerDescribed{std::move(*described)});
}

}  // namespace causeway::link
