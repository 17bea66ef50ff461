// What a peer's earlier connections, and the address server, have to say of its paths (spec U3.5, V6).

#include <algorithm>
#include <tuple>
#include <utility>

#include "peer/peer.hpp"

namespace causeway::peer {
namespace {

bool is_of(const path::HintFor& opinion, const path::PathView& path) {
  if (opinion.local_type && *opinion.local_type != path.local.type) return false;
  if (opinion.remote_type && *opinion.remote_type != path.remote.type) return false;
  return opinion.remote.contains(path.remote.address.address) &&
         (opinion.local.contains(path.local.address.address) ||
          opinion.local.contains(path.local.base_address.address));
}

/// The most specific opinion.
std::optional<path::Hint> hint_for(const std::vector<path::HintFor>& hints, const path::PathView& path) {
  const path::HintFor* best = nullptr;
  const auto bits = [](const path::HintFor& opinion) { return opinion.local.length + opinion.remote.length; };
  for (const path::HintFor& opinion : hints) {
    if (is_of(opinion, path) && (!best || bits(opinion) > bits(*best))) best = &opinion;
  }
  return best ? std::optional{best->hint} : std::nullopt;
}

}  // namespace

void Peer::set_hints(std::vector<path::HintFor> hints, Now now) {
  if (hints.size() > path::kMostHints) hints.resize(path::kMostHints);
  if (hints == hints_) return;
  hints_ = std::move(hints);
  rescore(now);
}

bool Peer::is_remembered() const {
  return context_.history && description_.identity &&
         context_.history->peers().contains(*description_.identity);
}

std::vector<path::PathView> Peer::views(Now now) const {
  auto views = paths_.views(*agent_);
  for (path::PathView& view : views) {
    view.hint = hint_for(hints_, view);
    if (!is_remembered()) continue;
    if (const auto key = recorder_.key_of(view.local.base, view.remote.address.address))
      view.history = context_.history->find(*description_.identity, *key, now.wall);
  }
  return views;
}

PathRecorder::Subject Peer::history_subject() const {
  return {context_.history, description_.identity, description_.name};
}

PathRecorder::Traffic Peer::traffic() const {
  return {counters_->tx_bytes.load(std::memory_order_relaxed),
          counters_->rx_bytes.load(std::memory_order_relaxed)};
}

void Peer::observe_paths(Now now) {
  if (agent_) recorder_.observe(history_subject(), paths_, *agent_, traffic(), now);
}

/// Pairs whose like worked before are checked before all others, the best first. Ports do not matter: they
/// are those of the peer's newest candidates.
void Peer::try_what_was_good(Now now) {
  if (!agent_ || !is_remembered()) return;
  std::vector<std::tuple<double, net::BaseId, net::Endpoint>> good;
  for (const ice::Candidate& remote : agent_->remote_candidates()) {
    for (const auto& [id, base] : context_.bases) {
      if (base.address.address.family() != remote.address.address.family()) continue;
      const auto key = recorder_.key_of(id, remote.address.address);
      const auto cost =
          key ? context_.history->expected_cost(*description_.identity, *key, now.wall) : std::nullopt;
      if (cost) good.emplace_back(*cost, id, remote.address);
    }
  }
  std::sort(good.begin(), good.end());
  if (good.size() > kMaxRememberedPaths) good.resize(kMaxRememberedPaths);
  for (const auto& [cost, base, remote] : good)
    agent_->add_remembered_pair(base, remote, now);
}

}  // namespace causeway::peer
