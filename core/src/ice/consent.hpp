#pragma once

#include "base/random.hpp"
#include "ice/candidate_pair.hpp"

namespace causeway::ice {

/// When a pair that is or was valid is probed next, and when its consent ends (RFC 7675). It writes a pair's
/// `next_probe` and `lost_in_row` and nothing else.
///
/// - answered: the nominated pair after consent_interval, others after keep_warm, each times 0.8..1.2;
/// - first losses in a row: at once, so that a path's death is known after a few RTOs and not a few
/// intervals;
/// - later losses, and pairs without consent: every `reprobe`.
class Consent {
 public:
  Consent(const Agent::Options& options, RandomSource& random) : options_(options), random_(random) {}

  void on_answered(CandidatePair& pair, bool is_nominated, SteadyTime now);
  /// A probe leaves; what comes next if nobody tells otherwise.
  void on_sent(CandidatePair& pair, bool is_nominated, SteadyTime now);
  void on_lost(CandidatePair& pair, SteadyTime now);
  void on_invalidated(CandidatePair& pair, SteadyTime now);
  /// A pair became the nominated one: its next probe is due sooner.
  void on_nominated(CandidatePair& pair, SteadyTime now);

  /// Only for a valid pair.
  SteadyTime expiry(const CandidatePair& pair) const { return *pair.answered + options_.consent_timeout; }

 private:
  Duration randomised(Duration interval);

  const Agent::Options& options_;
  RandomSource& random_;
};

}  // namespace causeway::ice
