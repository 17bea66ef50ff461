#pragma once

// The timers of one session. Each is told what happened, none reads a clock.
//
// repeat_initiation     waits for the answer to an initiation: REKEY_TIMEOUT (5 s) and up to 333 ms of jitter
// with a
//                       stock peer; 250 ms, 500 ms, 1 s, then the same with ours, where a handshake waits for
//                       paths that are just being found. Stops when a keypair is agreed on.
// passive_keepalive     waits for us to send anything after data came in: KEEPALIVE_TIMEOUT (10 s). Then an
// empty
//                       packet tells the peer that we live; without it, its peer_silent would end a good
//                       session.
// peer_silent           waits for anything to come in after we sent data: KEEPALIVE_TIMEOUT + REKEY_TIMEOUT
// (15 s) and
//                       jitter: a living peer would have sent a keepalive by then, so it has lost the
//                       session, and a new handshake is asked for.
// erase_keys            waits for a new session after the newest one: 3 x REJECT_AFTER_TIME (540 s). Keys
// that nobody
//                       may use any more are wiped, ephemeral ones too.
// persistent_keepalive  waits for any traffic at all, if configured: keeps NAT mappings open. Due at once at
// first, so
//                       that a silent peer is reachable from the start.

#include <array>
#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace causeway::session {

struct TrafficSnapshot;

enum class Timer : std::uint8_t {
  repeat_initiation,
  passive_keepalive,
  peer_silent,
  erase_keys,
  persistent_keepalive,
};

/// Which timer runs and when it is due: the policy of the list above. What is done then is Session's
/// business.
class SessionTimers {
 public:
  explicit SessionTimers(std::optional<Duration> persistent_keepalive);

  void on_initiation_sent(SteadyTime now, Duration wait);
  /// An answer is no longer awaited.
  void on_initiation_settled() { stop(Timer::repeat_initiation); }
  /// Both ends have the same keys, as far as we can tell.
  void on_session_derived(SteadyTime now);
  /// The peer did not answer for REKEY_ATTEMPT_TIME.
  void on_gave_up(SteadyTime now);
  /// We handed out a packet that the snapshots will tell of later.
  void on_sent(SteadyTime now);
  /// `jitter` for peer_silent, should this start it.
  void on_traffic(const TrafficSnapshot& traffic, Duration jitter);

  /// Takes one timer that is due, which stops it; persistent_keepalive runs again at once. Call until
  /// nullopt.
  std::optional<Timer> take_due(SteadyTime now);
  std::optional<SteadyTime> next() const;
  bool is_running(Timer timer) const { return at(timer).has_value(); }
  void start(Timer timer, SteadyTime due) { at(timer) = due; }
  void stop(Timer timer) { at(timer).reset(); }

 private:
  static constexpr std::size_t kTimers = 5;

  std::optional<SteadyTime>& at(Timer timer) { return due_[static_cast<std::size_t>(timer)]; }
  const std::optional<SteadyTime>& at(Timer timer) const { return due_[static_cast<std::size_t>(timer)]; }
  void on_anything(SteadyTime when);

  std::optional<Duration> persistent_keepalive_;
  std::array<std::optional<SteadyTime>, kTimers> due_;
  std::optional<SteadyTime> data_sent_, anything_sent_, data_received_,
      anything_received_;  ///< as seen so far
};

}  // namespace causeway::session
