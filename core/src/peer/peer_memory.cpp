// How a peer is found again without a server: what is kept of its generations, and what is done with it.

#include "peer/peer_memory.hpp"

#include <algorithm>
#include <utility>

#include "peer/ice_credentials.hpp"
#include "peer/peer.hpp"
#include "stun/message.hpp"

namespace causeway::peer {

void Peer::recall(PeerMemory memory) { memory_ = std::move(memory); }

PeerMemory Peer::memory() const {
  if (!agent_) {
    PeerMemory memory = memory_;
    if (!context_.keeps_check_list) memory.paths.clear();
    return memory;
  }
  PeerMemory memory;
  memory.local_ufrag = agent_->local_credentials().ufrag;
  memory.past_local_ufrags = former_ufrags();
  memory.remote_ufrag = agent_->remote_ufrag().value_or(memory_.remote_ufrag);
  memory.past_remote_ufrags = agent_->past_remote_ufrags(kMaxRememberedUfrags);
  memory.candidates = agent_->remote_candidates();
  std::stable_sort(memory.candidates.begin(), memory.candidates.end(),
                   [](const auto& a, const auto& b) { return a.priority > b.priority; });
  if (memory.candidates.size() > kMaxRememberedCandidates) memory.candidates.resize(kMaxRememberedCandidates);

  if (!context_.keeps_check_list) return memory;
  const auto add = [&](const PeerMemory::Path& path) {
    const auto& paths = memory.paths;
    if (paths.size() < kMaxRememberedPaths && std::find(paths.begin(), paths.end(), path) == paths.end())
      memory.paths.push_back(path);
  };
  const auto add_pair = [&](const ice::PairView& pair) {
    add({pair.local.base_address.address, pair.remote.address});
  };
  if (const auto selected = paths_.selected()) {
    if (const auto pair = agent_->pair(*selected)) add_pair(*pair);
  }
  for (const ice::PairView& pair : agent_->pairs()) {
    if (pair.is_valid) add_pair(pair);
  }
  for (const PeerMemory::Path& path : memory_.paths)
    add(path);
  return memory;
}

/// Ours before the agent's, newest last.
std::vector<std::string> Peer::former_ufrags() const {
  std::vector<std::string> ufrags = memory_.past_local_ufrags;
  if (!memory_.local_ufrag.empty()) ufrags.push_back(memory_.local_ufrag);
  if (ufrags.size() > kMaxFormerUfrags) ufrags.erase(ufrags.begin(), ufrags.end() - kMaxFormerUfrags);
  return ufrags;
}

std::vector<std::string> Peer::ufrags() const {
  std::vector<std::string> ufrags = former_ufrags();
  if (agent_) ufrags.push_back(agent_->local_credentials().ufrag);
  return ufrags;
}

void Peer::drop_agent(Now now) {
  if (agent_) tell({.kind = PathChoice::Kind::ended, .now = now});
  if (agent_) recorder_.finish(history_subject(), paths_, *agent_, traffic(), now);
  memory_ = memory();
  agent_.reset();
  paths_.clear();
  path_control_.clear();
}

void Peer::try_remembered_paths(Now now) {
  if (agent_ && is_recalling_) add_remembered_paths(now);
}

/// Pairs that carried data from an address that we have (again): they are checked before all others.
void Peer::add_remembered_paths(Now now) {
  for (const PeerMemory::Path& path : memory_.paths) {
    for (const auto& [id, base] : context_.bases) {
      if (base.address.address == path.local) agent_->add_remembered_pair(id, path.remote, now);
    }
  }
}

/// An authentic check that names an earlier generation of ours.
bool Peer::is_known_by_former_ufrag(ByteView message) const {
  const auto username = stun::peek_username(message);
  if (!username) return false;
  const std::string_view receiver = username->substr(0, username->find(':'));
  for (const std::string& ufrag : former_ufrags()) {
    if (ufrag != receiver) continue;
    const auto password = derive_password(shared_secret_, context_.keys.public_key, ufrag);
    return stun::parse_binding_request(message, password).has_value();
  }
  return false;
}

}  // namespace causeway::peer
