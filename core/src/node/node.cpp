#include "node/node.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/x25519.hpp"
#include "peer/ice_credentials.hpp"
#include "stun/message.hpp"

namespace causeway::node {
namespace {

/// As long as a packet may wait for its destination.
constexpr Duration kLookupPatience = 15s;
/// Addresses asked for at the same time: a port scan of the prefix must not become a flood of questions.
constexpr std::size_t kMaxLookups = 256;
/// What stock WireGuard leaves of 1,500 over IPv6; wg-quick's default.
constexpr std::uint16_t kWireguardMtu = 1420;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

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
      indices_(random),
      inbox_(session_keys_, random),
      peer_context_{session_keys_, identity_, timestamps_, indices_, random, bases_, options_.ice},
      friends_(options_.friends) {}

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

const peer::Peer* Node::find_peer(std::string_view name_or_address) const {
  const auto address = net::IpAddress::parse(name_or_address);
  const peer::Peer* blocked = nullptr;
  for (const auto& [id, peer] : peers_) {
    const auto& description = peer->description();
    if (address ? description.virtual_address != *address : description.name != name_or_address) continue;
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
  if (options_.static_address && options_.static_prefix) {
    actions_.emplace_back(ConfigureInterface{*options_.static_address, *options_.static_prefix});
  } else if (state_.virtual_address && state_.on_link && state_.enrolment && !state_.enrolment->left) {
    // The address is ours until we leave: applications can bind to it before the server answers.
    actions_.emplace_back(ConfigureInterface{*state_.virtual_address, *state_.on_link});
  }
  publish_stun_servers();
  for (const peer::PeerDescription& description : options_.static_peers) {
    add_peer(description, now);
    for (const net::Prefix& prefix : description.allowed_ips) {
      actions_.emplace_back(AddRoute{prefix, kWireguardMtu});
    }
  }
  publish_forwarding();
  if (state_.enrolment && !state_.enrolment->left) make_link(now);
  run(now);
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
                                   .record_serial = state_.record_serial},
      random_);
  link_->set_candidates(candidates_.ranked(), now);
  link_->start(now);
}

void Node::leave(Now now) {
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
  run(now);
}

// ---- world ----

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

bool Node::request_connection(const net::IpAddress& address, Now now) {
  if (peer::Peer* peer = peer_at(address)) {
    if (peer->state() == peer::PeerState::blocked) {
      actions_.emplace_back(dataplane::Command{dataplane::RefuseDestination{address}});
      return false;
    }
    peer->on_session_wanted(now);
    obey_peer(*peer, now);
    run(now);
    return true;
  }
  const bool is_ours = state_.virtual_address == address;
  if (!link_ || !state_.on_link || !state_.on_link->contains(address) || is_ours) {
    actions_.emplace_back(dataplane::Command{dataplane::RefuseDestination{address}});
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

// ---- server ----

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
                   [&](link::Registered& registered) { on_registered(registered); },
                   [&](link::PeerDescribed& described) {
                     if (peer::Peer* peer = admit(described.node, now)) {
                       peer->add_remote_candidates(described.node.candidates, now);
                       obey_peer(*peer, now);
                     }
                   },
                   [&](link::PeerOffered& offered) {
                     if (peer::Peer* peer = admit(offered.node, now)) {
                       peer->on_offer(offered.ufrag, offered.node.candidates, now);
                       obey_peer(*peer, now);
                     }
                   },
                   [&](link::PeerGone& gone) {
                     // Offline is the server's view; a tunnel that works needs no server (spec V9).
                     peer::Peer* peer = peer_at(gone.virtual_address);
                     if (gone.for_good && peer) remove_peer(peer->id(), now);
                   },
                   [&](link::PeerUnreachable& unreachable) {
                     log::info("node", "{} is not reachable: {}", unreachable.virtual_address.to_string(),
                               unreachable.reason);
                     forget_lookup(unreachable.virtual_address);
                     link_->disconnect(unreachable.virtual_address);
                     peer::Peer* peer = peer_at(unreachable.virtual_address);
                     if (!peer || !peer->data_path()) {
                       actions_.emplace_back(
                           dataplane::Command{dataplane::RefuseDestination{unreachable.virtual_address}});
                     }
                   },
                   [&](link::FriendsTold& told) { on_friends_told(told, now); },
                   [&](link::FriendChangeAnswered& answer) { on_friend_change_answered(answer, now); },
                   [&](link::Deregistered&) {
                     remove_all_peers(now);
                     state_.virtual_address.reset();
                     state_.on_link.reset();
                     if (state_.enrolment) state_.enrolment->left = true;
                     save_state();
                     publish_forwarding();
                     publish_names();
                     actions_.emplace_back(ClearInterface{});
                     actions_.emplace_back(Left{});
                   },
               },
               *action);
  }
}

void Node::on_link_state(const link::LinkStateChanged& changed) {
  link_reason_ = changed.reason;
  peer_context_.server_is_online = changed.state == link::LinkState::online;
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
                       state_.on_link != registered.on_link || state_.name != registered.name ||
                       (state_.enrolment && !state_.enrolment->enrolled);
  state_.virtual_address = registered.virtual_address;
  state_.on_link = registered.on_link;
  state_.name = registered.name;
  if (state_.enrolment && !state_.enrolment->enrolled) {
    // The identity is bound: the secret has done its work, and a stolen state directory should not hold it.
    if (enrolment_) state_.enrolment->token = enrolment_->without_secret().format();
    state_.enrolment->enrolled = true;
  }
  if (is_news) save_state();
  actions_.emplace_back(ConfigureInterface{registered.virtual_address, registered.on_link});
  publish_forwarding();
  publish_names();
  server_stun_servers_ = registered.stun_servers;
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
  if (!peer) {
    if (peers_.size() >= kMaxPeers) return nullptr;
    peer::PeerDescription description;
    description.name = node.name;
    description.virtual_address = node.virtual_address;
    description.allowed_ips = {
        net::Prefix::containing(node.virtual_address, node.virtual_address.is_v4() ? 32 : 128)};
    description.session_key = record.session_key;
    description.identity = record.identity;
    description.user = verdict.friend_user.empty() ? node.user : verdict.friend_user;
    peer = &add_peer(std::move(description), now);
    publish_forwarding();
    publish_names();
  }
  if (const auto lookup = lookups_.find(node.virtual_address); lookup != lookups_.end()) {
    std::string ufrag = std::move(lookup->second.ufrag);
    lookups_.erase(lookup);
    peer->connect(now, std::move(ufrag));
    obey_peer(*peer, now);
  }
  return peer;
}

// ---- peers ----

peer::Peer& Node::add_peer(peer::PeerDescription description, Now now) {
  const dataplane::PeerId id{next_peer_++};
  auto made = std::make_unique<peer::Peer>(id, std::move(description), peer_context_);
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
  std::erase_if(peer_by_ufrag_, [&](const auto& item) { return item.second == id; });
  actions_.emplace_back(dataplane::Command{dataplane::RemovePeer{id}});
  peers_.erase(id);
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

void Node::forget_lookup(const net::IpAddress& address) { lookups_.erase(address); }

void Node::obey_peer(peer::Peer& peer, Now now) {
  while (auto action = peer.poll_action()) {
    std::visit(
        Overloaded{
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
              std::erase_if(peer_by_ufrag_, [&](const auto& item) { return item.second == peer.id(); });
              peer_by_ufrag_[offer.ufrag] = peer.id();
              if (link_) {
                link_->connect(peer.description().virtual_address, offer.ufrag, candidates_.ranked(), now);
              }
            },
            [&](peer::WithdrawOffer&) {
              std::erase_if(peer_by_ufrag_, [&](const auto& item) { return item.second == peer.id(); });
              if (link_) link_->disconnect(peer.description().virtual_address);
            },
            [&](peer::ScorePaths& score) {
              actions_.emplace_back(
                  ScorePeerPaths{peer.id(), peer.description().name, score.round, std::move(score.paths)});
            },
            [&](peer::PeerStateChanged& changed) {
              log::info("peer", "{} ({}) is {}{}{}", peer.description().name,
                        peer.description().virtual_address.to_string(), peer::to_string(changed.state),
                        changed.reason.empty() ? "" : ": ", changed.reason);
            },
        },
        *action);
  }
}

void Node::publish_forwarding() {
  auto table = std::make_shared<dataplane::ForwardingSnapshot>();
  if (options_.static_address) table->local_addresses.push_back(*options_.static_address);
  if (state_.virtual_address) table->local_addresses.push_back(*state_.virtual_address);
  if (state_.on_link) table->on_link.push_back(*state_.on_link);
  for (const auto& [id, peer] : peers_) {
    if (peer->state() == peer::PeerState::blocked) continue;
    for (const net::Prefix& prefix : peer->description().allowed_ips)
      table->entries.push_back({prefix, id});
  }
  actions_.emplace_back(dataplane::Command{dataplane::SetForwarding{std::move(table)}});
}

void Node::publish_names() {
  PublishNames publish;
  if (state_.virtual_address && !state_.name.empty())
    publish.names.emplace_back(state_.name, *state_.virtual_address);
  for (const auto& [id, peer] : peers_) {
    const auto& description = peer->description();
    if (!description.name.empty() && description.kind == session::PeerKind::causeway &&
        peer->state() != peer::PeerState::blocked) {
      publish.names.emplace_back(description.name, description.virtual_address);
    }
  }
  actions_.emplace_back(std::move(publish));
}

void Node::publish_stun_servers() {
  std::vector<net::Endpoint> servers = options_.extra_stun_servers;
  for (const net::Endpoint& server : server_stun_servers_) {
    if (std::find(servers.begin(), servers.end(), server) == servers.end()) servers.push_back(server);
  }
  actions_.emplace_back(UpdateSources{std::move(servers)});
}

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
