#include <utility>

#include "base/log.hpp"
#include "node/node.hpp"

/// The part of Node that deals with friends and with those who pretend to be them.
namespace causeway::node {
namespace {

constexpr std::string_view kIdentityChanged = "identity changed";

}  // namespace

std::uint64_t Node::add_friend(std::string name, std::optional<crypto::IdentityPublicKey> key, Now now) {
  return change_friend(std::move(name), key, true, now);
}

std::uint64_t Node::remove_friend(std::string name, Now now) {
  return change_friend(std::move(name), std::nullopt, false, now);
}

std::uint64_t Node::change_friend(std::string name, std::optional<crypto::IdentityPublicKey> key, bool listed,
                                  Now now) {
  const std::uint64_t ticket = next_ticket_++;
  if (!link_) {
    actions_.emplace_back(FriendAnswered{
        ticket, "", "this node has joined no network: friends are users of one (causeway join TOKEN)"});
    return ticket;
  }
  // Whose pins go is for this node to say, not for the server: it is asked for the user that is meant here.
  const store::Friend* known = listed ? nullptr : friends_.find(name);
  const std::string asked = known ? known->user : name;
  friend_wishes_[ticket] = {known ? known->user : std::move(name), key, listed};
  link_->change_friend(ticket, asked, listed, now);
  run(now);
  return ticket;
}

void Node::on_friend_change_answered(const link::FriendChangeAnswered& answer, Now now) {
  const auto wish = friend_wishes_.extract(answer.ticket);
  if (wish.empty()) return;
  const auto& [name, key, listed] = wish.mapped();
  std::string user = answer.user;
  bool is_done = answer.error.empty();
  bool is_news = false;
  if (listed) {
    if (is_done) is_news = friends_.add(user, name, key);
  } else if (is_done || (answer.no_such_user && friends_.find(name))) {
    // A user that the server knows no more can still be forgotten here.
    is_done = true;
    is_news = friends_.remove(name);
    user = name;
  }
  if (is_news) save_friends();
  if (is_done) {
    // Judged anew: who was blocked may be welcome, and who was welcome may be blocked.
    remove_blocked_peers(now);
    if (link_) link_->refresh_directory(now);
    review_subscriptions(now);
  }
  actions_.emplace_back(FriendAnswered{answer.ticket, is_done ? user : "", is_done ? "" : answer.error});
}

void Node::on_friends_told(const link::FriendsTold& told, Now now) {
  if (!friends_.set_list(told)) return;
  save_friends();
  // The server says "gone" of those who may not reach us; this catches what we missed while we were offline.
  std::vector<dataplane::PeerId> strangers;
  for (const auto& [id, peer] : peers_) {
    const auto& description = peer->description();
    const bool is_ours = description.kind == session::PeerKind::causeway;
    if (is_ours && !friends_.may_reach(description.user)) strangers.push_back(id);
  }
  for (const dataplane::PeerId id : strangers)
    remove_peer(id, now);
  if (link_) link_->refresh_directory(now);
  review_subscriptions(now);
}

/// Shows the impostor as a blocked peer, which gets no session in either direction.
void Node::block_impostor(const link::NodeDescription& node, const std::string& friend_user, Now now) {
  const auto& identity = node.record.identity;
  ++counters_.impostors;
  peer::Peer* peer = peer_at(node.virtual_address);
  const auto same_key = peer_by_key_.find(node.record.session_key);
  const peer::Peer* key_owner = same_key == peer_by_key_.end() ? nullptr : peer_with(same_key->second);
  // Whoever copies a session key that he cannot use takes nothing from its owner.
  if (key_owner && key_owner->description().identity != identity && key_owner != peer) return;
  if (key_owner && key_owner != peer) remove_peer(key_owner->id(), now);
  if (peer && peer->description().identity == identity) {
    if (peer->state() == peer::PeerState::blocked) return;
  } else if (peer) {
    // A session with the true one proves who is there; the server's word does not end it.
    if (peer->state() == peer::PeerState::connected) return;
    remove_peer(peer->id(), now);
    peer = nullptr;
  }
  if (!peer) {
    if (peers_.size() >= kMaxPeers) return;
    peer::PeerDescription description;
    description.name = node.name;
    description.virtual_address = node.virtual_address;
    description.session_key = node.record.session_key;
    description.identity = identity;
    description.user = friend_user;
    peer = &add_peer(std::move(description), now);
  }
  log::warning("node", "{} ({}) is blocked: its identity is not the one pinned for friend {}", node.name,
               node.virtual_address.to_string(), friend_user);
  peer->block(kIdentityChanged, now);
  obey_peer(*peer, now);
  if (const auto lookup = lookups_.find(node.virtual_address); lookup != lookups_.end()) {
    lookups_.erase(lookup);
    if (link_) link_->disconnect(node.virtual_address);
    refuse_destination(node.virtual_address);
  }
  publish_forwarding();
  publish_names();
}

void Node::remove_blocked_peers(Now now) {
  std::vector<dataplane::PeerId> blocked;
  for (const auto& [id, peer] : peers_) {
    if (peer->state() == peer::PeerState::blocked) blocked.push_back(id);
  }
  for (const dataplane::PeerId id : blocked)
    remove_peer(id, now);
}

}  // namespace causeway::node
