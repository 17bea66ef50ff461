#pragma once

#include <map>
#include <string>
#include <vector>

#include "selection/contest.hpp"

namespace causeway::selection {

/// What several algorithms made of the same worlds; the first one is the one in question.
class Report {
 public:
  explicit Report(std::vector<std::string> names) : names_(std::move(names)) {}
  /// One result for each name.
  void add(const World& world, const std::vector<replay::Totals>& results);

  /// Tables in Markdown: per class and overall, then how often and by how much the first one loses.
  std::string tables() const;
  /// One line per world: class, seed, and cost and regret of each, with tabs. Nothing is left out.
  std::string lines() const;

  struct Sum {
    std::size_t worlds = 0;
    replay::Totals totals;
    double cost_per_second() const { return totals.cost / seconds(); }
    double regret_per_second() const { return totals.regret() / seconds(); }
    double seconds() const { return std::chrono::duration<double>(totals.time).count(); }
  };
  Sum sum(std::size_t name) const;
  Sum sum(WorldClass world_class, std::size_t name) const;

 private:
  struct Row {
    WorldClass world_class;
    std::uint64_t seed;
    std::vector<replay::Totals> results;
  };
  std::vector<std::string> names_;
  std::vector<Row> rows_;
};

}  // namespace causeway::selection
