// The peers of a node: who they are, what they ask for, what others are told of them.

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/overloaded.hpp"
#include "node/node.hpp"
#include "protocol/virtual_address6.hpp"

namespace causeway::node {

plugin::FriendTier Node::tier_of(const peer::Peer& peer) const {
  if (!peer.description().identity) return plugin::FriendTier::unknown;
  return friends_.is_friend(peer.description().identity) ? plugin::FriendTier::friend_node
                                                         : plugin::FriendTier::other;
}

void Node::ask_for_scores(const peer::Peer& peer, peer::ScorePaths&& ask) {
  actions_.emplace_back(ScorePeerPaths{.peer = peer.id(),
                                       .name = peer.description().name,
                                       .round = ask.round,
                                       .tier = tier_of(peer),
                                       .paths = std::move(ask.paths),
                                       .dead = std::move(ask.dead)});
}

void Node::tell_choices(bool is_telling, Now now) {
  if (std::exchange(peer_context_.tells_choices, is_telling) == is_telling || !is_telling) return;
  for (auto& [id, peer] : peers_) {
    peer->begin_telling(now);
    obey_peer(*peer, now);
  }
}

peer::Peer& Node::add_peer(peer::PeerDescription description, Now now) {
  const dataplane::PeerId id{next_peer_++};
  const auto least = std::min_element(peers_of_loop_.begin(), peers_of_loop_.end());
  const auto loop = static_cast<std::uint8_t>(least - peers_of_loop_.begin());
  ++*least;
  auto made = std::make_unique<peer::Peer>(id, std::move(description), peer_context_, loop);
  peer::Peer& peer = *made;
  peers_.emplace(id, std::move(made));
  peer_by_key_[peer.description().session_key] = id;
  peer_by_address_[peer.description().virtual_address] = id;
  peer.set_local_candidates(candidates_.ranked(), now);
  obey_peer(peer, now);
  return peer;
}

void Node::remove_peer(dataplane::PeerId id, Now now) {
  peer::Peer* peer = peer_with(id);
  if (!peer) return;
  peer->release("the peer is gone", now);
  obey_peer(*peer, now);
  peer_by_key_.erase(peer->description().session_key);
  peer_by_address_.erase(peer->description().virtual_address);
  if (link_) link_->unsubscribe(peer->description().virtual_address, now);
  std::erase_if(peer_by_ufrag_, [&](const auto& item) { return item.second == id; });
  actions_.emplace_back(dataplane::Command{dataplane::RemovePeer{id}});
  --peers_of_loop_[peer->loop()];
  peers_.erase(id);
  told_.erase(id);
  reporter_.forget(id);
  if (records_.erase(id) > 0) keep_peers_soon(now);
  publish_forwarding();
  publish_names();
}

void Node::remove_all_peers(Now now) {
  lookups_.clear();
  while (true) {
    const auto leaving = std::find_if(peers_.begin(), peers_.end(), [](const auto& item) {
      return item.second->description().kind == session::PeerKind::causeway;
    });
    if (leaving == peers_.end()) return;
    remove_peer(leaving->first, now);
  }
}

void Node::index_ufrags(const peer::Peer& peer) {
  std::erase_if(peer_by_ufrag_, [&](const auto& item) { return item.second == peer.id(); });
  for (std::string& ufrag : peer.ufrags())
    peer_by_ufrag_[std::move(ufrag)] = peer.id();
}

void Node::forget_lookup(const net::IpAddress& address) { lookups_.erase(address); }

void Node::obey_peer(peer::Peer& peer, Now now) {
  while (auto action = peer.poll_action()) {
    std::visit(Overloaded{
                   [&](peer::SendDatagram& send) {
                     if (send.transaction) {
                       transactions_.remember(*send.transaction, peer.id(), now.steady);
                     } else if (timestamps_.last() > state_.timestamp) {
                       state_.timestamp = timestamps_.last();
                       actions_.emplace_back(CoverTimestamp{state_.timestamp});
                     }
                     actions_.emplace_back(std::move(send));
                   },
                   [&](dataplane::Command& command) { actions_.emplace_back(std::move(command)); },
                   [&](peer::Offer& offer) {
                     index_ufrags(peer);
                     if (link_) {
                       link_->connect(peer.description().virtual_address, offer.ufrag, candidates_.ranked(),
                                      now);
                     }
                     refresh_subscription(peer, now);
                   },
                   [&](peer::WithdrawOffer&) {
                     index_ufrags(peer);
                     if (link_) link_->disconnect(peer.description().virtual_address);
                     refresh_subscription(peer, now);
                   },
                   [&](peer::MemoryChanged&) { keep_peers_soon(now); },
                   [&](peer::ScorePaths& ask) { ask_for_scores(peer, std::move(ask)); },
                   [&](std::shared_ptr<const peer::PathChoice>& choice) {
                     actions_.emplace_back(TellChoice{peer.description().name, std::move(choice)});
                   },
                   [&](peer::PeerStateChanged& changed) {
                     log::info("peer", "{} ({}) is {}{}{}", peer.description().name,
                               peer.description().virtual_address.to_string(), peer::to_string(changed.state),
                               changed.reason.empty() ? "" : ": ", changed.reason);
                   },
               },
               *action);
  }
  if (options_.reports) reporter_.look_at(peer, now.steady);
  keep_history_soon(now);
}

void Node::publish_forwarding() {
  auto table = std::make_shared<dataplane::ForwardingSnapshot>();
  peer_context_.virtual_address = virtual_address();
  peer_context_.virtual_address6 = virtual_address6();
  for (const auto& own : {peer_context_.virtual_address, peer_context_.virtual_address6})
    if (own) table->local_addresses.push_back(*own);
  for (const auto& on_link : {state_.on_link, state_.on_link6})
    if (on_link) table->on_link.push_back(*on_link);
  for (const auto& [id, peer] : peers_) {
    if (peer->state() == peer::PeerState::blocked) continue;
    for (const net::Prefix& prefix : peer->description().allowed_ips)
      table->entries.push_back({prefix, id, peer->loop()});
  }
  actions_.emplace_back(dataplane::Command{dataplane::SetForwarding{std::move(table)}});
}

void Node::publish_names() {
  PublishNames publish;
  const auto add = [&publish](const std::string& name, const net::IpAddress& address,
                              const std::optional<net::IpAddress>& address6) {
    publish.names.emplace_back(name, address);
    if (address6) publish.names.emplace_back(name, *address6);
  };
  if (state_.virtual_address && !state_.name.empty())
    add(state_.name, *state_.virtual_address, virtual_address6());
  for (const auto& [id, peer] : peers_) {
    const auto& description = peer->description();
    if (!description.name.empty() && description.kind == session::PeerKind::causeway &&
        peer->state() != peer::PeerState::blocked) {
      add(description.name, description.virtual_address, description.virtual_address6);
    }
  }
  actions_.emplace_back(std::move(publish));
}

void Node::refuse_destination(const net::IpAddress& address) {
  actions_.emplace_back(dataplane::Command{dataplane::RefuseDestination{address}});
  if (!state_.on_link6 || !address.is_v4()) return;
  actions_.emplace_back(dataplane::Command{
      dataplane::RefuseDestination{protocol::virtual_address6(*state_.on_link6, address)}});
}

std::vector<net::Endpoint> Node::stun_servers() const {
  std::vector<net::Endpoint> servers = options_.extra_stun_servers;
  for (const net::Endpoint& server : state_.stun_servers) {
    if (std::find(servers.begin(), servers.end(), server) == servers.end()) servers.push_back(server);
  }
  return servers;
}

void Node::publish_stun_servers() { actions_.emplace_back(UpdateSources{stun_servers()}); }

void Node::set_extra_stun_servers(std::vector<net::Endpoint> servers, Now now) {
  options_.extra_stun_servers = std::move(servers);
  publish_stun_servers();
  run(now);
}

void Node::probe(dataplane::PeerId id, Now now) {
  peer::Peer* peer = peer_with(id);
  if (!peer) return;
  peer->probe_selected(now);
  obey_peer(*peer, now);
}

}  // namespace causeway::node
