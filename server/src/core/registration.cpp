#include <algorithm>
#include <utility>

#include "server/src/core/server_core.hpp"

namespace causeway::server {

using protocol::ErrorCode;
using protocol::RpcError;

void ServerCore::register_node(Connection& connection, const protocol::Request& request, Now now) {
  Node& node = *connection.node;
  const ConnectionId id = connection.id;
  auto params = protocol::RegisterParams::parse(request.params);
  if (!params) return reply(id, request.id, RpcError{ErrorCode::invalid_params, params.error().message});
  // It has left, and only the disk has not heard of it yet: name and address are given back.
  if (node.row.standing != Standing::enrolled) {
    return reply(id, request.id, RpcError{ErrorCode::unauthenticated, "authenticate again"});
  }
  if (params->record) {
    if (const auto error = accept_record(node, *params->record, now)) return reply(id, request.id, *error);
  }
  // What the reply promises is stored already: the disk need not be waited for, so that known nodes come back
  // while the store is down.
  const bool known = node.owns_address() && node.is_durable();
  Directory::Changes changes;
  directory_.mark_online(node);
  if (!directory_.give_address(node, changes)) {
    directory_.mark_offline(node, now.wall);
    return reply(id, request.id,
                 RpcError{ErrorCode::pool_exhausted, "no virtual address of the pool is free"});
  }
  // Rises over restarts, too, even when the last one was not stored.
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.wall.time_since_epoch()).count();
  node.row.epoch = std::max<std::uint64_t>(node.row.epoch + 1, static_cast<std::uint64_t>(milliseconds));
  changes.push_back(node.row);

  const bool keeps_answers = params->keep_subscribers;
  auto answer = [this, id, &node, told = std::move(*params)](bool stored, Now then) -> Answer {
    // The row says connected; whoever did not get the reply is not.
    if (!stored || node.connection != id || !node.owns_address()) {
      if (!node.registered) directory_.mark_offline(node, then.wall);
      return RpcError{ErrorCode::try_later, "try again", 1000};
    }
    drop_own_ties(node);
    node.registered = true;
    node.connected_since = then.wall;
    node.session_key = told.session_key;
    node.candidates = told.candidates;
    return registration_of(node, then).to_json();
  };
  auto afterwards = [this, id, &node, keeps_answers](bool stored, Now then) {
    if (!stored || node.connection != id || !node.registered) return;
    review_subscribers(node, keeps_answers, then);  // first: who is to be asked anew is not told
    tell_watchers(node, then);
    deliver_offers(node, then);
  };
  if (!known)
    return commit_and_reply(connection, request.id, std::move(changes), std::move(answer),
                            std::move(afterwards));
  commit(std::move(changes), {});
  reply(id, request.id, answer(true, now));
  afterwards(true, now);
}

protocol::RegisterResult ServerCore::registration_of(Node& node, Now now) {
  const Network& network = directory_.network_of(node);
  protocol::RegisterResult result;
  result.virtual_address = *node.row.address;
  result.prefix = network.pool.on_link();
  result.prefix6 = network.row.prefix6;
  result.epoch = node.row.epoch;
  result.lease_s = static_cast<std::uint32_t>(std::chrono::seconds(Directory::kLease).count());
  result.stun = settings_.stun_public;
  result.turn = turn_servers_for(node, now);
  result.reconnect_ms = reconnect_ms_;
  return result;
}

void ServerCore::update(Connection& connection, const protocol::Request& request, Now now) {
  Node& node = *connection.node;
  const ConnectionId id = connection.id;
  auto params = protocol::UpdateParams::parse(request.params);
  if (!params) return reply(id, request.id, RpcError{ErrorCode::invalid_params, params.error().message});
  const bool was_visible = node.is_visible(now.wall);
  if (params->record) {
    if (const auto error = accept_record(node, *params->record, now)) return reply(id, request.id, *error);
  }
  if (params->candidates) node.candidates = std::move(*params->candidates);
  const auto spread = [this, &node, was_visible, keeps_answers = params->keep_subscribers](Now then) {
    if (!keeps_answers) review_subscribers(node, false, then);
    tell_watchers(node, then);
    if (was_visible) return;
    deliver_offers(node, then);
    offer_subscriptions(node, then);
  };
  if (!params->record) {
    reply(id, request.id, protocol::Json::object());
    return spread(now);
  }
  commit_and_reply(
      connection, request.id, {node.row}, [](bool, Now) { return Answer(protocol::Json::object()); },
      [spread](bool, Now then) { spread(then); });
}

/// Replaces the node's record by a newer one of its own making. A record for another address or name is kept,
/// but makes the node invisible until the right one comes.
std::optional<RpcError> ServerCore::accept_record(Node& node, const protocol::SignedRecord& record, Now now) {
  auto content = protocol::verify(record, node.row.network, now.wall);
  if (!content) return RpcError{ErrorCode::invalid_params, std::string(protocol::to_string(content.error()))};
  if (content->identity != node.row.identity) {
    return RpcError{ErrorCode::invalid_params, "the record is of another identity"};
  }
  // Two texts under one serial would let peers disagree about which is the newer.
  const bool same_serial = node.row.record && content->serial == node.row.serial;
  if (content->serial < node.row.serial || (same_serial && record != *node.row.record)) {
    return RpcError{ErrorCode::stale, "the record's serial is not above " + std::to_string(node.row.serial)};
  }
  node.set_record(record, std::move(*content));
  return std::nullopt;
}

void ServerCore::deregister(Connection& connection, const protocol::Request& request, Now now) {
  Node& node = *connection.node;
  const ConnectionId id = connection.id;
  const auto address = node.owns_address() ? node.row.address : std::nullopt;
  if (node.row.standing == Standing::enrolled) node.row.standing = Standing::left;
  node.registered = false;
  directory_.mark_offline(node, now.wall);
  directory_.free_address(node, now.wall);
  directory_.give_name_back(node);
  forget_reports(node);
  commit_and_reply(
      connection, request.id, {node.row},
      [this, &node, address](bool stored, Now) {
        if (stored && address) {
          tell_status(node, *address, protocol::PeerStatus::gone, Audience::peers);
          drop_all_ties(node);
        }
        return Answer(protocol::Json::object());
      },
      [this, id](bool stored, Now then) {
        if (stored) close(id, "deregistered", then);
      });
}

}  // namespace causeway::server
