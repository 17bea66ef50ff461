#include "daemon/node_options.hpp"

#include <unistd.h>

#include <climits>

#include "crypto/aead_support.hpp"
#include "protocol/join_token.hpp"
#include "tun/interface_config.hpp"

namespace causeway::daemon {
namespace {

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  const std::string text(name);
  return text.substr(0, text.find('.'));
}

peer::PeerDescription describe(const WireguardPeer& peer) {
  peer::PeerDescription description;
  description.kind = session::PeerKind::wireguard;
  // Stock devices have no name; the start of the key is how `wg` users tell them apart.
  description.name = "wg-" + peer.public_key.to_base64().substr(0, 8);
  description.allowed_ips = peer.allowed_ips;
  if (!peer.allowed_ips.empty()) description.virtual_address = peer.allowed_ips.front().address;
  description.session_key = peer.public_key;
  description.preshared = peer.preshared_key.value_or(crypto::PresharedKey{});
  if (peer.persistent_keepalive) description.persistent_keepalive = *peer.persistent_keepalive;
  description.endpoint = peer.endpoint;
  return description;
}

}  // namespace

node::Node::Options node_options(const Config& config, const store::StateDirectory& state,
                                 const std::string& tun_name, unsigned data_loops) {
  node::Node::Options options;
  options.data_loops = data_loops;
  options.keys = state.keys();
  options.state = state.state();
  options.friends = state.friends();
  options.known_peers = state.known_peers();
  options.history = state.history();
  options.check_list = config.check_list;
  options.reports = config.reports;
  options.compact = config.data_plane.compact;
  options.aes_256_gcm =
      config.data_plane.compact && config.data_plane.aes != AesChoice::off && crypto::aes_is_in_hardware();
  options.wished_name = config.name.value_or(host_name());
  options.extra_stun_servers = config.stun_servers;
  options.subscriptions = config.subscriptions;
  options.ipv6_inside = config.ipv6 && tun::ipv6_is_enabled(tun_name);
  for (const WireguardPeer& peer : config.wireguard_peers)
    options.static_peers.push_back(describe(peer));
  if (config.virtual_address) {
    options.static_address = config.virtual_address->address;
    options.static_prefix = config.virtual_address->on_link;
  }
  options.ice = {.ta = config.ice.ta,
                 .rto = config.ice.rto,
                 .keep_warm = config.ice.keep_warm,
                 .consent_interval = config.ice.consent_interval,
                 .consent_timeout = config.ice.consent_timeout,
                 .reprobe = config.ice.reprobe,
                 .patience = config.ice.patience};
  return options;
}

Result<void> enrol(store::StateDirectory& state, const std::optional<std::string>& text) {
  if (!text) return {};
  const auto token = protocol::JoinToken::parse(*text);
  if (!token) return token.error();
  if (const auto& stored = state.state().enrolment; stored && stored->enrolled) {
    const auto known = protocol::JoinToken::parse(stored->token);
    if (known && known->network == token->network && known->pins == token->pins &&
        known->servers == token->servers) {
      return state.save_enrolment(store::Enrolment{.token = stored->token, .enrolled = true});
    }
    // Another network: nothing of the old one is ours any more.
    if (auto forgotten = state.forget_address(); !forgotten) return forgotten;
  }
  return state.save_enrolment(store::Enrolment{.token = token->format()});
}

}  // namespace causeway::daemon
