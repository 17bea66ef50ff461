#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "protocol/path_report.hpp"
#include "server/src/core/path_side.hpp"
#include "server/src/core/token_bucket.hpp"

namespace causeway::server {

/// What the nodes of one network reported of their paths: the last report of each (node, peer, local,
/// remote), and opinions of classes of paths made from them. In memory only. docs/history.md has the
/// formulas.
///
/// Reports may be lies. Nobody's own reports come back to him; an opinion needs two voices besides; each node
/// of the asker's own user has one, and so has each other user, however many nodes he has; the median of them
/// counts, and the less the further they are apart.
class PathReports {
 public:
  using Identity = crypto::IdentityPublicKey;

  static constexpr std::size_t kMaxPathsOfNode = 128;
  static constexpr std::size_t kMaxPaths = 65'536;
  static constexpr std::size_t kMaxReportersOfClass = 64;
  static constexpr std::size_t kMaxReportersOfUser = 8;  // in one class: nobody crowds others out
  static constexpr auto kLifetime = std::chrono::minutes(15);
  static constexpr double kReportsPerSecond = 0.2;
  static constexpr double kReportBurst = 4;
  static constexpr std::size_t kLeastVoices = 2;

  /// Takes one report from the node's allowance. Otherwise: how long it is to wait.
  std::uint32_t wait_before_report_ms(const Identity& node, SteadyTime now);

  /// `path_class`: none when the addresses are not known to be those of the two nodes: kept, and not counted.
  void put(const Identity& node, const std::string& user, const Identity& peer,
           const protocol::PathReport& path, const std::optional<PathClass>& path_class, SteadyTime now);
  /// All that this node reported.
  void take_back(const Identity& node);
  /// The node is no more: what it reported, and what others reported of paths to it.
  void forget(const Identity& node);
  void expire(SteadyTime now);

  struct Opinion {
    std::uint32_t score = 0;       ///< 0..1,000,000
    std::uint32_t confidence = 0;  ///< 0..1000
    friend bool operator==(const Opinion&, const Opinion&) = default;
  };
  /// nullopt: too few have something to say.
  std::optional<Opinion> opinion(const Identity& asker, const std::string& user, const PathClass& path_class,
                                 SteadyTime now) const;

  struct Kept {
    Identity peer;
    protocol::PathReport path;
    SteadyTime reported;
  };
  /// The last reports of this node.
  std::vector<Kept> of(const Identity& node) const;
  std::size_t path_count() const { return paths_; }
  std::size_t node_count() const { return reporters_.size(); }
  std::size_t class_count() const { return classes_.size(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  using Key = std::tuple<Identity, net::IpAddress, net::IpAddress>;  // peer, local, remote
  struct Path {
    protocol::PathReport path;
    std::optional<PathClass> path_class;
    SteadyTime reported;
  };
  struct Reporter {
    std::string user;
    TokenBucket allowance;
    std::map<Key, Path> paths;
  };
  using Paths = std::map<Key, Path>;

  Paths::iterator erase(const Identity& node, Reporter& reporter, Paths::iterator path);
  bool make_room(const Identity& node, Reporter& reporter);
  void enter(const Identity& node, const Key& key, Path& path);
  bool has_room(const std::map<Identity, std::set<Key>>& voices, const Identity& node) const;
  Reporter& reporter(const Identity& node, SteadyTime now);

  std::map<Identity, Reporter> reporters_;
  std::map<PathClass, std::map<Identity, std::set<Key>>> classes_;
  std::size_t paths_ = 0;
  std::uint64_t dropped_ = 0;
};

/// 0..1,000,000: how good such a path is, by what it is expected to cost in milliseconds. nullopt: nothing
/// was measured.
std::optional<double> score_of(const protocol::PathReport& path);

}  // namespace causeway::server
