#include "plugin/stack.hpp"

#include <algorithm>
#include <numeric>

namespace causeway::plugin {

namespace {

std::string reason_of(std::span<const LayerAnswer> layers, std::size_t path) {
  if (layers.size() == 1) return layers.front().scores[path].reason;
  std::string text;
  for (const LayerAnswer& layer : layers) {
    if (layer.scores[path].reason.empty()) continue;
    text += (text.empty() ? "" : "; ") + layer.name + ": " + layer.scores[path].reason;
  }
  return text;
}

}  // namespace

std::vector<path::Score> combine(std::span<const LayerAnswer> layers, std::span<const path::PathView> paths) {
  // 8 layers x 10^6 weight x 10^6 score stays far below 2^63.
  std::vector<std::int64_t> sums(paths.size(), 0);
  std::int64_t weight = 0;
  for (const LayerAnswer& layer : layers) {
    weight += layer.weight_per_mille;
    for (std::size_t i = 0; i < paths.size(); ++i)
      sums[i] += layer.scores[i].score * layer.weight_per_mille;
  }
  std::vector<path::Score> result(paths.size());
  bool all_vetoed = true;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const bool vetoed = std::any_of(layers.begin(), layers.end(),
                                    [&](const LayerAnswer& layer) { return layer.scores[i].is_vetoed; });
    all_vetoed = all_vetoed && vetoed;
    result[i] = {paths[i].id, sums[i] / weight, vetoed, reason_of(layers, i)};
    for (const LayerAnswer& layer : layers) {
      const LayerScore& said = layer.scores[i];
      result[i].layers.push_back(
          {layer.name, layer.weight_per_mille, said.score, said.is_vetoed, said.reason});
    }
  }
  if (all_vetoed) {
    for (path::Score& score : result)
      score.vetoed = false;
  }
  if (layers.size() == 1) return result;

  // Rule 3: walk from the worst to the best and lift whoever the exact order puts higher at an equal mean.
  const auto is_worse = [&](std::size_t a, std::size_t b) {
    if (sums[a] != sums[b]) return sums[a] < sums[b];
    for (const LayerAnswer& layer : layers) {
      if (layer.scores[a].score != layer.scores[b].score)
        return layer.scores[a].score < layer.scores[b].score;
    }
    return false;
  };
  std::vector<std::size_t> order(paths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), is_worse);
  for (std::size_t i = 1; i < order.size(); ++i) {
    const std::int64_t below = result[order[i - 1]].score;
    const std::int64_t least = is_worse(order[i - 1], order[i]) ? below + 1 : below;
    result[order[i]].score = std::max(result[order[i]].score, least);
  }
  return result;
}

}  // namespace causeway::plugin
