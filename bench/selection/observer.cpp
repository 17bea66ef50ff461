// The cadences, from core/src/ice/consent.cpp, core/src/path/path_watch.cpp and
// core/src/peer/path_control_timers.cpp:
//   checks     every 1 s on the path in use, 5 s on others, each times 0.8..1.2; lost after 250 ms or two
//              round trips; then three at once, later every second; consent ends after 15 s without an answer
//   samples    data-sized, every 500 ms on the path in use
//   trials     after an overdue sample, or silence: data-sized probes every half round trip (30 to 100 ms)
//   revivals   every 900 ms (250 ms in need) on a path that died; two answers in a row
#include "selection/observer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "history/path_figures.hpp"
#include "selection/dice.hpp"

namespace causeway::selection {
namespace {

constexpr std::int64_t kMs = 1'000'000, kSecond = 1000 * kMs;
constexpr std::int64_t kConsentInterval = kSecond, kKeepWarm = 5 * kSecond, kReprobe = kSecond;
constexpr std::int64_t kLeastRto = 250 * kMs, kConsentTimeout = 15 * kSecond;
constexpr unsigned kQuickProbes = 3;
constexpr std::int64_t kSampleEvery = 500 * kMs, kDataProbeLost = 3 * kSecond;
constexpr std::int64_t kSilenceSeen = 100 * kMs;
constexpr std::size_t kUnanswered = 8, kMostOthers = 3;
constexpr std::int64_t kLeastSilence = 450 * kMs, kLeastSilenceWithData = 1500 * kMs;
constexpr std::int64_t kLeastSilenceOfAll = 1200 * kMs;
constexpr std::int64_t kReviveEvery = 900 * kMs, kReviveSoon = 250 * kMs;
constexpr std::int64_t kRehabilitation = 15 * kSecond, kDeathsForgotten = 300 * kSecond;
constexpr unsigned kMostDoublings = 4;
constexpr std::size_t kRecordEvery = 2;  ///< seconds
/// The first seconds of a steady clock belong to nobody.
constexpr std::int64_t kBoot = 1000 * kSecond;

SteadyTime steady(std::int64_t at) { return SteadyTime(Duration(kBoot + at)); }
Duration milliseconds(double ms) { return Duration(static_cast<std::int64_t>(ms * 1e6)); }

}  // namespace

Observer::Observer(const World& world) : world_(world), paths_(world.routes.size()) { begin(); }

const Second& Observer::state(std::size_t path, Time at) const {
  const auto& seconds = world_.routes[path].seconds;
  return seconds[std::min(static_cast<std::size_t>(at / kSecond), seconds.size() - 1)];
}

std::optional<Observer::Time> Observer::round_trip(std::size_t path, Time at) {
  const Second& now = state(path, at);
  Dice dice(mix(world_.seed * 1'000'003 + path, static_cast<std::uint64_t>(at) + (++draws_ << 44)));
  if (dice.unit() < loss_of_probes(now)) return std::nullopt;
  // Queues only ever add: an exponential above a floor, whose mean deviation is 2/e of its mean.
  const double queue = std::min(now.jitter_ms * 1.3591, 0.9 * now.rtt_ms);
  return static_cast<Time>((now.rtt_ms - queue + dice.exponential(queue)) * 1e6);
}

void Observer::push(Time at, Kind kind, std::size_t path, Time sent) {
  events_.push({at, ++events_made_, kind, path, sent});
}

Observer::Time Observer::randomised(Time interval) {
  const auto thousandths = static_cast<Time>(800 + mix(world_.seed, ++draws_) % 401);
  return interval / 1000 * thousandths;
}

/// The checks of ICE before the first choice: what answers is valid at once.
void Observer::begin() {
  for (std::size_t path = 0; path < paths_.size(); ++path) {
    PathState& it = paths_[path];
    it.record = world_.routes[path].past;
    for (int attempt = 0; attempt < 3 && !it.is_valid; ++attempt) {
      const auto rtt = round_trip(path, 0);
      if (!rtt) continue;
      it.is_valid = true;
      it.successes = 1;
      it.next_check = 0;
      if (attempt > 0) continue;  // Karn: measured once more, at once
      it.stats.on_answer(Duration(*rtt));
      ++it.answers;
      it.last_rtt = rtt;
      it.next_check = randomised(kKeepWarm);
    }
    if (!it.is_valid) it.next_check = kReprobe;
  }
}

replay::Step Observer::look() const {
  replay::Step step;
  const Time now = static_cast<Time>(second_) * kSecond;
  step.kind = replay::StepKind::second;
  step.now = {steady(now), wall(now)};
  step.seed = mix(world_.seed, second_);
  step.peer = "peer";
  step.is_watched = true;
  if (selected_) step.nominated = kFirstId + static_cast<PathId>(*selected_);
  for (std::size_t path = 0; path < paths_.size(); ++path) {
    const PathState& it = paths_[path];
    const Route& route = world_.routes[path];
    replay::Pair pair;
    pair.view.id = kFirstId + static_cast<PathId>(path);
    pair.view.local = route.local;
    pair.view.remote = route.remote;
    pair.view.pair_priority = route.pair_priority;
    pair.view.measured = it.stats.measurements();
    pair.view.since = steady(it.valid_since);
    pair.view.is_selected = selected_ == path;
    if (it.record)
      pair.view.history = history::view_of(*it.record, path::History::Scope::same, step.now.wall);
    pair.view.hint = route.hint;
    pair.is_warm = it.is_valid;
    pair.is_dead = it.is_dead;
    pair.losses_in_a_row = it.stats.losses_in_a_row();
    if (it.deaths >= 2 && now - it.died_at < kDeathsForgotten) {
      pair.not_before = steady(it.died_at + kRehabilitation * (1 << std::min(it.deaths - 2, kMostDoublings)));
    }
    const Second& truth = route.seconds[second_];
    pair.truth = {truth.is_up, milliseconds(truth.rtt_ms), milliseconds(truth.jitter_ms),
                  loss_of_traffic(world_, truth)};
    step.pairs.push_back(std::move(pair));
  }
  return step;
}

void Observer::pass(std::optional<PathId> selected) {
  const Time begin = static_cast<Time>(second_) * kSecond, end = begin + kSecond;
  select(selected ? std::optional<std::size_t>{*selected - kFirstId} : std::nullopt, begin);
  for (Time now = next_moment(); now < end; now = next_moment())
    run(std::max(now, begin));
  ++second_;
  if (second_ % kRecordEvery == 0) record(end);
}

void Observer::record(Time now) {
  for (PathState& it : paths_) {
    if (!it.is_valid && it.answers + it.losses + it.disconnects == 0) continue;
    if (!it.record) {
      it.record.emplace();
      it.record->updated = wall(now);
    }
    const path::Measurements& measured = it.stats.measurements();
    history::add_probes(*it.record, std::exchange(it.answers, 0), std::exchange(it.losses, 0), measured.rtt,
                        measured.jitter, wall(now));
    it.record->disconnects += std::exchange(it.disconnects, 0);
    it.record->successes += std::exchange(it.successes, 0);
    if (it.is_valid && !it.is_dead)
      history::add_working_time(*it.record, std::chrono::seconds(kRecordEvery), wall(now));
  }
}

void Observer::select(std::optional<std::size_t> path, Time now) {
  if (path != selected_) {
    selected_ = path;
    trial_.reset();
    doubt_at_ = next_sample_ = kNever;
    if (path) {
      next_sample_ = now + kSampleEvery;
      PathState& it = paths_[*path];
      it.next_check = std::min(it.next_check, now + randomised(kConsentInterval));
    }
  }
  if (selected_ && !trial_ && !state(*selected_, now).is_up) {
    doubt_at_ = kNever;
    begin_trial(true, now, now + kSilenceSeen);
  }
}

Observer::Time Observer::next_moment() const {
  Time next = events_.empty() ? kNever : events_.top().at;
  for (const PathState& it : paths_)
    next = std::min({next, it.next_check, it.is_dead ? it.next_revival : kNever,
                     it.is_valid ? it.answered + kConsentTimeout : kNever});
  if (trial_) return std::min(next, trial_->next_step);
  return std::min({next, next_sample_, doubt_at_});
}

void Observer::run(Time now) {
  while (!events_.empty() && events_.top().at <= now) {
    const Event event = events_.top();
    events_.pop();
    on_event(event);
  }
  for (std::size_t path = 0; path < paths_.size(); ++path) {
    PathState& it = paths_[path];
    if (it.is_valid && it.answered + kConsentTimeout <= now) end_consent(path, now);
    if (it.next_check <= now) send_check(path, now);
    if (it.is_dead && it.next_revival <= now) revive(path, now);
  }
  watch(now);
}

void Observer::on_event(const Event& event) {
  PathState& it = paths_[event.path];
  const Duration rtt(event.at - event.sent);
  switch (event.kind) {
    case Kind::check_answered:
      on_check_answered(event.path, event.sent, event.at);
      break;
    case Kind::check_lost:
      on_check_lost(event.path, event.at);
      break;
    case Kind::data_answered:
      it.stats.on_data_answer(rtt);
      ++it.answers;
      if (event.path == selected_) {
        if (trial_ && trial_->is_of_silence && event.sent < trial_->since) break;
        trial_.reset();
        doubt_at_ = kNever;
        next_sample_ = std::max(event.at, event.sent + kSampleEvery);
      } else if (trial_ && event.sent >= trial_->since) {
        trial_->answering.push_back(event.path);
      }
      break;
    case Kind::data_lost:
      it.stats.on_data_loss();
      ++it.losses;
      break;
    case Kind::revival_answered:
      it.stats.on_data_answer(rtt);
      ++it.answers;
      it.awaits_revival = false;
      ++it.revivals;
      if (it.is_dead && (!selected_ || it.revivals >= 2)) it.is_dead = false;
      break;
  }
}

// ---- checks of ICE ----

void Observer::send_check(std::size_t path, Time now) {
  PathState& it = paths_[path];
  const bool is_nominated = selected_ == path;
  it.next_check =
      now + (it.is_valid ? randomised(is_nominated ? kConsentInterval : kKeepWarm) : Time{kReprobe});
  const Time rto = std::max(kLeastRto, 2 * it.last_rtt.value_or(0));
  const auto rtt = round_trip(path, now);
  if (rtt) push(now + *rtt, Kind::check_answered, path, now);
  if (!rtt || *rtt > rto) push(now + rto, Kind::check_lost, path, now);
}

void Observer::on_check_answered(std::size_t path, Time sent, Time now) {
  PathState& it = paths_[path];
  if (!it.is_valid) {
    it.is_valid = true;
    it.is_dead = false;
    ++it.successes;
    it.valid_since = now;
  }
  it.stats.on_answer(Duration(now - sent));
  ++it.answers;
  it.last_rtt = now - sent;
  it.answered = now;
  it.lost_in_a_row = 0;
  it.next_check = now + randomised(selected_ == path ? kConsentInterval : kKeepWarm);
}

void Observer::on_check_lost(std::size_t path, Time now) {
  PathState& it = paths_[path];
  if (!it.is_valid) return;
  it.stats.on_loss();
  ++it.losses;
  const Time next = ++it.lost_in_a_row <= kQuickProbes ? now : now + kReprobe;
  it.next_check = std::min(it.next_check, next);
}

void Observer::end_consent(std::size_t path, Time now) {
  PathState& it = paths_[path];
  it.is_valid = false;
  it.stats.on_disconnect();
  ++it.disconnects;
  it.lost_in_a_row = 0;
  it.next_check = now + kReprobe;
}

// ---- the watch over the path in use ----

Observer::Time Observer::wait_of(std::size_t path) const {
  const path::Measurements& measured = paths_[path].stats.measurements();
  if (!measured.rtt) return 300 * kMs;
  return std::clamp<Time>((*measured.rtt + 4 * *measured.jitter).count() + 30 * kMs, 60 * kMs, kSecond);
}

Observer::Time Observer::spacing_of(std::size_t path) const {
  const path::Measurements& measured = paths_[path].stats.measurements();
  return std::clamp<Time>(measured.rtt.value_or(200ms).count() / 2, 30 * kMs, 100 * kMs);
}

void Observer::send_data_probe(std::size_t path, Time now) {
  const auto rtt = round_trip(path, now);
  if (rtt && *rtt < kDataProbeLost) {
    push(now + *rtt, Kind::data_answered, path, now);
  } else {
    push(now + kDataProbeLost, Kind::data_lost, path, now);
  }
}

void Observer::watch(Time now) {
  if (!selected_) return;
  if (trial_) {
    if (trial_->next_step > now) return;
    judge_trial(now);
    if (trial_) step_trial(now);
    return;
  }
  if (doubt_at_ <= now) {
    begin_trial(false, doubt_at_ - wait_of(*selected_) * 3 / 2, now);
    doubt_at_ = kNever;
    step_trial(now);
  } else if (next_sample_ <= now) {
    send_data_probe(*selected_, now);
    doubt_at_ = now + wait_of(*selected_) * 3 / 2;
    next_sample_ = kNever;
  }
}

void Observer::begin_trial(bool is_of_silence, Time since, Time now) {
  trial_.emplace();
  trial_->is_of_silence = is_of_silence;
  trial_->since = since;
  trial_->next_step = now;
}

void Observer::step_trial(Time now) {
  Trial& trial = *trial_;
  send_data_probe(*selected_, now);
  trial.unanswered.push_back(now);
  if (trial.steps++ % 2 == 1) {
    std::size_t asked = 0;
    for (std::size_t other = 0; other < paths_.size() && asked < kMostOthers; ++other) {
      if (other == *selected_ || !paths_[other].is_valid || paths_[other].is_dead) continue;
      ++asked;
      if (std::find(trial.answering.begin(), trial.answering.end(), other) == trial.answering.end())
        send_data_probe(other, now);
    }
  }
  const Time spacing = spacing_of(*selected_);
  trial.next_step = now + (now - trial.since < kSecond ? spacing : std::max(spacing, 200 * kMs));
}

void Observer::judge_trial(Time now) {
  const Trial& trial = *trial_;
  const Time wait = wait_of(*selected_), silence = now - trial.since;
  const auto overdue = static_cast<std::size_t>(std::count_if(
      trial.unanswered.begin(), trial.unanswered.end(), [&](Time sent) { return now - sent >= wait; }));
  if (overdue < kUnanswered) return;
  if (!trial.answering.empty()) {
    if (silence >= (trial.is_of_silence ? kLeastSilence : kLeastSilenceWithData)) die(*selected_, now);
  } else if (silence >= std::max(kLeastSilenceOfAll, 3 * wait)) {
    for (std::size_t path = 0; path < paths_.size(); ++path) {
      if (paths_[path].is_valid && !paths_[path].is_dead) die(path, now);
    }
  }
}

void Observer::die(std::size_t path, Time now) {
  PathState& it = paths_[path];
  it.is_dead = true;
  it.deaths = it.deaths > 0 && now - it.died_at < kDeathsForgotten ? it.deaths + 1 : 1;
  it.died_at = now;
  it.stats.on_disconnect();
  ++it.disconnects;
  it.awaits_revival = false;
  it.revivals = 0;
  it.next_revival = now;
  if (path == selected_) {
    trial_.reset();
    next_sample_ = doubt_at_ = kNever;
    selected_.reset();
  }
}

void Observer::revive(std::size_t path, Time now) {
  PathState& it = paths_[path];
  if (it.awaits_revival) it.revivals = 0;
  it.awaits_revival = true;
  it.next_revival = now + (selected_ ? kReviveEvery : kReviveSoon);
  if (const auto rtt = round_trip(path, now)) push(now + *rtt, Kind::revival_answered, path, now);
}

}  // namespace causeway::selection
