#include "memory.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace priority_history {
namespace {

using Json = nlohmann::json;

/// As many probes as the host's loss is of.
constexpr double kWindow = 32;
constexpr std::size_t kMostPairs = 256;
constexpr std::size_t kMostNameBytes = 256;
constexpr double kMostCount = 1e12;
/// The host probes a path in doubt thirty times a second. A bad moment must not count thirty times for that.
constexpr double kMostProbesPerSecond = 3;

double share_kept(double seconds, double memory_s) { return std::exp(-seconds / memory_s); }

void move_to(double& smoothed, std::optional<double> value, double kept) {
  if (!value) return;
  smoothed = smoothed < 0 ? *value : kept * smoothed + (1 - kept) * *value;
}

}  // namespace

void Memory::begin(std::string_view peer, std::int64_t now_ns) {
  auto at = peers_.find(peer);
  if (at == peers_.end()) {
    if (peers_.size() >= kMostPeers) {
      peers_.erase(std::min_element(peers_.begin(), peers_.end(), [](const auto& a, const auto& b) {
        return a.second.at_ns < b.second.at_ns;
      }));
    }
    at = peers_.emplace(std::string(peer), Peer{}).first;
  }
  peer_ = &at->second;
  peer_->at_ns = now_ns;
  told_.clear();
}

void Memory::recall(std::uint32_t id, Evidence& evidence, const Parameters& parameters) {
  Evidence::Live& live = evidence.live;
  const bool has_past = evidence.past && evidence.past->loss && !evidence.past->is_near;
  const double samples = has_past ? evidence.past->samples : 0;
  const double losses = has_past ? samples * *evidence.past->loss : 0;
  const auto known = peer_->pairs.find(id);
  Pair pair;
  const bool is_new =
      known == peer_->pairs.end() || known->second.at_ns > peer_->at_ns || known->second.probes > live.probes;
  if (is_new) {
    pair.counted_ns = peer_->at_ns;
    pair.recent_probes = std::min(live.probes, kWindow);
    pair.recent_losses = pair.recent_probes * live.loss.value_or(0);
    if (live.rtt_ms) pair.rtt_ms = *live.rtt_ms;
    if (const auto jitter = settled_jitter(live)) pair.jitter_ms = *jitter;
  } else {
    pair = known->second;
    const double seconds = static_cast<double>(peer_->at_ns - pair.at_ns) / 1e9;
    if (seconds > 0) {
      const double kept = share_kept(seconds, parameters.memory_s);
      pair.recent_probes *= kept;
      pair.recent_losses *= kept;
      double more = live.probes - pair.probes;
      double lost = more * live.loss.value_or(0);
      if (has_past && pair.samples > 0) {
        // The store counts each outcome once.
        more = std::max(0.0, samples - pair.samples);
        lost = std::clamp(losses - pair.losses, 0.0, more);
      }
      if (more > 0) {
        const double since = static_cast<double>(peer_->at_ns - pair.counted_ns) / 1e9;
        const double counted = std::min(more, kMostProbesPerSecond * since);
        pair.recent_probes += counted;
        pair.recent_losses += lost * counted / more;
        pair.counted_ns = peer_->at_ns;
      }
      move_to(pair.rtt_ms, live.rtt_ms, share_kept(seconds, parameters.rtt_memory_s));
      move_to(pair.jitter_ms, settled_jitter(live), kept);
    }
  }
  pair.at_ns = peer_->at_ns;
  pair.probes = live.probes;
  pair.samples = samples;
  pair.losses = losses;
  evidence.recent.probes = pair.recent_probes;
  if (pair.recent_probes > 0) evidence.recent.loss = std::min(1.0, pair.recent_losses / pair.recent_probes);
  // A figure that is not told any more is not believed any more.
  if (live.rtt_ms && pair.rtt_ms >= 0) evidence.recent.rtt_ms = pair.rtt_ms;
  if (live.jitter_ms && pair.jitter_ms >= 0) evidence.recent.jitter_ms = pair.jitter_ms;
  if (told_.size() < kMostPairs) told_[id] = pair;
}

void Memory::end() { peer_->pairs = std::exchange(told_, {}); }

std::string Memory::to_text() const {
  Json peers = Json::array();
  for (const auto& [name, peer] : peers_) {
    Json pairs = Json::array();
    for (const auto& [id, p] : peer.pairs) {
      pairs.push_back({id, p.at_ns, p.counted_ns, p.probes, p.samples, p.losses, p.recent_probes,
                       p.recent_losses, p.rtt_ms, p.jitter_ms});
    }
    peers.push_back({name, peer.at_ns, std::move(pairs)});
  }
  return peers.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Memory> Memory::from_text(std::string_view text) {
  const Json peers = Json::parse(text, nullptr, false);
  if (!peers.is_array() || peers.size() > kMostPeers) return std::nullopt;
  Memory memory;
  for (const Json& peer : peers) {
    const bool is_peer = peer.is_array() && peer.size() == 3 && peer[0].is_string() &&
                         peer[1].is_number_integer() && peer[2].is_array() && peer[2].size() <= kMostPairs;
    if (!is_peer || peer[0].get_ref<const std::string&>().size() > kMostNameBytes) return std::nullopt;
    Peer& made = memory.peers_[peer[0].get<std::string>()];
    made.at_ns = peer[1].get<std::int64_t>();
    for (const Json& pair : peer[2]) {
      const bool is_pair = pair.is_array() && pair.size() == 10 && pair[0].is_number_unsigned() &&
                           pair[0].get<std::uint64_t>() <= UINT32_MAX && pair[1].is_number_integer() &&
                           pair[2].is_number_integer();
      if (!is_pair) return std::nullopt;
      double figures[7];
      for (std::size_t i = 0; i < 7; ++i) {
        if (!pair[3 + i].is_number()) return std::nullopt;
        figures[i] = pair[3 + i].get<double>();
        const double least = i < 5 ? 0 : -1;
        if (!(figures[i] >= least && figures[i] <= kMostCount)) return std::nullopt;
      }
      made.pairs[pair[0].get<std::uint32_t>()] = {.at_ns = pair[1].get<std::int64_t>(),
                                                  .counted_ns = pair[2].get<std::int64_t>(),
                                                  .probes = figures[0],
                                                  .samples = figures[1],
                                                  .losses = figures[2],
                                                  .recent_probes = figures[3],
                                                  .recent_losses = figures[4],
                                                  .rtt_ms = figures[5],
                                                  .jitter_ms = figures[6]};
    }
  }
  return memory;
}

}  // namespace priority_history
