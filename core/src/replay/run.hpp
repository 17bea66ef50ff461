#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "path/path_chooser.hpp"
#include "replay/cost.hpp"
#include "replay/scorer.hpp"
#include "replay/trace.hpp"

namespace causeway::replay {

/// One change of the selected path.
struct Choice {
  Now at{};
  std::string peer;
  std::optional<std::uint32_t> path;  ///< nullopt: none was left
  ice::Candidate local, remote;       ///< of the path
  path::SwitchReason reason = path::SwitchReason::none;
  std::int64_t score = 0;
  std::string why;  ///< the algorithm's own words
};

/// What the choices came to. Costs are in ms of delay x seconds of use.
struct Totals {
  Duration time{};
  double cost = 0;
  double best = 0;  ///< of whoever had the best valid path all the time, without a switch
  std::uint64_t switches = 0;
  Duration without_data{};

  double regret() const { return cost - best; }
  Totals& operator+=(const Totals& other);
};

/// Feeds a trace to one algorithm and to the daemon's own selection, over the trace's time, and counts what
/// comes of it. The same steps give the same bytes.
class Run {
 public:
  /// `scorer` is borrowed. Null: nothing is scored, what the trace says was chosen is followed.
  explicit Run(Scorer* scorer) : scorer_(scorer) {}

  void on_step(const Step& step);
  /// The last step of each peer lasts this long.
  void finish(Duration last_step);

  const std::map<std::string, Totals>& peers() const { return totals_; }
  Totals totals() const;
  /// The first kMostChoices; `choices_left_out()` more were made.
  const std::vector<Choice>& choices() const { return choices_; }
  std::uint64_t choices_left_out() const { return left_out_; }
  /// The path in use after the newest step of this peer.
  std::optional<std::uint32_t> selected(const std::string& peer) const;

  /// Choices of a recorded trace against ours after the same steps.
  struct Comparison {
    std::uint64_t compared = 0, equal = 0;
    struct Difference {
      Now at{};
      std::string peer;
      std::optional<std::uint32_t> recorded, chosen;
    };
    std::optional<Difference> first_difference;
  };
  const Comparison& comparison() const { return comparison_; }

  static constexpr std::size_t kMostChoices = 10'000;

 private:
  struct Followed {
    path::PathChooser chooser;
    std::map<std::uint32_t, path::Score> scores;
    std::optional<std::vector<path::Score>> answer;  ///< to the newest question, not arrived yet
    std::optional<SteadyTime> connected_since;       ///< of steps that do not say
    std::vector<Priced> prices;
    SteadyTime counted_until{};
    std::optional<std::uint32_t> followed;  ///< without a scorer: what was chosen, as the trace has it
    std::optional<std::uint32_t> last;      ///< the path in use, or the one before none was
  };

  void count(Followed& peer, Totals& totals, SteadyTime until) const;
  void begin(Followed& peer, const Step& step) const;
  std::vector<path::Score> ask(const Followed& peer, const Step& step) const;
  void take(Followed& peer, const std::vector<path::Score>& scores) const;
  void choose(Followed& peer, const Step& step);
  void follow(Followed& peer, const Step& step);
  void on_changed(Followed& peer, const Step& step, std::optional<std::uint32_t> path,
                  path::SwitchReason reason);

  Scorer* scorer_;
  std::map<std::string, Followed> peers_;  ///< those with a connection
  std::map<std::string, Totals> totals_;
  std::vector<Choice> choices_;
  std::uint64_t left_out_ = 0;
  Comparison comparison_;
};

}  // namespace causeway::replay
