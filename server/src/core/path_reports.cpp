#include "server/src/core/path_reports.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "protocol/name.hpp"

namespace causeway::server {
namespace {

constexpr double kHalfwayMs = 100;  // a path of this cost is half as good as one that costs nothing
constexpr double kLostMs = 2000;
// Opinions move in steps, so that nodes do not score anew for nothing.
constexpr double kScoreStep = 10'000;
constexpr double kConfidenceStep = 50;

/// Of an even number: between the two in the middle. Not empty.
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::uint32_t rounded(double value, double step, double most) {
  return static_cast<std::uint32_t>(std::clamp(std::round(value / step) * step, 0.0, most));
}

}  // namespace

std::optional<double> score_of(const protocol::PathReport& path) {
  double cost = 0;
  if (path.state == protocol::PathState::lost) {
    cost = kLostMs;
  } else if (!path.rtt_us) {
    return std::nullopt;
  } else {
    cost = *path.rtt_us / 1000.0 + 4 * path.jitter_us.value_or(0) / 1000.0 + 2.0 * path.loss_permille;
  }
  return protocol::kMaxHintScore * kHalfwayMs / (kHalfwayMs + cost);
}

PathReports::Reporter& PathReports::reporter(const Identity& node, SteadyTime now) {
  return reporters_.try_emplace(node, Reporter{{}, TokenBucket(kReportsPerSecond, kReportBurst, now), {}})
      .first->second;
}

std::uint32_t PathReports::wait_before_report_ms(const Identity& node, SteadyTime now) {
  TokenBucket& allowance = reporter(node, now).allowance;
  return allowance.take(now) ? 0 : allowance.wait_ms();
}

PathReports::Paths::iterator PathReports::erase(const Identity& node, Reporter& reporter,
                                                Paths::iterator path) {
  if (path->second.path_class) {
    const auto found = classes_.find(*path->second.path_class);
    auto& keys = found->second.at(node);
    keys.erase(path->first);
    if (keys.empty()) found->second.erase(node);
    if (found->second.empty()) classes_.erase(found);
  }
  --paths_;
  return reporter.paths.erase(path);
}

/// Who has his share gives up his own oldest; when all is full nobody new is heard until something expires.
bool PathReports::make_room(const Identity& node, Reporter& reporter) {
  auto& paths = reporter.paths;
  const bool has_share = paths.size() >= kMaxPathsOfNode;
  if (!has_share && paths_ < kMaxPaths) return true;
  ++dropped_;
  if (paths.empty()) return false;
  erase(node, reporter, std::min_element(paths.begin(), paths.end(), [](const auto& a, const auto& b) {
          return a.second.reported < b.second.reported;
        }));
  return true;
}

bool PathReports::has_room(const std::map<Identity, std::set<Key>>& voices, const Identity& node) const {
  if (voices.contains(node)) return true;
  const std::string& user = reporters_.at(node).user;
  const auto of_user = std::count_if(
      voices.begin(), voices.end(), [&](const auto& item) { return reporters_.at(item.first).user == user; });
  return voices.size() < kMaxReportersOfClass && static_cast<std::size_t>(of_user) < kMaxReportersOfUser;
}

/// Into its class, unless that has voices enough.
void PathReports::enter(const Identity& node, const Key& key, Path& path) {
  if (!path.path_class) return;
  const auto [found, is_new] = classes_.try_emplace(*path.path_class);
  if (is_new || has_room(found->second, node)) {
    found->second[node].insert(key);
  } else {
    path.path_class.reset();
  }
}

void PathReports::put(const Identity& node, const std::string& user, const Identity& peer,
                      const protocol::PathReport& path, const std::optional<PathClass>& path_class,
                      SteadyTime now) {
  Reporter& from = reporter(node, now);
  from.user = protocol::fold_name(user);
  const Key key{peer, path.local, path.remote};
  if (const auto known = from.paths.find(key); known != from.paths.end()) {
    erase(node, from, known);
  } else if (!make_room(node, from)) {
    return;
  }
  Path& kept = from.paths.emplace(key, Path{path, path_class, now}).first->second;
  ++paths_;
  enter(node, key, kept);
}

void PathReports::take_back(const Identity& node) {
  const auto found = reporters_.find(node);
  if (found == reporters_.end()) return;
  for (auto path = found->second.paths.begin(); path != found->second.paths.end();)
    path = erase(node, found->second, path);
}

void PathReports::forget(const Identity& node) {
  take_back(node);
  reporters_.erase(node);
  for (auto& [identity, reporter] : reporters_) {
    auto path = reporter.paths.lower_bound(Key{node, {}, {}});
    while (path != reporter.paths.end() && std::get<0>(path->first) == node)
      path = erase(identity, reporter, path);
  }
}

void PathReports::expire(SteadyTime now) {
  for (auto at = reporters_.begin(); at != reporters_.end();) {
    auto& [node, reporter] = *at;
    for (auto path = reporter.paths.begin(); path != reporter.paths.end();)
      path = path->second.reported + kLifetime <= now ? erase(node, reporter, path) : std::next(path);
    at = reporter.paths.empty() && reporter.allowance.is_full(now) ? reporters_.erase(at) : std::next(at);
  }
}

std::optional<PathReports::Opinion> PathReports::opinion(const Identity& asker, const std::string& user,
                                                         const PathClass& path_class, SteadyTime now) const {
  const auto found = classes_.find(path_class);
  if (found == classes_.end()) return std::nullopt;
  const std::string own_user = protocol::fold_name(user);
  std::vector<double> voices;
  std::map<std::string, std::vector<double>> of_users;
  for (const auto& [node, keys] : found->second) {
    if (node == asker) continue;
    const Reporter& reporter = reporters_.at(node);
    std::vector<double> scores;
    for (const Key& key : keys) {
      const Path& path = reporter.paths.at(key);
      if (path.reported + kLifetime <= now) continue;
      if (const auto score = score_of(path.path)) scores.push_back(*score);
    }
    if (scores.empty()) continue;
    const double voice = median(std::move(scores));
    if (reporter.user == own_user) {
      voices.push_back(voice);
    } else {
      of_users[reporter.user].push_back(voice);
    }
  }
  for (auto& [name, of_user] : of_users)
    voices.push_back(median(std::move(of_user)));
  if (voices.size() < kLeastVoices) return std::nullopt;

  const double score = median(voices);
  const auto count = static_cast<double>(voices.size());
  for (double& voice : voices)
    voice = std::abs(voice - score);
  const double distance = median(std::move(voices)) / protocol::kMaxHintScore;
  const double confidence = 1000 * count / (count + 2) * std::max(0.0, 1 - 4 * distance);
  return Opinion{rounded(score, kScoreStep, protocol::kMaxHintScore),
                 rounded(confidence, kConfidenceStep, protocol::kMaxHintConfidence)};
}

std::vector<PathReports::Kept> PathReports::of(const Identity& node) const {
  std::vector<Kept> kept;
  const auto found = reporters_.find(node);
  if (found == reporters_.end()) return kept;
  for (const auto& [key, path] : found->second.paths)
    kept.push_back({std::get<0>(key), path.path, path.reported});
  return kept;
}

}  // namespace causeway::server
