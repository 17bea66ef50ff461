// What a node knows of others beyond its own life: with it, a node that was killed finds its peers again
// while every server is down.

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.hpp"
#include "link/candidate_conversion.hpp"
#include "node/node.hpp"

namespace causeway::node {
namespace {

/// A change is on its way to the disk after this; changes seldom come alone.
constexpr Duration kSaveAfter = 200ms;
/// Between two writes, and more in a large network, so that writing stays a small part of the work.
constexpr Duration kSaveEvery = 5s;
constexpr Duration kSaveEveryPerPeer = 5ms;
/// More peers than this are not called all at once after a start; the others connect with their first packet.
constexpr std::size_t kMaxRecalls = 256;

peer::PeerMemory memory_of(store::KnownPeer&& known) {
  peer::PeerMemory memory;
  memory.local_ufrag = std::move(known.local_ufrag);
  memory.past_local_ufrags = std::move(known.past_local_ufrags);
  memory.remote_ufrag = std::move(known.remote_ufrag);
  memory.past_remote_ufrags = std::move(known.past_remote_ufrags);
  memory.candidates = link::from_wire(known.candidates);
  for (const auto& path : known.paths)
    memory.paths.push_back({path.local, path.remote});
  return memory;
}

}  // namespace

/// The stored peers whose own signature still says what was stored of them.
std::vector<Node::StoredPeer> Node::verify_stored_peers(Now now) {
  std::vector<StoredPeer> believed;
  const auto token = protocol::JoinToken::parse(state_.enrolment->token);
  if (!token || !state_.virtual_address || !state_.on_link) return believed;
  std::size_t refused = 0;
  for (store::KnownPeer& known : std::exchange(options_.known_peers, {})) {
    // Expired or not, a record's serial counts: an older one must not come back.
    auto record = protocol::verify(known.record, token->network, WallTime::min());
    const bool is_other = record && record->identity != identity_;
    const bool is_newest = is_other && record->serial >= stored_serials_[record->identity];
    if (is_newest) stored_serials_[record->identity] = record->serial;
    const auto names_its_address = [&] {
      const auto& addresses = record->virtual_addresses;
      return std::find(addresses.begin(), addresses.end(), known.virtual_address) != addresses.end() &&
             state_.on_link->contains(known.virtual_address) &&
             link::announced_address6(*record, known.virtual_address, state_.on_link6).has_value();
    };
    if (is_newest && record->expires > now.wall && names_its_address()) {
      believed.push_back({std::move(known), std::move(*record)});
    } else {
      ++refused;
    }
  }
  if (refused > 0) log::info("node", "{} of the nodes known from before are not believed any more", refused);
  return believed;
}

void Node::restore_peers(std::vector<StoredPeer> stored, Now now) {
  std::vector<dataplane::PeerId> in_use;
  is_restoring_ = true;
  for (auto& [known, record] : stored) {
    if (!friends_.may_reach(known.user)) continue;
    const auto address6 = link::announced_address6(record, known.virtual_address, state_.on_link6);
    if (!address6) continue;
    peer::Peer* peer = admit(
        {known.virtual_address, record.name, false, record, {}, known.record, known.user, *address6}, now);
    if (!peer) continue;
    if (known.in_use && in_use.size() < kMaxRecalls) in_use.push_back(peer->id());
    peer->recall(memory_of(std::move(known)));
    index_ufrags(*peer);
  }
  is_restoring_ = false;
  if (stored.empty()) return;
  publish_forwarding();
  publish_names();
  for (const dataplane::PeerId id : in_use) {
    if (peer::Peer* peer = peer_with(id)) {
      peer->connect(now);
      obey_peer(*peer, now);
    }
  }
}

void Node::keep_peers_soon(Now now) {
  if (save_peers_at_) return;
  save_peers_at_ = now.steady + kSaveAfter;
  if (!peers_saved_) return;
  const auto count = static_cast<std::int64_t>(peers_.size());
  save_peers_at_ = std::max(*save_peers_at_, *peers_saved_ + kSaveEvery + kSaveEveryPerPeer * count);
}

void Node::save_peers(Now now) {
  save_peers_at_.reset();
  peers_saved_ = now.steady;
  actions_.emplace_back(SaveKnownPeers{known_peers()});
}

/// Those in use first: where room is short, the others go.
std::vector<store::KnownPeer> Node::known_peers() const {
  std::vector<store::KnownPeer> list;
  for (const auto& [id, peer] : peers_) {
    const auto record = records_.find(id);
    if (record == records_.end() || peer->state() == peer::PeerState::blocked) continue;
    peer::PeerMemory memory = peer->memory();
    store::KnownPeer known;
    known.virtual_address = peer->description().virtual_address;
    known.user = peer->description().user;
    known.record = record->second;
    // One that worked and is out of reach at the moment is wanted, too: an agent still looks for it.
    known.in_use = peer->agent() && (!memory.paths.empty() || peer->state() == peer::PeerState::connecting ||
                                     peer->state() == peer::PeerState::connected);
    known.local_ufrag = std::move(memory.local_ufrag);
    known.past_local_ufrags = std::move(memory.past_local_ufrags);
    known.remote_ufrag = std::move(memory.remote_ufrag);
    known.past_remote_ufrags = std::move(memory.past_remote_ufrags);
    known.candidates = link::to_wire(memory.candidates);
    for (const auto& path : memory.paths)
      known.paths.push_back({path.local, path.remote});
    list.push_back(std::move(known));
  }
  std::stable_partition(list.begin(), list.end(), [](const auto& known) { return known.in_use; });
  if (list.size() > store::kMaxKnownPeers) list.resize(store::kMaxKnownPeers);
  return list;
}

/// Nodes that left while nobody told us. One that is being reached is asked for by name, which tells for
/// sure.
void Node::remove_unlisted(const std::vector<net::IpAddress>& listed, Now now) {
  const std::set<net::IpAddress> known(listed.begin(), listed.end());
  std::vector<dataplane::PeerId> gone;
  for (const auto& [id, record] : records_) {
    const peer::Peer* peer = peer_with(id);
    if (peer && !peer->agent() && !known.contains(peer->description().virtual_address)) gone.push_back(id);
  }
  for (const dataplane::PeerId id : gone)
    remove_peer(id, now);
}

}  // namespace causeway::node
