// The times of a watch, all from the round trip of the path (srtt and rttvar of RFC 6298):
//   wait      srtt + 4 rttvar + 30 ms, 60 ms to 1 s: after it an answer is overdue. The 30 ms are for a
//   machine
//             that has other things to do.
//   patience  as long may data go without anything that comes back: wait, less where data usually comes more
//             often, 200 ms at least where nothing ever does (a stream in one direction).
//   spacing   srtt / 2, 30 to 100 ms, between the probes of a trial; 200 ms once it lasts for longer than 1
//   s. look      every 40 ms while data flows: how soon silence is seen. sample    every 500 ms and 16 KiB
//   one data-sized probe, so that loss of data is seen beside small packets
//             that pass, and the round trip is known as data sees it.
#include "path/path_watch.hpp"

#include <algorithm>

namespace causeway::path {
namespace {

constexpr Duration kLeastWait = 60ms, kMostWait = 1s, kUnknownWait = 300ms, kMargin = 30ms;
constexpr Duration kLeastPatience = 50ms, kPatienceMargin = 20ms;
constexpr Duration kLeastSpacing = 30ms, kMostSpacing = 100ms, kLateSpacing = 200ms;
constexpr Duration kOneWayPatience = 200ms;
constexpr Duration kLook = 40ms;
/// Without data for so long nobody needs to look that often.
constexpr Duration kFlowing = 1s;
/// A timer that comes later than this was held up, and so may answers have been.
constexpr Duration kLate = 25ms;
constexpr Duration kLongTrial = 1s;

bool contains(const std::vector<PathWatch::PathId>& ids, PathWatch::PathId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

void PathWatch::watch(std::optional<PathId> path, bool has_small, SteadyTime now) {
  has_small_ = has_small;
  if (path == path_) return;
  path_ = path;
  trial_.reset();
  wishes_.clear();
  arrived_ = sent_ = looked_at_ = unanswered_since_ = sample_sent_ = std::nullopt;
  bytes_at_sample_.reset();
  proven_at_ = sampled_at_ = now;
  is_one_way_ = false;
  usual_silence_ = {};
  next_.reset();
  if (path_) next_ = now;
}

void PathWatch::set_others(std::vector<PathId> others) {
  if (others.size() > kMostOthers) others.resize(kMostOthers);
  others_ = std::move(others);
  if (trial_ && trial_->companion && !contains(others_, *trial_->companion)) trial_->companion.reset();
}

Duration PathWatch::wait() const {
  if (!timing_.rtt) return kUnknownWait;
  const Duration jitter = timing_.jitter.value_or(*timing_.rtt / 2);
  return std::clamp<Duration>(*timing_.rtt + 4 * jitter + kMargin, kLeastWait, kMostWait);
}

Duration PathWatch::patience() const {
  if (is_one_way_) return std::max<Duration>(wait(), kOneWayPatience);
  if (usual_silence_ == Duration{}) return wait();
  return std::min(wait(), std::max<Duration>(kLeastPatience, usual_silence_ * 5 / 4 + kPatienceMargin));
}

Duration PathWatch::spacing() const {
  return std::clamp<Duration>(timing_.rtt.value_or(2 * kMostSpacing) / 2, kLeastSpacing, kMostSpacing);
}

void PathWatch::on_traffic(const Traffic& traffic, SteadyTime now) {
  if (!path_) return;
  // It went out all the time before this look, so what came last had something after it.
  const bool was_flowing = looked_at_ && sent_ && *looked_at_ - *sent_ < kLook;
  if (traffic.arrived && (!arrived_ || *traffic.arrived > *arrived_)) {
    arrived_ = traffic.arrived;
    is_one_way_ = false;
    unanswered_since_.reset();
    if (trial_ && trial_->cause == Cause::silence) {
      if (trial_->companion) {
        // Ours may have got there by the companion alone: now it takes probes to tell.
        trial_->cause = Cause::sample;
      } else {
        trial_.reset();
        next_ = now;
      }
    }
  }
  sent_ = traffic.sent;
  bytes_sent_ = traffic.bytes_sent;
  if (!bytes_at_sample_) bytes_at_sample_ = bytes_sent_;
  looked_at_ = now;
  if (was_flowing && arrived_ && !trial_) {
    const Duration age = std::max<Duration>(now - *arrived_, 1ms);
    if (age < kFlowing) usual_silence_ = std::max<Duration>(age, usual_silence_ * 49 / 50);
  }
  const bool awaits_data = sent_ && (!arrived_ || *sent_ > *arrived_);
  if (awaits_data && !unanswered_since_) {
    unanswered_since_ = was_flowing && arrived_ ? std::max(*arrived_, proven_at_) : *sent_;
    next_ = std::min(next_.value_or(SteadyTime::max()), *unanswered_since_ + patience());
  }
  if (sent_ && now - *sent_ < kFlowing) next_ = std::min(next_.value_or(now + kLook), now + kLook);
}

void PathWatch::on_doubt(SteadyTime now) {
  if (path_ && !trial_) begin(Cause::doubt, now, now);
}

void PathWatch::on_answer(PathId path, Size size, SteadyTime sent, SteadyTime now) {
  if (path == path_) {
    if (size == Size::data) {
      proven_at_ = sampled_at_ = now;
      is_one_way_ |= trial_ && trial_->cause == Cause::silence;
      sample_sent_.reset();
      unanswered_since_.reset();
      trial_.reset();
      next_ = now;
    } else if (trial_ && sent >= trial_->since) {
      ++trial_->small_answers;
    }
  } else if (trial_ && size == Size::data && sent >= trial_->since && contains(others_, path) &&
             !contains(trial_->answering, path)) {
    trial_->answering.push_back(path);
  }
}

void PathWatch::on_size_changed(SteadyTime now) {
  trial_.reset();
  sample_sent_.reset();
  unanswered_since_.reset();
  proven_at_ = sampled_at_ = now;
  if (path_) next_ = now;
}

void PathWatch::begin(Cause cause, SteadyTime since, SteadyTime now) {
  trial_ = Trial{
      .cause = cause, .since = since, .unanswered = {}, .answering = {}, .companion = {}, .next_step = now};
  sample_sent_.reset();
  next_ = now;
}

PathWatch::Verdict PathWatch::on_timeout(SteadyTime now) {
  if (!path_ || !next_ || now < *next_) return Verdict::none;
  make_up_for_lateness(now);
  if (!trial_) look_for_silence(now);
  if (!trial_) look_at_sample(now);
  Verdict verdict = Verdict::none;
  if (trial_) {
    verdict = judge(now);
    if (trial_->next_step <= now) step(now);
  }
  plan(now);
  return verdict;
}

/// This thread did not run: what came meanwhile still waits to be told, so everything gets as much longer.
void PathWatch::make_up_for_lateness(SteadyTime now) {
  const Duration late = now - *next_;
  if (late < kLate) return;
  if (unanswered_since_) *unanswered_since_ += late;
  if (sample_sent_) *sample_sent_ += late;
  if (!trial_) return;
  trial_->since += late;
  for (SteadyTime& sent : trial_->unanswered)
    sent += late;
}

bool PathWatch::is_silent(SteadyTime now) const {
  return unanswered_since_ && now - *unanswered_since_ >= patience();
}

void PathWatch::look_for_silence(SteadyTime now) {
  if (is_silent(now)) begin(Cause::silence, *unanswered_since_, now);
}

void PathWatch::look_at_sample(SteadyTime now) {
  if (sample_sent_) {
    if (now - *sample_sent_ >= wait() + wait() / 2) begin(Cause::sample, *sample_sent_, now);
    return;
  }
  if (!bytes_at_sample_ || bytes_sent_ - *bytes_at_sample_ < kSampleAfterBytes) return;
  if (now - sampled_at_ < kSampleEvery) return;
  bytes_at_sample_ = bytes_sent_;
  sample_sent_ = sampled_at_ = now;
  wishes_.push_back({*path_, Size::data});
}

void PathWatch::step(SteadyTime now) {
  Trial& trial = *trial_;
  wishes_.push_back({*path_, Size::data});
  trial.unanswered.push_back(now);
  if (trial.unanswered.size() > 64) trial.unanswered.pop_front();
  // Alone at first: mostly the first is answered, and that was it.
  const unsigned number = trial.steps++;
  if (has_small_ && number > 0 && number % 2 == 0) wishes_.push_back({*path_, Size::small});
  for (const PathId other : others_) {
    if (number % 2 == 1 && !contains(trial.answering, other)) wishes_.push_back({other, Size::data});
  }
  trial.next_step = now + (now - trial.since < kLongTrial ? spacing() : std::max(spacing(), kLateSpacing));
}

PathWatch::Verdict PathWatch::judge(SteadyTime now) {
  Trial& trial = *trial_;
  const auto overdue =
      static_cast<std::size_t>(std::count_if(trial.unanswered.begin(), trial.unanswered.end(),
                                             [&](SteadyTime sent) { return now - sent >= wait(); }));
  const bool is_quiet = trial.cause != Cause::sample || is_silent(now);
  // While all waits for an answer there is little to copy, and TCP's first repetition should get through.
  const bool has_company = trial.cause == Cause::silence && !is_one_way_;
  if ((has_company || overdue >= kCompanionAfter) && is_quiet && !others_.empty()) {
    const bool is_better =
        !trial.answering.empty() && (!trial.companion || !contains(trial.answering, *trial.companion));
    if (is_better) {
      trial.companion = trial.answering.front();
    } else if (!trial.companion) {
      trial.companion = others_.front();
    }
  }
  if (trial.small_answers >= 2 && overdue > kCompanionAfter) return Verdict::size_lost;
  if (overdue < kUnanswered || trial.small_answers > 0) return Verdict::none;
  const Duration silence = now - trial.since;
  const bool lasts = silence >= (is_quiet ? kLeastSilence : kLeastSilenceWithData);
  if (!trial.answering.empty()) return lasts ? Verdict::dead : Verdict::none;
  if (silence >= std::max<Duration>(kLeastSilenceOfAll, 3 * wait())) return Verdict::all_dead;
  return Verdict::none;
}

void PathWatch::plan(SteadyTime now) {
  std::optional<SteadyTime> next;
  const auto at = [&](SteadyTime time) { next = next ? std::min(*next, time) : time; };
  if (trial_) {
    at(trial_->next_step);
  } else {
    if (unanswered_since_) at(*unanswered_since_ + patience());
    if (sample_sent_) at(*sample_sent_ + wait() + wait() / 2);
    if (sent_ && now - *sent_ < kFlowing) at(now + kLook);
  }
  next_ = next;
}

std::optional<PathWatch::ProbeWish> PathWatch::poll_probe() {
  if (wishes_.empty()) return std::nullopt;
  const ProbeWish wish = wishes_.front();
  wishes_.pop_front();
  return wish;
}

}  // namespace causeway::path
