// What a node hears from its NICs, its data loop and other nodes.

#include <algorithm>
#include <utility>

#include "base/overloaded.hpp"
#include "node/node.hpp"
#include "peer/ice_credentials.hpp"
#include "protocol/virtual_address6.hpp"
#include "stun/message.hpp"

namespace causeway::node {
namespace {

/// As long as a packet may wait for its destination.
constexpr Duration kLookupPatience = 15s;
/// Addresses asked for at the same time: a port scan of the prefix must not become a flood of questions.
constexpr std::size_t kMaxLookups = 256;

}  // namespace

void Node::on_bases_changed(peer::LocalBases bases, Now now) {
  bases_ = std::move(bases);
  candidates_.set_bases(bases_);
  rank_candidates();
  for (auto& [id, peer] : peers_) {
    peer->on_bases_changed(now);
    obey_peer(*peer, now);
  }
  run(now);
}

void Node::on_network_changed(Duration away, Now now) {
  if (link_) link_->on_network_changed(now);
  for (auto& [id, peer] : peers_) {
    peer->on_network_changed(away, now);
    obey_peer(*peer, now);
  }
  run(now);
}

void Node::on_candidate_found(const std::string& source, net::BaseId base, ice::CandidateType type,
                              const net::Endpoint& address, Now now) {
  if (candidates_.add(source, base, type, address)) rank_candidates();
  run(now);
}

void Node::on_candidate_lost(const std::string& source, net::BaseId base, const net::Endpoint& address,
                             Now now) {
  candidates_.remove(source, base, address);
  rank_candidates();
  run(now);
}

void Node::rank_candidates() {
  actions_.emplace_back(RankCandidates{candidates_.generation(), candidates_.unranked()});
}

void Node::on_candidates_ranked(std::uint64_t generation, const std::vector<std::uint32_t>& priorities,
                                Now now) {
  const auto before = candidates_.ranked();
  if (!candidates_.set_priorities(generation, priorities) || before == candidates_.ranked()) return;
  if (link_) link_->set_candidates(candidates_.ranked(), now);
  for (auto& [id, peer] : peers_) {
    peer->set_local_candidates(candidates_.ranked(), now);
    obey_peer(*peer, now);
  }
  for (const auto& [address, lookup] : lookups_) {
    if (link_) link_->connect(address, lookup.ufrag, candidates_.ranked(), now);
  }
  run(now);
}

void Node::on_paths_scored(dataplane::PeerId id, std::uint64_t round,
                           const plugin::Host::PairRanking& ranking, Now now) {
  if (peer::Peer* peer = peer_with(id)) {
    peer->on_scores(round, ranking, now);
    obey_peer(*peer, now);
  }
  run(now);
}

void Node::on_ranking_changed(Now now) {
  rank_candidates();
  for (auto& [id, peer] : peers_) {
    peer->rescore(now);
    obey_peer(*peer, now);
  }
  run(now);
}

void Node::on_data_event(dataplane::Event&& event, bool under_load, Now now) {
  const auto with_peer = [&](dataplane::PeerId id, auto&& handle) {
    if (peer::Peer* peer = peer_with(id)) {
      handle(*peer);
      obey_peer(*peer, now);
    }
  };
  std::visit(
      Overloaded{
          [&](dataplane::ControlDatagram& datagram) {
            if (datagram.datagram_class == dataplane::ControlDatagram::Class::stun) {
              on_stun(std::move(datagram), now);
            } else {
              on_handshake(datagram, under_load, now);
            }
          },
          [&](dataplane::PeerWanted& wanted) { request_connection(wanted.destination, now); },
          [&](dataplane::SessionWanted& wanted) {
            with_peer(wanted.peer, [&](peer::Peer& peer) { peer.on_session_wanted(now); });
          },
          [&](dataplane::KeypairConfirmed& confirmed) {
            with_peer(confirmed.peer,
                      [&](peer::Peer& peer) { peer.on_keypair_confirmed(confirmed.local_index, now); });
          },
          [&](dataplane::KeypairDropped& dropped) { indices_.release(dropped.local_index); },
          [&](dataplane::PeerMoved& moved) {
            with_peer(moved.peer, [&](peer::Peer& peer) { peer.on_moved(moved.base, moved.remote, now); });
          },
          [&](dataplane::PathFailed& failed) {
            with_peer(failed.peer, [&](peer::Peer& peer) { peer.on_path_failed(failed.path, now); });
          },
          [&](dataplane::SizeRefused& refused) {
            with_peer(refused.peer,
                      [&](peer::Peer& peer) { peer.on_size_refused(refused.base, refused.remote, now); });
          },
          [&](dataplane::PathMessageReceived& message) {
            with_peer(message.peer, [&](peer::Peer& peer) { peer.on_path_message(message, now); });
          },
      },
      event);
  run(now);
}

void Node::on_send_failed(net::BaseId base, const net::Endpoint& to, Now now) {
  for (auto& [id, peer] : peers_) {
    peer->on_path_failed({.base = base, .remote = to}, now);
    obey_peer(*peer, now);
  }
  run(now);
}

bool Node::request_connection(const net::IpAddress& destination, Now now) {
  // The server knows nodes by their IPv4 address.
  net::IpAddress address = destination;
  if (!destination.is_v4() && state_.on_link6)
    address = protocol::virtual_address4(*state_.on_link6, destination).value_or(destination);
  if (peer::Peer* peer = peer_at(address)) {
    const bool has_address = destination == address || peer->description().virtual_address6 == destination;
    if (peer->state() == peer::PeerState::blocked || !has_address) {
      actions_.emplace_back(dataplane::Command{dataplane::RefuseDestination{destination}});
      return false;
    }
    peer->on_session_wanted(now);
    obey_peer(*peer, now);
    run(now);
    return true;
  }
  const bool is_ours = state_.virtual_address == address;
  if (!link_ || !state_.on_link || !state_.on_link->contains(address) || is_ours) {
    actions_.emplace_back(dataplane::Command{dataplane::RefuseDestination{destination}});
    return false;
  }
  if (lookups_.contains(address)) return true;
  if (lookups_.size() >= kMaxLookups) return false;
  const Lookup& lookup = lookups_[address] = {peer::make_ufrag(random_), now.steady + kLookupPatience};
  link_->connect(address, lookup.ufrag, candidates_.ranked(), now);
  run(now);
  return true;
}

void Node::on_stun(dataplane::ControlDatagram&& datagram, Now now) {
  const auto header = stun::peek_header(datagram.bytes);
  if (!header) return;
  std::optional<dataplane::PeerId> owner;
  if (header->message_class == stun::MessageClass::request) {
    // RFC 8445 §7.2.2: USERNAME is receiver's ufrag ":" sender's.
    if (const auto username = stun::peek_username(datagram.bytes)) {
      const auto at = peer_by_ufrag_.find(std::string(username->substr(0, username->find(':'))));
      if (at != peer_by_ufrag_.end()) owner = at->second;
    }
  } else {
    owner = transactions_.find(header->transaction);
  }
  if (peer::Peer* peer = owner ? peer_with(*owner) : nullptr) {
    peer->on_stun(datagram.base, datagram.from, datagram.bytes, now);
    obey_peer(*peer, now);
    return;
  }
  if (header->message_class == stun::MessageClass::request) {
    ++counters_.stun_unclaimed;
    return;
  }
  actions_.emplace_back(OfferToSources{datagram.base, datagram.from, std::move(datagram.bytes)});
}

void Node::on_handshake(const dataplane::ControlDatagram& datagram, bool under_load, Now now) {
  auto verdict = inbox_.consume(datagram.bytes, datagram.from, under_load, now);
  std::visit(Overloaded{
                 [&](session::ReceivedInitiation& initiation) {
                   const auto at = peer_by_key_.find(initiation.remote);
                   peer::Peer* peer = at == peer_by_key_.end() ? nullptr : peer_with(at->second);
                   if (!peer) {
                     ++counters_.handshakes_unknown_peer;
                     return;
                   }
                   if (peer->state() == peer::PeerState::blocked) {
                     ++counters_.handshakes_blocked;
                     return;
                   }
                   peer->on_initiation(initiation, datagram.base, datagram.from, now);
                   obey_peer(*peer, now);
                 },
                 [&](session::ForHandshake& answer) {
                   for (auto& [id, peer] : peers_) {
                     if (!peer->owns_handshake_index(answer.receiver_index)) continue;
                     peer->on_handshake_answer(datagram.bytes, answer.is_cookie_reply, datagram.base,
                                               datagram.from, now);
                     obey_peer(*peer, now);
                     return;
                   }
                   ++counters_.handshakes_unknown_peer;
                 },
                 [&](session::CookieReply& reply) {
                   ++counters_.cookies_sent;
                   actions_.emplace_back(peer::SendDatagram{datagram.base, datagram.from,
                                                            std::move(reply.message), std::nullopt});
                 },
                 [&](session::HandshakeDrop& drop) {
                   switch (drop) {
                     case session::HandshakeDrop::malformed:
                       ++counters_.handshakes_malformed;
                       break;
                     case session::HandshakeDrop::bad_mac1:
                       ++counters_.handshakes_bad_mac1;
                       break;
                     case session::HandshakeDrop::bad_mac2:
                     case session::HandshakeDrop::not_authentic:
                       ++counters_.handshakes_not_authentic;
                       break;
                   }
                 },
             },
             verdict);
}

}  // namespace causeway::node
