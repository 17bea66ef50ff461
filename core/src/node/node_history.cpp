// What a node remembers of paths, and for how long (spec U3.5, U5).

#include <utility>

#include "node/node.hpp"

namespace causeway::node {
namespace {

/// News are on their way to the disk after this; figures change all the time, and some lost seconds of them
/// are no loss.
constexpr Duration kSaveAfter = 3s;
constexpr Duration kSaveEvery = 60s;

}  // namespace

void Node::restore_history(Now now) {
  peer_context_.keeps_check_list = options_.check_list.is_kept;
  if (!options_.check_list.is_kept) {
    if (!std::exchange(options_.history, {}).empty()) actions_.emplace_back(SaveHistory{});
    for (store::KnownPeer& known : options_.known_peers)
      known.paths.clear();
    return;
  }
  history_ = std::make_unique<history::PathHistory>(
      history::PathHistory::Limits{.forget_after = options_.check_list.history},
      std::exchange(options_.history, {}), now.wall);
  peer_context_.history = history_.get();
}

void Node::set_check_list(CheckListPolicy policy, Now now) {
  const CheckListPolicy before = std::exchange(options_.check_list, policy);
  if (before == policy) return;
  if (policy.is_kept == before.is_kept) {
    if (history_) history_->set_forget_after(policy.history, now.wall);
    return keep_history_soon(now);
  }
  peer_context_.history = nullptr;
  history_.reset();
  save_history_at_.reset();
  restore_history(now);
  if (!policy.is_kept) actions_.emplace_back(SaveHistory{});
  keep_peers_soon(now);
  on_ranking_changed(now);
}

void Node::set_hints(dataplane::PeerId id, std::vector<path::HintFor> hints, Now now) {
  peer::Peer* peer = peer_with(id);
  if (!peer) return;
  peer->set_hints(std::move(hints), now);
  obey_peer(*peer, now);
}

void Node::keep_history_soon(Now now) {
  if (save_history_at_ || !history_ || !history_->has_news()) return;
  save_history_at_ = now.steady + kSaveAfter;
  if (history_saved_) save_history_at_ = std::max(*save_history_at_, *history_saved_ + kSaveEvery);
}

void Node::save_history(Now now) {
  save_history_at_.reset();
  if (!history_) return;
  history_saved_ = now.steady;
  history_->forget_old(now.wall);
  actions_.emplace_back(SaveHistory{history_->snapshot()});
}

}  // namespace causeway::node
