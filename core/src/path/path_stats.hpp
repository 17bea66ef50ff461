#pragma once

#include <cstdint>

#include "base/time.hpp"
#include "path/path.hpp"

namespace causeway::path {

/// Turns the probes of one path into Measurements. Control thread; owned by the peer's path table.
class PathStats {
 public:
  void on_answer(Duration rtt);
  void on_loss();
  /// A probe of the data path that went unanswered: ICE's checks are counted by themselves.
  void on_data_loss() { record_outcome(true); }
  void on_data_answer(Duration rtt);
  /// The path stopped being valid. What was measured stays: it is history worth having when it returns.
  void on_disconnect();

  /// So many bytes per second went by it, in the busier direction, during the last `window`.
  void on_rate(std::uint64_t bytes_per_s, Duration window);

  const Measurements& measurements() const { return measured_; }
  /// All since the path was first seen.
  std::uint64_t answers() const { return answers_; }
  std::uint64_t losses() const { return losses_; }
  /// Unanswered probes since the last answer.
  unsigned losses_in_a_row() const { return losses_in_a_row_; }

 private:
  void measure(Duration rtt);
  void record_outcome(bool lost);

  Measurements measured_;
  std::uint32_t recent_ = 0;  ///< the newest 32 probes, newest in bit 0, 1 = lost
  std::uint32_t recorded_ = 0;
  std::uint64_t answers_ = 0, losses_ = 0;
  unsigned losses_in_a_row_ = 0;
};

}  // namespace causeway::path
