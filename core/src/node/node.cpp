#include "node/node.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/x25519.hpp"
#include "protocol/virtual_address6.hpp"

namespace causeway::node {
namespace {

/// What stock WireGuard leaves of 1,500 over IPv6; wg-quick's default, and less than our NIC's.
constexpr std::uint16_t kWireguardMtu = 1420;

session::LocalKeys session_keys_of(const store::NodeKeys& keys) {
  return {keys.session, crypto::derive_public(keys.session)};
}

}  // namespace

std::string_view to_string(NodeStatus status) {
  switch (status) {
    case NodeStatus::online:
      return "online";
    case NodeStatus::offline:
      return "offline";
    case NodeStatus::disconnected:
      return "disconnected";
  }
  return "disconnected";
}

Node::Node(Options options, RandomSource& random)
    : options_(std::move(options)),
      random_(random),
      state_(options_.state),
      session_keys_(session_keys_of(options_.keys)),
      identity_(crypto::derive_public(options_.keys.identity)),
      timestamps_(state_.timestamp),
      indices_(random, options_.data_loops),
      inbox_(session_keys_, random),
      peer_context_{session_keys_, identity_,    timestamps_, indices_,         random,
                    bases_,        options_.ice, false,       options_.compact, options_.aes_256_gcm},
      friends_(options_.friends),
      peers_of_loop_(options_.data_loops) {
  candidates_.set_user_addresses(state_.user_candidates);
  if (!options_.ipv6_inside) state_.on_link6.reset();
  peer_context_.path_messages = options_.compact && options_.path_messages;
}

Node::~Node() = default;

NodeStatus Node::status() const {
  if (!link_) return options_.static_address ? NodeStatus::offline : NodeStatus::disconnected;
  switch (link_->state()) {
    case link::LinkState::online:
      return NodeStatus::online;
    case link::LinkState::idle:
    case link::LinkState::refused:
      return NodeStatus::disconnected;
    default:
      return NodeStatus::offline;
  }
}

std::vector<std::string> Node::abilities() const {
  std::vector<std::string> abilities{std::string{protocol::ability::kWireguard}};
  if (options_.compact) abilities.emplace_back(protocol::ability::kCompact);
  if (options_.compact && options_.path_messages) abilities.emplace_back(protocol::ability::kPath);
  if (options_.aes_256_gcm) abilities.emplace_back(protocol::ability::kAes);
  return abilities;
}

const peer::Peer* Node::find_peer(std::string_view name_or_address) const {
  const auto address = net::IpAddress::parse(name_or_address);
  const peer::Peer* blocked = nullptr;
  for (const auto& [id, peer] : peers_) {
    const auto& description = peer->description();
    const bool fits =
        address ? description.virtual_address == *address || description.virtual_address6 == *address
                : description.name == name_or_address;
    if (!fits) continue;
    // An impostor stands back behind the node whose name it has.
    if (peer->state() != peer::PeerState::blocked) return peer.get();
    blocked = peer.get();
  }
  return blocked;
}

peer::Peer* Node::peer_with(dataplane::PeerId id) {
  const auto at = peers_.find(id);
  return at == peers_.end() ? nullptr : at->second.get();
}

peer::Peer* Node::peer_at(const net::IpAddress& address) {
  const auto at = peer_by_address_.find(address);
  return at == peer_by_address_.end() ? nullptr : peer_with(at->second);
}
// ---- life ----

void Node::start(Now now) {
  restore_history(now);
  if (state_.virtual_address && state_.on_link && state_.enrolment && !state_.enrolment->left) {
    // The address is ours until we leave: applications can bind to it before the server answers.
    configure_interface();
  } else {
    configure_static_address();
  }
  publish_stun_servers();
  const auto now_s = std::chrono::floor<std::chrono::seconds>(now.wall.time_since_epoch()).count();
  std::erase_if(state_.turn_servers,
                [now_s](const auto& server) { return server.expires != 0 && server.expires <= now_s; });
  if (!state_.turn_servers.empty()) actions_.emplace_back(UpdateRelays{state_.turn_servers});
  for (const peer::PeerDescription& description : options_.static_peers) {
    add_peer(description, now);
    for (const net::Prefix& prefix : description.allowed_ips) {
      actions_.emplace_back(AddRoute{prefix, kWireguardMtu});
    }
  }
  publish_forwarding();
  if (state_.enrolment && !state_.enrolment->left) {
    auto stored = verify_stored_peers(now);
    make_link(now);
    restore_peers(std::move(stored), now);
  }
  run(now);
}

void Node::configure_interface() {
  actions_.emplace_back(
      ConfigureInterface{*state_.virtual_address, *state_.on_link, virtual_address6(), state_.on_link6});
}

std::optional<net::IpAddress> Node::virtual_address6() const {
  if (!state_.on_link6 || !state_.virtual_address || !state_.virtual_address->is_v4()) return std::nullopt;
  return protocol::virtual_address6(*state_.on_link6, *state_.virtual_address);
}

/// The configured address is ours as long as no server has given one.
void Node::configure_static_address() {
  if (!options_.static_address || !options_.static_prefix) return;
  actions_.emplace_back(ConfigureInterface{*options_.static_address, *options_.static_prefix});
}

void Node::make_link(Now now) {
  const auto token = protocol::JoinToken::parse(state_.enrolment->token);
  if (!token) {
    actions_.emplace_back(JoinRefused{token.error().message});
    return;
  }
  enrolment_ = *token;
  for (const auto& [ticket, wish] : std::exchange(friend_wishes_, {}))
    actions_.emplace_back(FriendAnswered{ticket, "", "the node joins anew: try again afterwards"});
  if (friends_.set_network(token->network)) save_friends();
  link_ = std::make_unique<link::ServerLinkFsm>(
      link::ServerLinkFsm::Options{.enrolment = *token,
                                   .enrolled = state_.enrolment->enrolled,
                                   .wished_name = state_.name.empty() ? options_.wished_name : state_.name,
                                   .identity = options_.keys.identity,
                                   .identity_public = identity_,
                                   .session_key = session_keys_.public_key,
                                   .record_serial = state_.record_serial,
                                   .seen_serials = stored_serials_,
                                   .abilities = abilities(),
                                   .ipv6_inside = options_.ipv6_inside},
      random_);
  link_->set_candidates(candidates_.ranked(), now);
  link_->start(now);
}

void Node::leave(Now now) {
  joins_again_ = false;
  if (!link_ || link_->state() == link::LinkState::idle) {
    actions_.emplace_back(Left{});
    return;
  }
  link_->leave(now);
  run(now);
}

Result<void> Node::join(std::optional<std::string> token, Now now) {
  if (token) {
    const auto parsed = protocol::JoinToken::parse(*token);
    if (!parsed) return parsed.error();
    state_.enrolment = store::Enrolment{.token = *token};
  }
  if (!state_.enrolment)
    return Error{"this node was never enrolled: give a join token (causeway join TOKEN)"};
  if (link_ && link_->state() == link::LinkState::leaving) {
    joins_again_ = true;  // the wish is newer than the one under way
    return {};
  }
  if (!token && link_ && link_->state() != link::LinkState::idle &&
      link_->state() != link::LinkState::refused) {
    return {};  // joined, or on the way
  }
  state_.enrolment->left = false;
  save_state();
  make_link(now);
  run(now);
  return {};
}

void Node::stop(Now now) {
  if (link_) link_->stop(now);
  if (save_peers_at_) save_peers(now);
  if (history_ && history_->has_news()) save_history(now);
  run(now);
}
// ---- time ----

void Node::on_timeout(Now now) {
  if (link_) link_->on_timeout(now);
  std::vector<dataplane::PeerId> due;
  for (const auto& [id, peer] : peers_) {
    if (const auto at = peer->next_timeout(); at && *at <= now.steady) due.push_back(id);
  }
  for (const dataplane::PeerId id : due) {
    peer::Peer* peer = peer_with(id);
    if (!peer) continue;
    peer->on_timeout(now);
    obey_peer(*peer, now);
  }
  std::vector<net::IpAddress> given_up;
  for (const auto& [address, lookup] : lookups_) {
    if (lookup.until <= now.steady) given_up.push_back(address);
  }
  for (const net::IpAddress& address : given_up) {
    forget_lookup(address);
    if (link_) link_->disconnect(address);
  }
  if (save_peers_at_ && *save_peers_at_ <= now.steady) save_peers(now);
  if (save_history_at_ && *save_history_at_ <= now.steady) save_history(now);
  report_paths(now);
  run(now);
}

std::optional<SteadyTime> Node::next_timeout() const {
  std::optional<SteadyTime> next = link_ ? link_->next_timeout() : std::nullopt;
  const auto consider = [&](std::optional<SteadyTime> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  for (const auto& [id, peer] : peers_)
    consider(peer->next_timeout());
  for (const auto& [address, lookup] : lookups_)
    consider(lookup.until);
  consider(save_peers_at_);
  consider(save_history_at_);
  consider(reporter_.next_timeout());
  return next;
}

void Node::run(Now now) { obey_link(now); }

std::optional<NodeAction> Node::poll_action() {
  if (actions_.empty()) return std::nullopt;
  NodeAction action = std::move(actions_.front());
  actions_.pop_front();
  return action;
}

}  // namespace causeway::node
