#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"

namespace causeway::emulator {

/// What one direction of a link does to its packets.
struct LinkOptions {
  double loss = 0;       ///< share of packets lost, 0 to 1
  double duplicate = 0;  ///< share that comes twice
  double reorder = 0;    ///< share that is held back for reorder_by, so that later ones overtake
  Duration reorder_by = 2ms;
  Duration delay = 0ms;
  Duration jitter = 0ms;                ///< up to so much more, order kept
  std::uint64_t bits_per_second = 0;    ///< 0: unlimited
  std::size_t queue_bytes = 256 << 10;  ///< in front of a limited rate; what does not fit is lost
  bool is_cut = false;                  ///< nothing gets through
};

/// One direction of an emulated link: packets and the time go in, packets come out when they are due. The
/// same seed and the same input give the same output.
class LinkModel {
 public:
  LinkModel(const LinkOptions& options, std::uint64_t seed) : options_(options), random_(seed) {}

  void set(const LinkOptions& options) { options_ = options; }
  const LinkOptions& options() const { return options_; }
  void on_packet(ByteView packet, SteadyTime now);
  /// The next packet that is due by `now`.
  std::optional<Bytes> poll(SteadyTime now);
  std::optional<SteadyTime> next_timeout() const;

  struct Counters {
    std::uint64_t in = 0, out = 0, lost = 0, queue_full = 0, duplicated = 0, held_back = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  bool happens(double share);
  void schedule(ByteView packet, SteadyTime at);

  static constexpr std::size_t kMostPackets = 100'000;

  LinkOptions options_;
  SeededRandom random_;
  std::multimap<SteadyTime, Bytes> waiting_;
  SteadyTime line_is_free_{};  ///< when the last packet has left the sender
  SteadyTime newest_{};        ///< no packet in order arrives earlier
  Counters counters_;
};

}  // namespace causeway::emulator
