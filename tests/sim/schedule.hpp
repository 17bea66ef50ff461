#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "base/time.hpp"

namespace causeway::sim {

/// Virtual time: tasks run in the order of their moments, those of one moment in the order they were made.
class Schedule {
 public:
  const SteadyTime& now() const { return now_; }
  /// Both clocks of a machine whose wall clock is wrong by `clock_error`. The world begins on 2023-11-14.
  Now clocks(Duration clock_error = {}) const {
    return {now_, WallTime(std::chrono::seconds(1'700'000'000)) + now_.time_since_epoch() + clock_error};
  }
  void after(Duration delay, std::function<void()> task);

  /// Runs until `condition` holds, checked after each task; false if it does not within `limit`, or at a
  /// stop.
  bool run_until(const std::function<bool()>& condition, Duration limit);
  void run_for(Duration span);

  /// Called after each task; false stops for good.
  void set_observer(std::function<bool()> observer) { observer_ = std::move(observer); }
  bool is_stopped() const { return is_stopped_; }

  std::size_t waiting() const { return tasks_.size(); }
  std::uint64_t steps() const { return steps_; }
  /// Tasks since time last moved on.
  std::uint64_t steps_of_this_moment() const { return steps_of_this_moment_; }

 private:
  SteadyTime now_{std::chrono::hours(1)};
  std::uint64_t next_ = 0;
  std::map<std::pair<SteadyTime, std::uint64_t>, std::function<void()>> tasks_;
  std::function<bool()> observer_;
  std::uint64_t steps_ = 0;
  std::uint64_t steps_of_this_moment_ = 0;
  bool is_stopped_ = false;
};

}  // namespace causeway::sim
