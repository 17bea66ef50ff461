#include "replay/curves.hpp"

#include <algorithm>

#include "replay/trace_words.hpp"

namespace causeway::replay {

void Curve::add(SteadyTime at, double value) {
  if (!points_.empty()) {
    Point& last = points_.back();
    if (last.value == value) return;
    if (at - last.at < spacing_ || at <= last.at) {
      last.value = value;
      return;
    }
  }
  points_.push_back({at, value});
  if (points_.size() < kMostPoints) return;
  spacing_ = std::max(2 * spacing_,
                      (points_.back().at - points_.front().at) / static_cast<std::int64_t>(kMostPoints / 2));
  std::vector<Point> kept;
  for (const Point& point : points_) {
    if (kept.empty() || point.at - kept.back().at >= spacing_) {
      kept.push_back(point);
    } else {
      kept.back().value = point.value;
    }
  }
  points_ = std::move(kept);
}

void Curves::on_step(const Step& step, const std::vector<const Run*>& runs) {
  const auto [at, is_new] = by_name_.try_emplace(step.peer, peers_.size());
  if (is_new && peers_.size() >= kMostPeers) {
    by_name_.erase(at);
    ++left_out_;
    return;
  }
  if (is_new) {
    Peer& made = peers_.emplace_back();
    made.name = step.peer;
    made.chosen.resize(algorithms_.size());
    made.from = made.until = step.now.steady;
  }
  Peer& peer = peers_[at->second];
  const SteadyTime now = peer.until = std::max(peer.until, step.now.steady);
  auto& path_by_id = path_by_id_[step.peer];
  if (step.kind == StepKind::end) path_by_id.clear();
  if (lists_pairs(step.kind)) {
    path_by_id.clear();
    std::vector<double> costs(peer.costs.size(), kNone);
    const std::vector<Priced> prices = price(step);
    for (std::size_t i = 0; i < prices.size(); ++i) {
      const path::PathView& view = step.pairs[i].view;
      const std::string label = view.local.address.to_string() + " -> " + view.remote.address.to_string();
      auto path = static_cast<std::size_t>(std::find(peer.paths.begin(), peer.paths.end(), label) -
                                           peer.paths.begin());
      if (path == peer.paths.size()) {
        if (path >= kMostPaths) {
          ++left_out_;
          continue;
        }
        peer.paths.push_back(label);
        peer.costs.emplace_back();
        costs.push_back(kNone);
      }
      path_by_id[view.id] = path;
      if (prices[i].is_valid) costs[path] = prices[i].cost;
    }
    for (std::size_t i = 0; i < costs.size(); ++i)
      peer.costs[i].add(now, costs[i]);
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto selected = runs[i]->selected(step.peer);
    const auto path = selected ? path_by_id.find(*selected) : path_by_id.end();
    peer.chosen[i].add(now, path == path_by_id.end() ? kNone : static_cast<double>(path->second));
  }
}

}  // namespace causeway::replay
