// Who hears of whose changes without a connection (spec M9/M10): whose this node wants to hear of, and whom
// it lets.

#include <utility>

#include "base/log.hpp"
#include "node/node.hpp"
#include "protocol/name.hpp"

namespace causeway::node {

void Node::refresh_subscription(const peer::Peer& peer, Now now) {
  const auto& description = peer.description();
  if (!link_ || description.kind != session::PeerKind::causeway) return;
  const bool is_of_use = peer.agent() || friends_.is_friend(description.identity);
  if (is_of_use && peer.state() != peer::PeerState::blocked) {
    link_->subscribe(description.virtual_address, now);
  } else {
    link_->unsubscribe(description.virtual_address, now);
  }
}

void Node::review_subscriptions(Now now) {
  for (const auto& [id, peer] : peers_)
    refresh_subscription(*peer, now);
  if (link_ && options_.subscriptions == SubscriptionPolicy::friends) link_->review_subscribers(now);
}

void Node::set_subscription_policy(SubscriptionPolicy policy, Now now) {
  if (std::exchange(options_.subscriptions, policy) == policy) return;
  if (link_) link_->review_subscribers(now);
  run(now);
}

void Node::answer_subscribers(const link::SubscribersAsk& ask, Now now) {
  std::vector<net::IpAddress> accepted;
  std::vector<net::IpAddress> refused = ask.disbelieved;
  for (const link::NodeDescription& node : ask.nodes) {
    // An impostor, or one that is no peer for any other reason, hears nothing.
    const bool is_welcome = admit(node, now) != nullptr && may_subscribe(node);
    (is_welcome ? accepted : refused).push_back(node.virtual_address);
  }
  if (link_) link_->answer_subscribers(std::move(accepted), std::move(refused), now);
}

bool Node::may_subscribe(const link::NodeDescription& node) const {
  switch (options_.subscriptions) {
    case SubscriptionPolicy::none:
      return false;
    case SubscriptionPolicy::all:
      return true;
    case SubscriptionPolicy::friends:
      break;
  }
  const std::string& own_user = friends_.state().user;
  const bool is_of_own_user =
      !own_user.empty() && protocol::fold_name(node.user) == protocol::fold_name(own_user);
  return is_of_own_user || friends_.is_friend(node.record.identity);
}

/// What the server says of a peer, for reports; and whether there is news in it.
void Node::note_description(const peer::Peer& peer, const link::NodeDescription& node) {
  Told& told = told_[peer.id()];
  const bool had_any = !told.candidates.empty();
  told.online = node.online;
  if (told.candidates == node.candidates) return;
  told.candidates = node.candidates;
  if (had_any) {
    log::debug("node", "{} ({}) tells new addresses, {} of them", node.name, node.virtual_address.to_string(),
               node.candidates.size());
  }
}

const Node::Told* Node::told(dataplane::PeerId peer) const {
  const auto found = told_.find(peer);
  return found == told_.end() ? nullptr : &found->second;
}

}  // namespace causeway::node
