#include "dataplane/forwarder.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace causeway::dataplane {
namespace {

constexpr std::uint32_t key_of(PeerId id) { return static_cast<std::uint32_t>(id); }
constexpr std::uint32_t key_of(net::BaseId id) { return static_cast<std::uint32_t>(id); }

}  // namespace

Forwarder::Forwarder(tun::TunDevice& tun, EventSink& events, DropCounters& drops)
    : Forwarder(tun, events, drops, Options{}) {}

Forwarder::Forwarder(tun::TunDevice& tun, EventSink& events, DropCounters& drops, const Options& options,
                     Handover* handover)
    : tun_(tun),
      events_(events),
      drops_(drops),
      handover_(handover),
      writer_(tun, drops),
      coalescer_(writer_, writer_.offloads()),
      stage_budget_{.most_bytes = options.most_staged_bytes},
      unresolved_(options.most_unresolved, stage_budget_),
      read_buffer_(kReadHeadroom + tun::kMaxFrameBytes),
      icmp_buffer_(packet::kMostIcmpBytes) {}

Forwarder::~Forwarder() = default;

void Forwarder::apply(Command&& command, Now now) {
  std::visit([&](auto&& alternative) { handle(std::move(alternative), now); }, std::move(command));
  flush_run(now);
}

// ---- bases, peers, paths ----

void Forwarder::handle(AddBase&& command, Now now) {
  const net::BaseId base = command.base;
  carriers_.insert(key_of(base), std::move(command.carrier));
  peers_.for_each([&](std::uint32_t, std::unique_ptr<Peer>& peer) {
    if (peer->path && peer->path->base == base) drain_stage(*peer, now);
  });
}

void Forwarder::handle(RemoveBase&& command, Now) { carriers_.erase(key_of(command.base)); }

void Forwarder::handle(AddPeer&& command, Now now) {
  if (Peer* there = find_peer(command.peer)) {
    there->kind = command.kind;
    there->counters = std::move(command.counters);
    return;
  }
  peers_.insert(key_of(command.peer), std::make_unique<Peer>(command, stage_budget_));
  adopt_unresolved(now);
}

void Forwarder::handle(RemovePeer&& command, Now now) {
  Peer* peer = find_peer(command.peer);
  if (!peer) return;
  forget_keypairs(*peer);
  say_again(now);
  drops_.add(DropReason::no_path, peer->stage.clear());
  peers_.erase(key_of(command.peer));
}

void Forwarder::handle(SetForwarding&& command, Now now) {
  coalescer_.flush();  // a frame is joined on the word of the table that it began under
  table_ = command.table ? ForwardingTable(*command.table) : ForwardingTable();
  peers_.for_each([&](std::uint32_t, std::unique_ptr<Peer>& peer) { check_implied(*peer); });
  adopt_unresolved(now);
}

void Forwarder::handle(SetPath&& command, Now now) {
  Peer* peer = find_peer(command.peer);
  if (!peer || (peer->path == command.path && peer->also == command.also && peer->path.has_value())) return;
  peer->path = std::move(command.path);
  peer->also = std::move(command.also);
  peer->known_place.reset();
  peer->path_failed_at.reset();
  peer->size_refused_at.reset();
  if (!peer->path) return;
  peer->known_place.emplace(peer->path->base, peer->path->remote);
  set_mtu(*peer, peer->also ? std::min(peer->path->mtu, peer->also->mtu) : peer->path->mtu);
  drain_stage(*peer, now);
}

void Forwarder::handle(SendPathMessage&& command, Now now) {
  Peer* peer = find_peer(command.peer);
  const auto* carrier = carriers_.find(key_of(command.base));
  session::Keypair* keypair = peer && carrier ? peer->keys.sender(now.steady) : nullptr;
  const std::size_t sealed = session::Keypair::compact_bytes(command.plaintext.size());
  if (!keypair || !keypair->sends_compact() || sealed > SendRun::kMostBytes) {
    return drops_.add(DropReason::no_path);
  }
  flush_run(now);
  const MutableByteView room = run_.room(sealed);
  keypair->seal_compact(command.plaintext, room);
  // A size that the kernel refuses is no news here: whoever sent it waits for an answer.
  const SendOutcome outcome = (*carrier)->send(command.remote, {room, static_cast<std::uint16_t>(sealed)});
  if (outcome.status != SendStatus::sent) return;
  run_index_ = keypair->local_index();
  account_sent(*peer, 1, sealed, now);
}

void Forwarder::handle(SendPeerKeepalive&& command, Now now) {
  Peer* peer = find_peer(command.peer);
  session::Keypair* keypair = peer ? sender_of(*peer, now) : nullptr;
  if (keypair && keypair->sends_compact()) {
    seal_compact(*peer, *keypair, {}, 0, now);
  } else if (keypair) {
    seal_stock(*peer, *keypair, {}, 0, now);
  } else {
    drops_.add(DropReason::no_path);
  }
}

// ---- keypairs ----

void Forwarder::handle(InstallPeerKeypair&& command, Now now) {
  const std::uint32_t index = command.material.local_index;
  Peer* peer = find_peer(command.peer);
  if (!peer) {
    say(KeypairDropped{command.peer, index}, now);
    return;
  }
  std::optional<std::uint32_t> second;
  const auto first = peer->keys.install(command.material, &second);
  indices_.insert(index_key(index), peer);
  coalescer_.flush();
  peer->implied = {};
  for (const auto& pair : {command.v4, command.v6}) {
    if (pair) peer->implied.set(pair->local, pair->remote);
  }
  check_implied(*peer);
  for (const auto& dropped : {first, second}) {
    if (dropped) forget_keypair(*peer, *dropped);
  }
  say_again(now);
  drain_stage(*peer, now);
}

void Forwarder::handle(ErasePeerKeypairs&& command, Now now) {
  if (Peer* peer = find_peer(command.peer)) forget_keypairs(*peer);
  say_again(now);
}

void Forwarder::forget_keypair(Peer& peer, std::uint32_t local_index) {
  indices_.erase(index_key(local_index));
  unsaid_.push_back(KeypairDropped{peer.id, local_index});
}

void Forwarder::forget_keypairs(Peer& peer) {
  peer.keys.for_each_index([&](std::uint32_t index) { forget_keypair(peer, index); });
  peer.keys.erase_all();
}

/// The ingress rule for packets without addresses, asked once and not for each packet.
void Forwarder::check_implied(Peer& peer) {
  const auto is_allowed = [&](const auto& pair) {
    return pair.is_set && table_.find(pair.remote) == peer.id && table_.is_local(pair.local);
  };
  peer.implied_v4_is_allowed = is_allowed(peer.implied.v4());
  peer.implied_v6_is_allowed = is_allowed(peer.implied.v6());
}

// ---- waiting packets ----

/// A destination that somebody has from here on: what waits for it moves to that peer's stage, or loop.
void Forwarder::adopt_unresolved(Now now) {
  unresolved_.remove_if([&](Unresolved::Destination& destination) {
    Peer* peer = find_peer(table_.find(destination.address));
    if (!peer) return give_away_stage(destination, now);
    drops_.add(DropReason::stage_full, peer->stage.append(destination.stage));
    drain_stage(*peer, now);
    if (!peer->stage.empty()) want_session(*peer, now);
    return true;
  });
}

void Forwarder::handle(RefuseDestination&& command, Now now) {
  const auto address = packet::AddressKey::of(command.destination);
  const auto refuse = [&](MutableByteView bytes) {
    const auto view = packet::IpView::parse(bytes);
    if (!view || view->destination != address) return false;
    tell_unreachable(*view, now);
    return true;
  };
  // An unknown destination stays listed, so that the control thread is not asked again at once.
  if (auto* destination = unresolved_.find(address)) {
    drops_.add(DropReason::no_such_peer, destination->stage.drop_if(refuse));
  }
  if (Peer* peer = find_peer(table_.find(address))) {
    drops_.add(DropReason::no_path, peer->stage.drop_if(refuse));
  }
}

void Forwarder::on_timeout(Now now) {
  say_again(now);
  if (give_away_again_at_ && *give_away_again_at_ <= now.steady) {
    give_away_again_at_.reset();
    adopt_unresolved(now);
  }
  if (!next_expiry_ || *next_expiry_ > now.steady) return;
  std::size_t expired = unresolved_.expire(now.steady);
  next_expiry_ = unresolved_.deadline();
  peers_.for_each([&](std::uint32_t, std::unique_ptr<Peer>& peer) {
    expired += peer->stage.expire(now.steady);
    if (!peer->stage.empty()) {
      next_expiry_ = std::min(next_expiry_.value_or(SteadyTime::max()), peer->stage.deadline());
    }
  });
  drops_.add(DropReason::stage_expired, expired);
}

std::optional<SteadyTime> Forwarder::next_timeout() const {
  std::optional<SteadyTime> next = next_expiry_;
  for (const auto& other : {say_again_at_, give_away_again_at_}) {
    if (other && (!next || *other < *next)) next = other;
  }
  return next;
}

// ---- look-ups ----

Peer* Forwarder::find_peer(PeerId id) {
  const auto* peer = peers_.find(key_of(id));
  return peer ? peer->get() : nullptr;
}

Carrier* Forwarder::carrier_of(const Peer& peer) {
  if (!peer.path) return nullptr;
  const auto* carrier = carriers_.find(key_of(peer.path->base));
  return carrier ? carrier->get() : nullptr;
}

/// The keypair to seal with, if the result can also be sent.
session::Keypair* Forwarder::sender_of(Peer& peer, Now now) {
  return carrier_of(peer) ? peer.keys.sender(now.steady) : nullptr;
}

void Forwarder::set_mtu(Peer& peer, std::uint16_t mtu) {
  peer.mtu = mtu;
  peer.inner_limit = inner_limit(mtu, peer.path->remote);
  peer.compact_limit = compact_limit(mtu, peer.path->remote);
}

// ---- events ----

bool Forwarder::offer(Event&& event) {
  if (events_.push(std::move(event))) return true;
  ++events_refused_;
  return false;
}

/// For what must be heard, and in order: kept until there is room.
void Forwarder::say(Event&& event, Now now) {
  unsaid_.push_back(std::move(event));
  say_again(now);
}

void Forwarder::say_again(Now now) {
  while (!unsaid_.empty()) {
    if (!offer(std::move(unsaid_.front()))) {
      say_again_at_ = now.steady + kEventRetry;
      return;
    }
    unsaid_.pop_front();
  }
  say_again_at_.reset();
}

void Forwarder::want_session(Peer& peer, Now now) {
  if (peer.session_wanted_at && now.steady - *peer.session_wanted_at < kSayAgain) return;
  if (offer(SessionWanted{peer.id})) peer.session_wanted_at = now.steady;
}

}  // namespace causeway::dataplane
