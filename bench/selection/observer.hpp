#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "path/path_stats.hpp"
#include "replay/trace.hpp"
#include "selection/world.hpp"

namespace causeway::selection {

/// What a daemon sees of a world while it uses the paths that somebody chooses: it sends the probes that
/// core/src/ice (Consent) and core/src/path (PathWatch) would, at their moments, and each is lost or delayed
/// by what the world does then. The path in use is probed often, others every five seconds. Traffic flows all
/// the time. Simplified: silence of the path in use is seen 100 ms after it began, and nobody searches for
/// MTUs.
class Observer {
 public:
  using PathId = std::uint32_t;
  static constexpr PathId kFirstId = 1;  ///< of the first route; the others follow

  explicit Observer(const World& world);

  /// What is known at the beginning of the next second, and what the world does in it.
  replay::Step look() const;
  /// One second passes, and data goes by this path.
  void pass(std::optional<PathId> selected);
  bool is_over() const { return second_ >= world_.seconds(); }

 private:
  using Time = std::int64_t;  ///< ns since the beginning
  static constexpr Time kNever = INT64_MAX;
  enum class Kind : std::uint8_t { check_answered, check_lost, data_answered, data_lost, revival_answered };
  struct Event {
    Time at;
    std::uint64_t order;  ///< of equal moments: as they were made
    Kind kind;
    std::size_t path;
    Time sent;
    friend bool operator>(const Event& a, const Event& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  struct PathState {
    path::PathStats stats;
    bool is_valid = false;
    Time valid_since = 0;
    Time answered = 0;  ///< the newest answer to a check
    std::optional<Time> last_rtt;
    unsigned lost_in_a_row = 0;
    Time next_check = kNever;
    // Data is lost on it.
    bool is_dead = false;
    unsigned deaths = 0;
    Time died_at = 0;
    Time next_revival = kNever;
    bool awaits_revival = false;
    unsigned revivals = 0;
    // What the store has of it, and what was not told to it yet (core/src/peer/path_recorder.cpp).
    std::optional<store::PathRecord> record;
    unsigned answers = 0, losses = 0, successes = 0, disconnects = 0;
  };
  /// Doubt about the path in use (PathWatch).
  struct Trial {
    bool is_of_silence = false;
    Time since = 0, next_step = 0;
    unsigned steps = 0;
    std::vector<Time> unanswered;
    std::vector<std::size_t> answering;
  };

  const Second& state(std::size_t path, Time at) const;
  /// How long a probe that leaves now takes; nullopt: it is lost.
  std::optional<Time> round_trip(std::size_t path, Time at);
  void push(Time at, Kind kind, std::size_t path, Time sent);
  Time randomised(Time interval);

  void begin();
  void record(Time now);
  WallTime wall(Time now) const { return world_.begin + Duration(now); }
  void select(std::optional<std::size_t> path, Time now);
  Time next_moment() const;
  void run(Time now);
  void on_event(const Event& event);
  void send_check(std::size_t path, Time now);
  void on_check_answered(std::size_t path, Time sent, Time now);
  void on_check_lost(std::size_t path, Time now);
  void end_consent(std::size_t path, Time now);
  void send_data_probe(std::size_t path, Time now);
  void watch(Time now);
  void begin_trial(bool is_of_silence, Time since, Time now);
  void step_trial(Time now);
  void judge_trial(Time now);
  void die(std::size_t path, Time now);
  void revive(std::size_t path, Time now);
  Time wait_of(std::size_t path) const;
  Time spacing_of(std::size_t path) const;

  const World& world_;
  std::size_t second_ = 0;
  std::vector<PathState> paths_;
  std::optional<std::size_t> selected_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t events_made_ = 0;
  std::uint64_t draws_ = 0;
  std::optional<Trial> trial_;
  Time next_sample_ = kNever;
  Time doubt_at_ = kNever;  ///< a sample is overdue then
};

}  // namespace causeway::selection
