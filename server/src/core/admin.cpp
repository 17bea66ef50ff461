#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "protocol/name.hpp"
#include "protocol/virtual_address6.hpp"
#include "server/src/core/network_prefix6.hpp"
#include "server/src/core/secrets.hpp"
#include "server/src/core/server_core.hpp"

namespace causeway::server {

using protocol::ErrorCode;
using protocol::Json;
using protocol::RpcError;

namespace {

constexpr std::uint32_t kMaxUses = 1'000'000;
constexpr std::uint32_t kMaxExpirySeconds = 10 * 366 * 86'400;

RpcError bad(std::string what) { return {ErrorCode::invalid_params, std::move(what)}; }

}  // namespace

void ServerCore::handle_admin(Connection& connection, const protocol::Request& request, Now now) {
  const std::string& name = request.method;
  if (name == "admin.network.add") return add_network(connection, request, now);
  if (name == "admin.token.create") return create_token(connection, request, now);
  if (name == "admin.token.revoke") return revoke_token(connection, request, now);
  if (name == "admin.node.remove") return expel_node(connection, request, Standing::removed, now);
  if (name == "admin.node.revoke") return expel_node(connection, request, Standing::revoked, now);
  const auto answer = [&]() -> Answer {
    if (name == "admin.nodes") return list_nodes(request.params);
    if (name == "admin.users") return list_users();
    if (name == "admin.networks") return list_networks();
    if (name == "admin.tokens") return list_tokens(now);
    if (name == "admin.stats") return stats(now);
    if (name == "admin.paths") return list_paths(request.params, now);
    return RpcError{ErrorCode::method_not_found, "no such method"};
  };
  reply(connection.id, request.id, answer());
}

// ---- lists ----

ServerCore::Answer ServerCore::list_nodes(const Json& params) const {
  const auto only = protocol::get_string(params, "network");
  Json list = Json::array();
  for (const auto& [network_name, network] : directory_.networks()) {
    if (only && *only != network_name) continue;
    std::vector<const Node*> nodes;
    for (const auto& [identity, node] : network->by_identity) {
      const bool listed = node->row.standing == Standing::enrolled || node->row.standing == Standing::revoked;
      if (listed) nodes.push_back(node.get());
    }
    std::sort(nodes.begin(), nodes.end(), [](auto* a, auto* b) { return a->row.name < b->row.name; });
    for (const Node* node : nodes) {
      list.push_back(
          {{"name", node->row.name},
           {"user", node->row.user},
           {"network", network_name},
           {"virtual_address", node->owns_address() ? Json(node->row.address->to_string()) : Json(nullptr)},
           {"virtual_address6",
            node->owns_address() && network->row.prefix6
                ? Json(protocol::virtual_address6(*network->row.prefix6, *node->row.address).to_string())
                : Json(nullptr)},
           {"state", node->registered ? "online" : "offline"},
           {"connected_since",
            node->registered ? Json(format_rfc3339(node->connected_since)) : Json(nullptr)},
           {"identity", node->row.identity.to_base64()},
           {"revoked", node->row.standing == Standing::revoked}});
    }
  }
  return list;
}

ServerCore::Answer ServerCore::list_users() const {
  Json list = Json::array();
  for (const auto& [network_name, network] : directory_.networks()) {
    std::map<std::string, int> nodes;
    for (const auto& [identity, node] : network->by_identity) {
      if (node->row.standing == Standing::enrolled) ++nodes[protocol::fold_name(node->row.user)];
    }
    for (const auto& [folded, user] : network->users) {
      const auto friends = network->friends.find(folded);
      list.push_back({{"name", user.name},
                      {"network", network_name},
                      {"nodes", nodes[folded]},
                      {"friends", friends == network->friends.end() ? 0 : friends->second.size()}});
    }
  }
  return list;
}

ServerCore::Answer ServerCore::list_networks() const {
  Json list = Json::array();
  for (const auto& [name, network] : directory_.networks()) {
    const auto online = std::count_if(network->by_address.begin(), network->by_address.end(),
                                      [](const auto& entry) { return entry.second->registered; });
    list.push_back(
        {{"name", name},
         {"pool", network->row.pool},
         {"prefix", network->pool.on_link().to_string()},
         {"addresses", network->pool.size()},
         {"owned", network->by_address.size()},
         {"quarantined", network->quarantine.size()},
         {"online", online},
         {"friends_only", network->row.friends_only},
         {"prefix6", network->row.prefix6 ? Json(network->row.prefix6->to_string()) : Json(nullptr)}});
  }
  return list;
}

ServerCore::Answer ServerCore::list_tokens(Now now) const {
  Json list = Json::array();
  for (const auto& [id, token] : directory_.tokens()) {
    const char* state = token.revoked                         ? "revoked"
                        : token.expires <= now.wall           ? "expired"
                        : token.spent_by.size() >= token.uses ? "used"
                                                              : "valid";
    list.push_back({{"id", id},
                    {"network", token.network},
                    {"user", token.user},
                    {"uses", token.uses},
                    {"used", token.spent_by.size()},
                    {"state", state},
                    {"created", format_rfc3339(token.created)},
                    {"expires", format_rfc3339(token.expires)}});
  }
  return list;
}

ServerCore::Answer ServerCore::stats(Now now) const {
  std::size_t registered = 0;
  std::size_t subscriptions = 0;
  for (const auto& [name, network] : directory_.networks()) {
    for (const auto& [address, node] : network->by_address) {
      registered += node->registered ? 1 : 0;
      subscriptions += node->subscriptions.size();
    }
  }
  Json reports{{"nodes", 0}, {"paths", 0}, {"classes", 0}, {"dropped", 0}};
  for (const auto& [name, of_network] : reports_) {
    reports["nodes"] = reports["nodes"].get<std::size_t>() + of_network.node_count();
    reports["paths"] = reports["paths"].get<std::size_t>() + of_network.path_count();
    reports["classes"] = reports["classes"].get<std::size_t>() + of_network.class_count();
    reports["dropped"] = reports["dropped"].get<std::uint64_t>() + of_network.dropped();
  }
  return Json{{"uptime_s", std::chrono::duration_cast<std::chrono::seconds>(now.wall - started_).count()},
              {"connections", admission_.connections()},
              {"unauthenticated", admission_.strangers()},
              {"online", registered},
              {"subscriptions", subscriptions},
              {"reports", reports},
              {"messages", messages_},
              {"connections_refused", refused_},
              {"commits_pending", pending_.size()},
              {"store", store_failing_ ? "failing" : "ok"}};
}

// ---- changes ----

void ServerCore::add_network(Connection& connection, const protocol::Request& request, Now) {
  NetworkRow row{protocol::get_string(request.params, "network").value_or(""),
                 protocol::get_string(request.params, "pool").value_or(""),
                 protocol::get_bool(request.params, "friends_only").value_or(false),
                 make_network_prefix6(random_)};
  const auto added = directory_.add_network(std::move(row));
  if (!added) return reply(connection.id, request.id, bad(added.error().message));
  const NetworkRow& made = (*added)->row;
  log::info("server", "network {} added, pool {}", made.name, made.pool);
  const Json result{{"name", made.name}, {"pool", made.pool}};
  commit_and_reply(connection, request.id, {made}, [result](bool, Now) { return Answer(result); });
}

void ServerCore::create_token(Connection& connection, const protocol::Request& request, Now now) {
  const auto fail = [&](std::string what) { reply(connection.id, request.id, bad(std::move(what))); };
  const std::string network_name = protocol::get_string(request.params, "network").value_or("");
  Network* network = directory_.find_network(network_name);
  if (!network) return fail("no network is called \"" + network_name + "\": see `causeway-server networks`");
  const std::string user = protocol::get_string(request.params, "user").value_or("default");
  if (!protocol::is_valid_name(user)) {
    return fail("user \"" + user + "\" is no name: use 1 to 63 letters, digits, '.', '_', '-'");
  }
  const auto uses = protocol::get_integer<std::uint32_t>(request.params, "uses", 1, kMaxUses);
  if (!uses) return fail("uses: give a number from 1 to 1000000");
  const auto expires_s =
      protocol::get_integer<std::uint32_t>(request.params, "expires_s", 1, kMaxExpirySeconds);
  if (!expires_s) return fail("expires: give a time from 1s to 10 years");

  std::array<std::uint8_t, protocol::kTokenSecretBytes> secret{};
  random_.fill(secret);
  protocol::JoinToken token{
      network_name, {settings_.public_address}, settings_.pins, {}, to_base64url(secret)};
  TokenRow row;
  do {
    std::array<std::uint8_t, 4> id{};
    random_.fill(id);
    row.id = to_hex(id);
  } while (directory_.find_token_by_id(row.id));
  row.network = network_name;
  row.secret_hash = sha256(as_bytes(token.secret));
  row.uses = *uses;
  row.created = now.wall;
  row.expires = now.wall + std::chrono::seconds(*expires_s);

  Directory::Changes changes;
  directory_.ensure_user(*network, user, changes);
  row.user = network->users.at(protocol::fold_name(user)).name;
  changes.push_back(row);
  const Json result{{"token", token.format()}, {"id", row.id}, {"expires", format_rfc3339(row.expires)}};
  directory_.add_token(std::move(row));
  commit_and_reply(connection, request.id, std::move(changes),
                   [result](bool, Now) { return Answer(result); });
}

void ServerCore::revoke_token(Connection& connection, const protocol::Request& request, Now) {
  const std::string named = protocol::get_string(request.params, "token").value_or("");
  TokenRow* row = directory_.find_token_by_id(named);
  if (!row) {
    if (const auto token = protocol::JoinToken::parse(named))
      row = directory_.find_token(sha256(as_bytes(token->secret)));
  }
  if (!row)
    return reply(connection.id, request.id,
                 bad("no such token: `causeway-server token list` shows their ids"));
  row->revoked = true;
  const Json result{{"id", row->id}};
  commit_and_reply(connection, request.id, {*row}, [result](bool, Now) { return Answer(result); });
}

std::vector<Node*> ServerCore::nodes_named(const Json& params) const {
  const std::string name = protocol::get_string(params, "name").value_or("");
  const auto only = protocol::get_string(params, "network");
  std::vector<Node*> found;
  for (const auto& [network_name, network] : directory_.networks()) {
    if (only && *only != network_name) continue;
    const auto entry = network->by_name.find(protocol::fold_name(name));
    if (entry != network->by_name.end()) found.push_back(entry->second);
  }
  return found;
}

/// Removal frees name and address and asks for a token next time; revocation keeps the identity out for good.
void ServerCore::expel_node(Connection& connection, const protocol::Request& request, Standing standing,
                            Now now) {
  const std::string name = protocol::get_string(request.params, "name").value_or("");
  const std::vector<Node*> found = nodes_named(request.params);
  if (found.empty()) {
    return reply(connection.id, request.id,
                 bad("no node is called \"" + name + "\": see `causeway-server nodes`"));
  }
  if (found.size() > 1) {
    return reply(connection.id, request.id,
                 bad("several networks have a node \"" + name + "\": add --network"));
  }
  Node& node = *found.front();
  const auto address = node.owns_address() ? node.row.address : std::nullopt;
  node.row.standing = standing;
  node.registered = false;
  directory_.mark_offline(node, now.wall);
  directory_.free_address(node, now.wall);
  if (standing == Standing::removed) directory_.give_name_back(node);
  // At once, even if the disk is slow: being put out too early harms nobody.
  if (address) {
    const bool revoked = standing == Standing::revoked;
    tell_status(node, *address, revoked ? protocol::PeerStatus::revoked : protocol::PeerStatus::gone,
                Audience::network);
  }
  drop_all_ties(node);
  forget_reports(node);
  if (node.connection != ConnectionId::none) close(node.connection, "put out by the administrator", now);
  log::info("server", "node {} of {} {}", node.row.name, node.row.network,
            standing == Standing::revoked ? "revoked" : "removed");
  const Json result{{"name", node.row.name}};
  commit_and_reply(connection, request.id, {node.row}, [result](bool, Now) { return Answer(result); });
}

}  // namespace causeway::server
