// What a node hears from the address server, and whom it believes on its word.

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/overloaded.hpp"
#include "crypto/x25519.hpp"
#include "node/node.hpp"
#include "protocol/virtual_address6.hpp"

namespace causeway::node {

void Node::on_server_connected(ByteView exporter, Now now) {
  if (link_) link_->on_connected(exporter, now);
  run(now);
}

void Node::on_server_line(std::string_view line, Now now) {
  if (link_) link_->on_line(line, now);
  run(now);
}

void Node::on_server_closed(std::string_view reason, Now now) {
  if (link_) link_->on_closed(reason, now);
  run(now);
}

void Node::obey_link(Now now) {
  while (auto action = link_ ? link_->poll_action() : std::nullopt) {
    if (state_.record_serial < link_->record_serial()) {
      state_.record_serial = link_->record_serial();
      save_state();
    }
    std::visit(Overloaded{
                   [&](link::OpenConnection& open) { actions_.emplace_back(std::move(open)); },
                   [&](link::SendLine& line) { actions_.emplace_back(std::move(line)); },
                   [&](link::CloseConnection& close) { actions_.emplace_back(close); },
                   [&](link::LinkStateChanged& changed) { on_link_state(changed); },
                   [&](link::Registered& registered) {
                     on_registered(registered);
                     begin_reports(now);
                   },
                   [&](link::TurnServersTold& told) {
                     if (told.servers == state_.turn_servers) return;
                     state_.turn_servers = std::move(told.servers);
                     save_state();
                     actions_.emplace_back(UpdateRelays{state_.turn_servers});
                   },
                   [&](link::PeerDescribed& described) {
                     if (peer::Peer* peer = admit(described.node, now)) {
                       note_description(*peer, described.node);
                       peer->add_remote_candidates(described.node.candidates, now);
                       if (described.node.hints) peer->set_hints(std::move(*described.node.hints), now);
                       obey_peer(*peer, now);
                     }
                   },
                   [&](link::PeerOffered& offered) {
                     if (peer::Peer* peer = admit(offered.node, now)) {
                       peer->on_offer(offered.ufrag, offered.node.candidates, now);
                       if (offered.node.hints) peer->set_hints(std::move(*offered.node.hints), now);
                       obey_peer(*peer, now);
                     }
                   },
                   [&](link::PeerGone& gone) {
                     // Offline is the server's view; a tunnel that works needs no server (spec V9).
                     peer::Peer* peer = peer_at(gone.virtual_address);
                     if (peer) told_[peer->id()].online = false;
                     if (gone.for_good && peer) remove_peer(peer->id(), now);
                   },
                   [&](link::PeerUnreachable& unreachable) {
                     log::info("node", "{} is not reachable: {}", unreachable.virtual_address.to_string(),
                               unreachable.reason);
                     forget_lookup(unreachable.virtual_address);
                     link_->disconnect(unreachable.virtual_address);
                     peer::Peer* peer = peer_at(unreachable.virtual_address);
                     if (peer && unreachable.is_nobody) {
                       remove_peer(peer->id(), now);  // it left or was put out while we were away
                       peer = nullptr;
                     }
                     if (peer) peer->on_offer_refused();
                     if (!peer || !peer->data_path()) refuse_destination(unreachable.virtual_address);
                   },
                   [&](link::SubscribersAsk& ask) { answer_subscribers(ask, now); },
                   [&](link::DirectoryListed& listed) { remove_unlisted(listed.addresses, now); },
                   [&](link::FriendsTold& told) { on_friends_told(told, now); },
                   [&](link::FriendChangeAnswered& answer) { on_friend_change_answered(answer, now); },
                   [&](link::Deregistered&) {
                     remove_all_peers(now);
                     save_peers(now);
                     state_.virtual_address.reset();
                     state_.on_link.reset();
                     state_.on_link6.reset();
                     state_.stun_servers.clear();
                     if (!std::exchange(state_.turn_servers, {}).empty())
                       actions_.emplace_back(UpdateRelays{});
                     if (state_.enrolment) state_.enrolment->left = true;
                     save_state();
                     publish_forwarding();
                     publish_names();
                     actions_.emplace_back(ClearInterface{});
                     configure_static_address();
                     actions_.emplace_back(Left{});
                     if (!std::exchange(joins_again_, false) || !state_.enrolment) return;
                     state_.enrolment->left = false;
                     save_state();
                     make_link(now);
                   },
               },
               *action);
  }
}

void Node::on_link_state(const link::LinkStateChanged& changed) {
  link_reason_ = changed.reason;
  peer_context_.server_is_online = changed.state == link::LinkState::online;
  if (!peer_context_.server_is_online) reporter_.stop();
  if (changed.state == link::LinkState::online) {
    log::info("link", "registered with the server {}", link_->server());
    link_failure_.clear();
  } else if (changed.state == link::LinkState::waiting && changed.reason != link_failure_) {
    // Once per cause: it is tried again every few seconds, for days if need be.
    link_failure_ = changed.reason;
    log::warning("link", "{}", changed.reason);
  } else if (changed.state == link::LinkState::refused) {
    actions_.emplace_back(JoinRefused{changed.reason});
  }
}

void Node::on_registered(const link::Registered& registered) {
  const bool is_news = state_.virtual_address != registered.virtual_address ||
                       state_.on_link != registered.on_link || state_.on_link6 != registered.on_link6 ||
                       state_.name != registered.name || state_.stun_servers != registered.stun_servers ||
                       (state_.enrolment && !state_.enrolment->enrolled);
  state_.virtual_address = registered.virtual_address;
  state_.on_link = registered.on_link;
  state_.on_link6 = registered.on_link6;
  state_.stun_servers = registered.stun_servers;
  state_.name = registered.name;
  if (state_.enrolment && !state_.enrolment->enrolled) {
    // The identity is bound: the secret has done its work, and a stolen state directory should not hold it.
    if (enrolment_) state_.enrolment->token = enrolment_->without_secret().format();
    state_.enrolment->enrolled = true;
  }
  if (is_news) save_state();
  configure_interface();
  publish_forwarding();
  publish_names();
  publish_stun_servers();
}

peer::Peer* Node::admit(const link::NodeDescription& node, Now now) {
  const auto& record = node.record;
  if (node.virtual_address == state_.virtual_address || record.session_key == session_keys_.public_key)
    return nullptr;
  // A key of small order makes every shared secret zero: nobody honest has one.
  if (!crypto::shared_secret(session_keys_.secret, record.session_key)) return nullptr;

  const FriendBook::Verdict verdict = friends_.judge(node);
  if (verdict.changed) save_friends();
  if (verdict.standing == FriendBook::Standing::impostor) {
    block_impostor(node, verdict.friend_user, now);
    return nullptr;
  }

  peer::Peer* peer = peer_at(node.virtual_address);
  if (peer &&
      (peer->state() == peer::PeerState::blocked || peer->description().session_key != record.session_key ||
       peer->description().identity != record.identity)) {
    remove_peer(peer->id(), now);  // the address changed hands, or the node started anew
    peer = nullptr;
  }
  if (const auto same_key = peer_by_key_.find(record.session_key); !peer && same_key != peer_by_key_.end()) {
    const peer::Peer* other = peer_with(same_key->second);
    // Two identities with one session key: nobody honest has another's, and who came first stays.
    if (other && other->state() != peer::PeerState::blocked &&
        other->description().identity != record.identity)
      return nullptr;
    remove_peer(same_key->second, now);  // the node has another address now
  }
  const bool compact = record.has_ability(protocol::ability::kCompact);
  const bool aes_256_gcm = record.has_ability(protocol::ability::kAes);
  const bool path_messages = record.has_ability(protocol::ability::kPath);
  if (peer) {
    peer->set_abilities(compact, aes_256_gcm, now);
    peer->set_path_messages(path_messages, now);
    if (peer->description().virtual_address6 != node.virtual_address6) {
      peer->set_virtual_address6(node.virtual_address6, now);
      publish_forwarding();
      publish_names();
    }
    obey_peer(*peer, now);
  } else {
    if (peers_.size() >= kMaxPeers) return nullptr;
    peer::PeerDescription description;
    description.name = node.name;
    description.virtual_address = node.virtual_address;
    description.allowed_ips = {
        net::Prefix::containing(node.virtual_address, node.virtual_address.is_v4() ? 32 : 128)};
    if (node.virtual_address6) {
      description.virtual_address6 = node.virtual_address6;
      description.allowed_ips.push_back(net::Prefix::containing(*node.virtual_address6, 128));
    }
    description.session_key = record.session_key;
    description.identity = record.identity;
    description.user = verdict.friend_user.empty() ? node.user : verdict.friend_user;
    description.compact = compact;
    description.aes_256_gcm = aes_256_gcm;
    description.path_messages = path_messages;
    peer = &add_peer(std::move(description), now);
    if (!is_restoring_) {
      publish_forwarding();
      publish_names();
    }
  }
  if (protocol::SignedRecord& kept = records_[peer->id()]; kept != node.signed_record) {
    kept = node.signed_record;
    keep_peers_soon(now);
  }
  refresh_subscription(*peer, now);
  if (const auto lookup = lookups_.find(node.virtual_address); lookup != lookups_.end()) {
    std::string ufrag = std::move(lookup->second.ufrag);
    lookups_.erase(lookup);
    // Packets may wait for an IPv6 address that this node does not have.
    if (state_.on_link6 && !node.virtual_address6) {
      actions_.emplace_back(dataplane::Command{
          dataplane::RefuseDestination{protocol::virtual_address6(*state_.on_link6, node.virtual_address)}});
    }
    peer->connect(now, std::move(ufrag));
    obey_peer(*peer, now);
  }
  return peer;
}

}  // namespace causeway::node
