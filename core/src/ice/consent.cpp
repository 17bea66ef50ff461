#include "ice/consent.hpp"

#include <algorithm>

namespace causeway::ice {
namespace {

constexpr unsigned kQuickProbes = 3;

}  // namespace

Duration Consent::randomised(Duration interval) {
  // RFC 7675 §5.1: 0.8 to 1.2 times the interval, so that checks of many pairs do not fall into step.
  return interval * static_cast<std::int64_t>(800 + random_.below(401)) / 1000;
}

void Consent::on_answered(CandidatePair& pair, bool is_nominated, SteadyTime now) {
  pair.lost_in_row = 0;
  // An answer to a retransmitted check says nothing about the round trip: measure once more, now.
  pair.next_probe =
      pair.rtt ? now + randomised(is_nominated ? options_.consent_interval : options_.keep_warm) : now;
}

void Consent::on_sent(CandidatePair& pair, bool is_nominated, SteadyTime now) {
  if (pair.is_valid) {
    pair.next_probe = now + randomised(is_nominated ? options_.consent_interval : options_.keep_warm);
  } else if (pair.was_valid) {
    pair.next_probe = now + options_.reprobe;
  }
}

void Consent::on_lost(CandidatePair& pair, SteadyTime now) {
  if (!pair.is_valid) return;
  ++pair.lost_in_row;
  const SteadyTime next = pair.lost_in_row <= kQuickProbes ? now : now + options_.reprobe;
  pair.next_probe = std::min(next, pair.next_probe.value_or(next));
}

void Consent::on_invalidated(CandidatePair& pair, SteadyTime now) {
  pair.lost_in_row = 0;
  pair.next_probe = now + options_.reprobe;
}

void Consent::on_nominated(CandidatePair& pair, SteadyTime now) {
  const SteadyTime next = now + randomised(options_.consent_interval);
  pair.next_probe = std::min(next, pair.next_probe.value_or(next));
}

}  // namespace causeway::ice
