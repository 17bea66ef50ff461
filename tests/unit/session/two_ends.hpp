#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "session/limits.hpp"
#include "support/session_end.hpp"

// Two Sessions, each with a data loop of its own, joined by a pipe
// in memory that delays, loses, repeats and reorders. Virtual time: nothing here reads a clock or sleeps.
namespace causeway::session::testing {

inline const WallTime kStart{std::chrono::seconds{1'790'000'000}};

struct PipeOptions {
  PeerKind kind = PeerKind::causeway;
  std::optional<Duration> persistent_a = std::nullopt, persistent_b = std::nullopt;
  Duration delay = 10ms;
  Duration delay_spread = 0ms;  ///< reorders
  unsigned loss_percent = 0, duplicate_percent = 0;
  std::uint64_t seed = 1;
};

class TwoEnds {
 public:
  explicit TwoEnds(PipeOptions given = {})
      : options(given),
        random(given.seed),
        keys_a(make_keys(random)),
        keys_b(make_keys(random)),
        a("a", keys_a, keys_b.public_key, random, *net::Endpoint::parse("192.0.2.1:51820"), given.kind,
          given.persistent_a, psk),
        b("b", keys_b, keys_a.public_key, random, *net::Endpoint::parse("[2001:db8::2]:51820"), given.kind,
          given.persistent_b, psk) {}

  Now now() const { return {time, kStart + wall_offset + time.time_since_epoch()}; }

  /// Moves what the ends want to send into the pipe.
  void collect() {
    collect(a, b);
    collect(b, a);
  }

  /// Runs all that happens until `until`, with traffic told every 100 ms.
  void run_for(Duration duration) {
    const SteadyTime until = time + duration;
    collect();
    for (;;) {
      SteadyTime next = until;
      const auto consider = [&](std::optional<SteadyTime> when) {
        if (when) next = std::min(next, std::max(*when, time));
      };
      consider(next_traffic);
      consider(a.session.next_timeout());
      consider(b.session.next_timeout());
      if (!pipe.empty()) consider(pipe.begin()->first);
      if (next >= until) break;
      time = next;
      while (!pipe.empty() && pipe.begin()->first <= time) {
        const auto packet = pipe.extract(pipe.begin());
        packet.mapped()();
        collect();
      }
      a.on_timeout(now());
      b.on_timeout(now());
      if (time >= next_traffic) {
        next_traffic = time + 100ms;
        a.tell_traffic(now());
        b.tell_traffic(now());
      }
      collect();
    }
    time = until;
  }

  PipeOptions options;
  SeededRandom random;
  crypto::PresharedKey psk;
  LocalKeys keys_a, keys_b;
  End a, b;
  SteadyTime time{std::chrono::seconds{1000}};
  SteadyTime next_traffic = time;
  Duration wall_offset{};
  /// May look at a message, change it, or swallow it (false).
  std::function<bool(const End& from, Bytes&)> tap;
  std::multimap<SteadyTime, std::function<void()>> pipe;

 private:
  void collect(End& from, End& to) {
    for (auto& message : std::exchange(from.outbox, {})) {
      if (tap && !tap(from, message)) continue;
      if (random.below(100) < options.loss_percent) continue;
      const int copies = random.below(100) < options.duplicate_percent ? 2 : 1;
      for (int i = 0; i < copies; ++i) {
        const auto spread = static_cast<std::uint64_t>(options.delay_spread.count());
        const Duration delay = options.delay + Duration{spread ? static_cast<long>(random.below(spread)) : 0};
        pipe.emplace(time + delay, [this, &from, &to, message] { to.receive(message, from.address, now()); });
      }
    }
  }
};

}  // namespace causeway::session::testing
