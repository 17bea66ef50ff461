#include <utility>

#include "base/log.hpp"
#include "protocol/name.hpp"
#include "server/src/core/secrets.hpp"
#include "server/src/core/server_core.hpp"

namespace causeway::server {

using protocol::ErrorCode;
using protocol::RpcError;

namespace {

constexpr std::uint32_t kKeepaliveSeconds = 60;

// One text for every reason, so that a stranger learns nothing about who is known here.
RpcError refused() {
  return {ErrorCode::refused, "identity not accepted: join with a new token from the administrator"};
}

}  // namespace

void ServerCore::authenticate(Connection& connection, const protocol::Request& request, Now now) {
  const ConnectionId id = connection.id;
  if (connection.phase == Phase::authenticated) {
    return reply(id, request.id, RpcError{ErrorCode::invalid_request, "already authenticated"});
  }
  if (const auto wait = admission_.wait_before_trying_ms(connection.source, now.steady)) {
    return reply(id, request.id,
                 RpcError{ErrorCode::try_later, "too many failed tries from this source", wait});
  }
  const auto params = protocol::AuthenticateParams::parse(request.params);
  if (!params) return reply(id, request.id, RpcError{ErrorCode::invalid_params, params.error().message});

  const auto fail = [&](const RpcError& error) {
    admission_.failed(connection.source, now.steady);
    reply(id, request.id, error);
  };
  // The signature first: an unknown identity and a wrong signature then take the same time.
  const Bytes payload = protocol::authentication_payload(params->network, connection.exporter);
  if (!crypto::verify(params->identity, payload, params->signature)) return fail(refused());
  Directory::Changes changes;
  if (const auto error = enrol(*params, changes, now)) return fail(*error);

  Node& node = *directory_.find_node(params->network, params->identity);
  // Enrolled by a connection that did not live to see it stored: this reply promises it, too.
  if (changes.empty() &&
      (!node.durable || node.durable->standing != Standing::enrolled || node.unsettled > 0)) {
    TokenRow* token = params->token ? directory_.find_token(sha256(as_bytes(*params->token))) : nullptr;
    if (token && token->spent_by.contains(params->identity)) {
      changes.push_back(TokenSpend{token->id, params->identity});
    }
    changes.push_back(node.row);
  }
  if (changes.empty()) return reply(id, request.id, attach(id, node, now));
  commit_and_reply(connection, request.id, std::move(changes), [this, id, &node](bool stored, Now then) {
    return stored ? attach(id, node, then) : Answer(protocol::Json::object());
  });
}

/// The token row that admits this identity, or why none does. Nothing is spent yet.
std::variant<TokenRow*, RpcError> ServerCore::check_token(const protocol::AuthenticateParams& params,
                                                          WallTime now) {
  if (!params.token) return refused();
  TokenRow* token = directory_.find_token(sha256(as_bytes(*params.token)));
  if (!token || token->network != params.network || token->revoked) {
    return RpcError{ErrorCode::token_invalid, "the join token is unknown or revoked: ask for a new one"};
  }
  if (token->expires <= now) {
    return RpcError{ErrorCode::token_expired, "the join token has expired: ask for a new one"};
  }
  if (!token->spent_by.contains(params.identity) && token->spent_by.size() >= token->uses) {
    return RpcError{ErrorCode::token_used, "the join token has been used: ask for a new one"};
  }
  return token;
}

/// Makes sure that the identity is a node of the network under a name of its own. Leaves everything as it was
/// on an error.
std::optional<RpcError> ServerCore::enrol(const protocol::AuthenticateParams& params,
                                          Directory::Changes& changes, Now now) {
  Network* network = directory_.find_network(params.network);
  Node* known = network ? directory_.find_node(params.network, params.identity) : nullptr;
  if (known && known->row.standing == Standing::revoked) return refused();
  const bool needs_token = !known || known->row.standing == Standing::removed;
  TokenRow* token = nullptr;
  if (needs_token) {
    auto checked = check_token(params, now.wall);
    if (auto* error = std::get_if<RpcError>(&checked)) return std::move(*error);
    token = std::get<TokenRow*>(checked);
    if (!network) return refused();
  }

  // The name: the wished one or none; without a wish the former one, or one derived from the identity.
  const bool holds_name = known && known->row.standing == Standing::enrolled;
  std::string name = params.name.value_or(known ? known->row.name : "");
  if (!params.name && !holds_name && (name.empty() || network->by_name.contains(protocol::fold_name(name)))) {
    name = directory_.derive_name(*network, params.identity);
  }
  const auto holder = network->by_name.find(protocol::fold_name(name));
  if (holder != network->by_name.end() && holder->second != known) {
    return RpcError{ErrorCode::name_taken, "another node is called " + name + ": choose another name"};
  }

  // From here on nothing fails.
  if (holds_name && known->row.name == name) return std::nullopt;
  Node& node = directory_.add_node(*network, params.identity);
  directory_.take_name(node, name);
  node.row.standing = Standing::enrolled;
  if (!node.row.offline_since && node.connection == ConnectionId::none) node.row.offline_since = now.wall;
  if (token) {
    node.row.user = token->user;
    token->spent_by.insert(params.identity);
    changes.push_back(TokenSpend{token->id, params.identity});
    log::info("server", "{} enrolled in {} as {} by token {}", node.row.name, node.row.network, node.row.user,
              token->id);
  }
  changes.push_back(node.row);
  return std::nullopt;
}

/// Binds the connection to the node. A connection that the node had before is fenced off: from here on it is
/// a stranger's.
ServerCore::Answer ServerCore::attach(ConnectionId id, Node& node, Now now) {
  Connection* connection = find(id);
  if (!connection) return protocol::Json::object();  // gone meanwhile: nobody reads this
  if (node.row.standing != Standing::enrolled) return refused();
  if (node.connection != ConnectionId::none)
    close(node.connection, "another connection of this node took over", now);
  connection->phase = Phase::authenticated;
  connection->node = &node;
  node.connection = id;
  admission_.authenticated(connection->source);
  connection->exporter = {};
  connection->heard = now.steady;
  set_deadline(*connection, now.steady + kIdleLimit);
  actions_.emplace_back(RaiseLineLimit{id});
  const Network& network = directory_.network_of(node);
  auto list = friends_of(network, node.row.user);
  const auto reach = network.row.friends_only ? protocol::kReachFriends : protocol::kReachAll;
  return protocol::AuthenticateResult{node.row.name,        node.row.user,     std::move(list.friends),
                                      {std::string(reach)}, kKeepaliveSeconds, std::move(list.pending)}
      .to_json();
}

}  // namespace causeway::server
