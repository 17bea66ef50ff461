#include "daemon/state_keeper.hpp"

#include <algorithm>
#include <type_traits>

#include "base/log.hpp"

namespace causeway::daemon {
namespace {

/// A node that restarts again and again, or whose clock was set back, goes on above what is stored by as
/// little.
constexpr Duration kLeastAhead = 1s;

session::Tai64n ahead_of(session::Tai64n stamp, Duration by) {
  std::uint64_t seconds = 0;
  for (std::size_t i = 0; i < 8; ++i)
    seconds = seconds << 8 | stamp[i];
  seconds += static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(by).count());
  for (std::size_t i = 8; i-- > 0; seconds >>= 8)
    stamp[i] = static_cast<std::uint8_t>(seconds);
  return stamp;
}

session::Tai64n stamp_at(WallTime wall) { return session::TimestampSource{}.next(wall); }

}  // namespace

void StateKeeper::Job::merge(Job&& older) {
  if (!state) state = std::move(older.state);
  if (!friends) friends = std::move(older.friends);
  if (!peers) peers = std::move(older.peers);
  if (!history) history = std::move(older.history);
  number = std::max(number, older.number);
}

StateKeeper::StateKeeper(store::StateDirectory& directory, std::function<void(std::function<void()>)> post,
                         Duration retry_after)
    : directory_(directory),
      post_(std::move(post)),
      retry_after_(retry_after),
      state_(directory.state()),
      covered_(state_.timestamp) {}

void StateKeeper::start() {
  thread_ = std::thread([this] { work(); });
}

StateKeeper::~StateKeeper() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_up_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  } else {
    work();
  }
}

// ---- control thread ----

template <class T>
void StateKeeper::submit(std::optional<T> Job::*part, T value) {
  {
    const std::lock_guard lock(mutex_);
    job_.*part = std::move(value);
    constexpr bool is_cache = std::is_same_v<T, std::vector<store::KnownPeer>> ||
                              std::is_same_v<T, std::vector<store::PeerHistory>>;
    if constexpr (!is_cache) job_.number = ++submitted_;
  }
  wake_up_.notify_one();
}

void StateKeeper::save(store::NodeState state) {
  state.ports = state_.ports;
  state.timestamp = state_.timestamp;
  if (state == state_) return;
  state_ = state;
  submit(&Job::state, std::move(state));
}

void StateKeeper::save(store::FriendState friends) { submit(&Job::friends, std::move(friends)); }

void StateKeeper::save(std::vector<store::KnownPeer> peers) { submit(&Job::peers, std::move(peers)); }

void StateKeeper::save(std::vector<store::PeerHistory> history) { submit(&Job::history, std::move(history)); }

void StateKeeper::save_port(const net::IpAddress& local, std::uint16_t port) {
  auto& ports = state_.ports;
  if (const auto known = ports.find(local); known != ports.end() && known->second == port) return;
  ports[local] = port;
  for (auto other = ports.begin(); ports.size() > store::kMaxRememberedPorts;)
    other = other->first == local ? std::next(other) : ports.erase(other);
  submit(&Job::state, state_);
}

bool StateKeeper::cover(const session::Tai64n& stamp, WallTime wall) {
  if (ahead_of(stamp, kLeastAhead) > state_.timestamp ||
      stamp_at(wall + kStampsAhead / 2) > state_.timestamp) {
    state_.timestamp =
        std::max({ahead_of(stamp, 2 * kLeastAhead), stamp_at(wall + kStampsAhead), state_.timestamp});
    submit(&Job::state, state_);
  }
  return stamp <= covered_;
}

void StateKeeper::when_stored(Done done) {
  if (!is_behind()) return done(last_outcome_);
  waiting_.emplace_back(submitted_, std::move(done));
}

void StateKeeper::on_tried(const Outcome& outcome) {
  tried_ = std::max(tried_, outcome.number);
  covered_ = std::max(covered_, outcome.covered);
  if (outcome.number > 0) last_outcome_ = outcome.state;
  const Result<void>& worst = outcome.state ? outcome.peers : outcome.state;
  const std::string failure = worst ? "" : worst.error().message;
  if (failure != failure_) {
    if (!failure.empty()) log::error("store", "{}; it is tried again every few seconds", failure);
    if (failure.empty()) log::info("store", "the state directory can be written again");
  }
  failure_ = failure;
  while (!waiting_.empty() && waiting_.front().first <= tried_) {
    const Done done = std::move(waiting_.front().second);
    waiting_.pop_front();
    done(last_outcome_);
  }
}

// ---- the writer ----

void StateKeeper::work() {
  std::unique_lock lock(mutex_);
  Job job;  // what failed before
  while (true) {
    const auto is_called = [&] { return is_ending_ || !job_.is_empty(); };
    if (job.is_empty()) {
      wake_up_.wait(lock, is_called);
    } else {
      wake_up_.wait_for(lock, retry_after_, is_called);
    }
    Job next = std::exchange(job_, {});
    next.merge(std::move(job));
    job = std::move(next);
    const bool is_last = is_ending_;
    lock.unlock();
    if (!job.is_empty()) {
      Outcome outcome = write(job);
      for (const Result<void>* part : {&outcome.state, &outcome.peers}) {
        if (is_last && !*part) log::error("store", "{}", part->error().message);
      }
      if (!is_last) post_([this, outcome = std::move(outcome)] { on_tried(outcome); });
    }
    if (is_last) return;
    lock.lock();
  }
}

/// What was written goes from the job.
StateKeeper::Outcome StateKeeper::write(Job& job) {
  Outcome outcome;
  outcome.number = job.number;
  const auto write_part = [&](auto& part, auto save_part, Result<void>& result) {
    if (!part) return;
    if (auto saved = (directory_.*save_part)(*part)) {
      part.reset();
    } else if (result) {
      result = std::move(saved);
    }
  };
  write_part(job.state, &store::StateDirectory::save_state, outcome.state);
  write_part(job.friends, &store::StateDirectory::save_friends, outcome.state);
  write_part(job.peers, &store::StateDirectory::save_known_peers, outcome.peers);
  write_part(job.history, &store::StateDirectory::save_history, outcome.peers);
  outcome.covered = directory_.state().timestamp;
  return outcome;
}

}  // namespace causeway::daemon
