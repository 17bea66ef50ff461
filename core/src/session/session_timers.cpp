#include "session/session_timers.hpp"

#include <algorithm>

#include "session/limits.hpp"
#include "session/session.hpp"

namespace causeway::session {
namespace {

/// True, and remembered, if `seen` is later than all that was seen before.
bool is_news(std::optional<SteadyTime>& newest, const std::optional<SteadyTime>& seen) {
  if (!seen || (newest && *seen <= *newest)) return false;
  newest = seen;
  return true;
}

}  // namespace

SessionTimers::SessionTimers(std::optional<Duration> persistent_keepalive)
    : persistent_keepalive_(persistent_keepalive) {
  if (persistent_keepalive_) start(Timer::persistent_keepalive, SteadyTime{});
}

void SessionTimers::on_initiation_sent(SteadyTime now, Duration wait) {
  start(Timer::repeat_initiation, now + wait);
  on_anything(now);
}

void SessionTimers::on_session_derived(SteadyTime now) {
  start(Timer::erase_keys, now + 3 * kRejectAfterTime);
}

void SessionTimers::on_gave_up(SteadyTime now) {
  stop(Timer::repeat_initiation);
  if (!is_running(Timer::erase_keys)) start(Timer::erase_keys, now + 3 * kRejectAfterTime);
}

void SessionTimers::on_sent(SteadyTime now) {
  stop(Timer::passive_keepalive);
  on_anything(now);
}

void SessionTimers::on_traffic(const TrafficSnapshot& traffic, Duration jitter) {
  const bool sent_data = is_news(data_sent_, traffic.data_sent);
  const bool sent_anything = is_news(anything_sent_, traffic.anything_sent);
  const bool received_data = is_news(data_received_, traffic.data_received);
  const bool received_anything = is_news(anything_received_, traffic.anything_received);

  // Which came last decides, within one snapshot too; a tie is one batch and counts as answered.
  if (sent_anything) {
    stop(Timer::passive_keepalive);
    on_anything(*anything_sent_);
  }
  if (received_data && (!anything_sent_ || *data_received_ > *anything_sent_) &&
      !is_running(Timer::passive_keepalive)) {
    start(Timer::passive_keepalive, *data_received_ + kKeepaliveTimeout);
  }
  if (received_anything) {
    stop(Timer::peer_silent);
    on_anything(*anything_received_);
  }
  if (sent_data && (!anything_received_ || *data_sent_ > *anything_received_) &&
      !is_running(Timer::peer_silent)) {
    start(Timer::peer_silent, *data_sent_ + kKeepaliveTimeout + kRekeyTimeout + jitter);
  }
}

std::optional<Timer> SessionTimers::take_due(SteadyTime now) {
  for (std::size_t i = 0; i < kTimers; ++i) {
    if (!due_[i] || *due_[i] > now) continue;
    const auto timer = static_cast<Timer>(i);
    stop(timer);
    if (timer == Timer::persistent_keepalive) start(timer, now + *persistent_keepalive_);
    return timer;
  }
  return std::nullopt;
}

std::optional<SteadyTime> SessionTimers::next() const {
  std::optional<SteadyTime> earliest;
  for (const auto& due : due_) {
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  return earliest;
}

void SessionTimers::on_anything(SteadyTime when) {
  if (!persistent_keepalive_) return;
  // Snapshots come late: what they tell may be older than what we know.
  auto& due = at(Timer::persistent_keepalive);
  due = std::max(due.value_or(SteadyTime{}), when + *persistent_keepalive_);
}

}  // namespace causeway::session
