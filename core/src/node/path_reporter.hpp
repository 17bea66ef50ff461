#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "ice/agent.hpp"
#include "peer/local_base.hpp"
#include "peer/peer.hpp"
#include "protocol/path_report.hpp"

namespace causeway::node {

/// Decides when the address server is told of which peers' paths, and what: soon after another path was
/// selected, and now and then what stands, in batches and at random times, so that nodes do not report all
/// together. Owned by the node; control thread.
class PathReporter {
 public:
  using Peers = std::map<dataplane::PeerId, std::unique_ptr<peer::Peer>>;

  // What it waits for, in the order of importance.
  static constexpr Duration kSettle = std::chrono::seconds(5);    // after another path was selected
  static constexpr Duration kBetween = std::chrono::seconds(10);  // two reports; longer than the server wants
  static constexpr Duration kReturn = std::chrono::seconds(60);   // after a registration, at most
  static constexpr Duration kEvery = std::chrono::minutes(5);     // reports of what has not changed
  static constexpr std::size_t kMostPathsOfPeer = 8;

  explicit PathReporter(RandomSource& random) : random_(random) {}

  /// A new registration: the server may know nothing.
  void on_registered(SteadyTime now);
  /// No more reports until the next registration.
  void stop();
  /// Call whenever a peer may have selected another path.
  void look_at(const peer::Peer& peer, SteadyTime now);
  void forget(dataplane::PeerId peer) { told_.erase(peer); }

  std::optional<SteadyTime> next_timeout() const { return at_; }
  /// What is due now, none when nothing is: at most protocol::kMaxReportedPaths. The rest follows.
  std::vector<protocol::PathReport> take(const Peers& peers, const peer::LocalBases& bases, SteadyTime now);

 private:
  /// What the server was told of a peer, and since when it has to be told again.
  struct Told {
    std::optional<ice::PairId> selected;
    SteadyTime due;
  };
  /// Between 3/4 of `time` and 5/4.
  Duration about(Duration time);
  void wake_at(SteadyTime time);

  RandomSource& random_;
  std::map<dataplane::PeerId, Told> told_;
  std::optional<SteadyTime> at_;  ///< none: nobody is to be told
  bool is_registered_ = false;
  SteadyTime not_before_{};
};

/// The paths of a connected peer, the selected one first; lost ones only while another works.
std::vector<protocol::PathReport> reports_of(const peer::Peer& peer, const peer::LocalBases& bases,
                                             SteadyTime now, std::size_t most);

}  // namespace causeway::node
