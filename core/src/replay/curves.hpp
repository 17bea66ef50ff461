#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "replay/run.hpp"

namespace causeway::replay {

/// A value that changes in steps over time, in a bounded number of points: a long trace gets coarser, not
/// larger.
class Curve {
 public:
  static constexpr std::size_t kMostPoints = 4096;
  struct Point {
    SteadyTime at;
    double value;
  };
  void add(SteadyTime at, double value);
  const std::vector<Point>& points() const { return points_; }

 private:
  std::vector<Point> points_;
  Duration spacing_{};  ///< points nearer than this are one
};

/// What a plot shows of one trace: the cost of each path over time, and which one each algorithm had chosen.
class Curves {
 public:
  static constexpr std::size_t kMostPeers = 8;
  static constexpr std::size_t kMostPaths = 24;  ///< of a peer; later ones are left out
  static constexpr double kNone = -1;            ///< not valid; no path

  struct Peer {
    std::string name;
    std::vector<std::string> paths;  ///< "local -> remote", in the order they turned up
    std::vector<Curve> costs;        ///< of each
    std::vector<Curve> chosen;       ///< index into `paths`, of each algorithm
    SteadyTime from{}, until{};
  };

  explicit Curves(std::vector<std::string> algorithms) : algorithms_(std::move(algorithms)) {}
  /// After the runs have taken the step; one for each algorithm.
  void on_step(const Step& step, const std::vector<const Run*>& runs);

  const std::vector<std::string>& algorithms() const { return algorithms_; }
  const std::vector<Peer>& peers() const { return peers_; }
  std::uint64_t left_out() const { return left_out_; }

 private:
  std::vector<std::string> algorithms_;
  std::vector<Peer> peers_;
  std::map<std::string, std::size_t> by_name_;
  std::map<std::string, std::map<std::uint32_t, std::size_t>> path_by_id_;
  std::uint64_t left_out_ = 0;
};

/// An SVG picture of them.
std::string draw(const Curves& curves, const std::string& title);

}  // namespace causeway::replay
