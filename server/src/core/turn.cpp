#include "server/src/core/secrets.hpp"
#include "server/src/core/server_core.hpp"

/// Time-limited credentials for the TURN servers of this deployment, by the rule that coturn calls
/// use-auth-secret: the user name is the expiry and the node, the password its HMAC under a secret that only
/// the servers share.
namespace causeway::server {
namespace {

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

std::vector<protocol::TurnServer> ServerCore::turn_servers_for(Node& node, Now now) {
  std::vector<protocol::TurnServer> servers;
  forget_turn_renewal(node);
  for (const auto& uri : settings_.turn_uris) {
    protocol::TurnServer server{uri, "", "", 0};
    if (!settings_.turn_secret.empty()) {
      server.expires = unix_seconds(now.wall + kTurnLifetime);
      server.username =
          std::to_string(server.expires) + ":" + to_hex(ByteView(node.row.identity.bytes).first(8));
      server.password = turn_password(settings_.turn_secret, server.username);
    }
    servers.push_back(std::move(server));
  }
  if (servers.empty() || settings_.turn_secret.empty()) return servers;
  // Spread: nodes that came together after a restart need not be told together.
  const auto spread =
      Duration(random_.below(static_cast<std::uint64_t>(Duration(kTurnLifetime / 4).count())));
  node.turn_renewal = now.wall + kTurnLifetime / 2 + spread;
  turn_renewals_.emplace(*node.turn_renewal, &node);
  return servers;
}

void ServerCore::renew_turn_credentials(Now now) {
  for (std::size_t told = 0; told < kMostRenewalsAtOnce && !turn_renewals_.empty(); ++told) {
    Node& node = *turn_renewals_.begin()->second;
    // The wall clock decides, as it does at the TURN server.
    if (*node.turn_renewal > now.wall) return;
    forget_turn_renewal(node);
    if (!node.registered) continue;  // it gets new ones when it registers
    notify(node, std::make_shared<const std::string>(protocol::make_notification(
                     protocol::method::kTurnChanged,
                     protocol::TurnChanged{turn_servers_for(node, now)}.to_json())));
  }
}

void ServerCore::forget_turn_renewal(Node& node) {
  if (!node.turn_renewal) return;
  turn_renewals_.erase({*node.turn_renewal, &node});
  node.turn_renewal.reset();
}

}  // namespace causeway::server
