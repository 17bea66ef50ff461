#include "tests/sim/schedule.hpp"

#include <algorithm>

namespace causeway::sim {

void Schedule::after(Duration delay, std::function<void()> task) {
  tasks_.emplace(std::pair{now_ + std::max(delay, Duration{}), next_++}, std::move(task));
}

bool Schedule::run_until(const std::function<bool()>& condition, Duration limit) {
  const SteadyTime end = now_ + limit;
  while (!is_stopped_) {
    if (condition()) return true;
    if (tasks_.empty() || tasks_.begin()->first.first > end) {
      now_ = end;
      return condition();
    }
    auto task = tasks_.extract(tasks_.begin());
    if (task.key().first > now_) {
      now_ = task.key().first;
      steps_of_this_moment_ = 0;
    }
    task.mapped()();
    ++steps_;
    ++steps_of_this_moment_;
    is_stopped_ = observer_ && !observer_();
  }
  return false;
}

void Schedule::run_for(Duration span) {
  run_until([] { return false; }, span);
}

}  // namespace causeway::sim
