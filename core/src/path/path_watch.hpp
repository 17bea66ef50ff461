#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/time.hpp"

namespace causeway::path {

/// Finds out, while a path carries data, whether data still gets through: small probes that pass prove
/// nothing. Sans-I/O. docs/paths.md has the states and how the figures were chosen.
///
/// - *Quiet* data (nothing came back by this path for a round trip and a bit), a doubt of ICE, or an
///   unanswered sample begin a *trial*: data-sized probes on this path and on the others, at short intervals.
/// - Meanwhile data is to go by the best other path, too ("companion"): at once when what used to come back
///   does not, else when two probes are overdue.
/// - The trial ends well with the first answer to a data-sized probe, or, if silence began it and nothing
/// went
///   by a companion, with data.
/// - It ends badly after kUnanswered overdue probes: for another path that did answer meanwhile, or, when
///   nothing answers anywhere, for all of them. So a peer that was held up for a moment loses nothing.
class PathWatch {
 public:
  using PathId = std::uint32_t;

  /// What the data loop saw of the path in use.
  struct Traffic {
    std::optional<SteadyTime> sent;     ///< content, by whatever path
    std::optional<SteadyTime> arrived;  ///< content, by the path in use
    std::uint64_t bytes_sent = 0;
  };
  struct Timing {
    std::optional<Duration> rtt, jitter;  ///< RFC 6298; unknown: slow
  };
  /// How large a probe is to be: as the data of its path, or what every path should carry.
  enum class Size : std::uint8_t { data, small };
  struct ProbeWish {
    PathId path = 0;
    Size size = Size::data;
  };
  enum class Verdict : std::uint8_t {
    none,
    size_lost,  ///< small probes pass, data-sized ones don't: a black hole for large datagrams
    dead,       ///< this path; another one answers
    all_dead,   ///< this path and all others
  };

  static constexpr std::size_t kCompanionAfter = 2;  ///< overdue probes
  static constexpr std::size_t kUnanswered = 8;
  static constexpr Duration kLeastSilence = std::chrono::milliseconds(450);
  static constexpr Duration kLeastSilenceWithData = std::chrono::milliseconds(1500);
  static constexpr Duration kLeastSilenceOfAll = std::chrono::milliseconds(1200);
  static constexpr Duration kSampleEvery = std::chrono::milliseconds(500);
  static constexpr std::uint64_t kSampleAfterBytes = 16'384;
  static constexpr std::size_t kMostOthers = 3;

  /// The path in use, nullopt: none that can be watched. Another one than before is watched from scratch.
  /// `has_small`: its data-sized probes are larger than small ones.
  void watch(std::optional<PathId> path, bool has_small, SteadyTime now);
  /// The other valid paths, best first.
  void set_others(std::vector<PathId> others);
  void set_timing(const Timing& timing) { timing_ = timing; }
  /// Before each on_timeout().
  void on_traffic(const Traffic& traffic, SteadyTime now);
  /// Checks of ICE on the path in use go unanswered.
  void on_doubt(SteadyTime now);
  void on_answer(PathId path, Size size, SteadyTime sent, SteadyTime now);
  /// Data is smaller now: what was lost says nothing about it.
  void on_size_changed(SteadyTime now);

  /// Everything that is due; wishes are taken afterwards.
  Verdict on_timeout(SteadyTime now);
  std::optional<SteadyTime> next_timeout() const { return next_; }
  std::optional<ProbeWish> poll_probe();

  /// The other path that data is to go by as well.
  std::optional<PathId> companion() const { return trial_ ? trial_->companion : std::nullopt; }
  bool is_on_trial() const { return trial_.has_value(); }

 private:
  enum class Cause : std::uint8_t { silence, sample, doubt };
  struct Trial {
    Cause cause;
    SteadyTime since;                   ///< nothing came back since then
    std::deque<SteadyTime> unanswered;  ///< when the data-sized probes left
    unsigned steps = 0;
    unsigned small_answers = 0;
    std::vector<PathId> answering;  ///< others that answered a probe of this trial
    std::optional<PathId> companion;
    SteadyTime next_step;
  };

  Duration wait() const;
  Duration patience() const;
  Duration spacing() const;
  void begin(Cause cause, SteadyTime since, SteadyTime now);
  void make_up_for_lateness(SteadyTime now);
  bool is_silent(SteadyTime now) const;
  void look_for_silence(SteadyTime now);
  void look_at_sample(SteadyTime now);
  void step(SteadyTime now);
  Verdict judge(SteadyTime now);
  void plan(SteadyTime now);

  std::optional<PathId> path_;
  bool has_small_ = false;
  std::vector<PathId> others_;
  Timing timing_;
  std::optional<Trial> trial_;
  std::deque<ProbeWish> wishes_;

  std::optional<SteadyTime> arrived_;
  std::optional<SteadyTime> sent_;
  std::optional<SteadyTime> looked_at_;  ///< the last on_traffic()
  /// How old the newest data was at most when it was looked at while data flowed; fades in a second or two.
  Duration usual_silence_{};
  std::optional<SteadyTime> unanswered_since_;  ///< data went out, and nothing came back
  std::uint64_t bytes_sent_ = 0;
  std::optional<std::uint64_t> bytes_at_sample_;
  std::optional<SteadyTime> sample_sent_;  ///< awaits its answer
  SteadyTime proven_at_{};                 ///< the newest answer to a data-sized probe
  SteadyTime sampled_at_{};                ///< the newest sample, or what stands for one
  bool is_one_way_ = false;                ///< data goes out, and answers to probes are all that comes back
  std::optional<SteadyTime> next_;
};

}  // namespace causeway::path
