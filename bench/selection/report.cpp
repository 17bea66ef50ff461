#include "selection/report.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace causeway::selection {
namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char* form, ...) {
  char text[256];
  std::va_list values;
  va_start(values, form);
  std::vsnprintf(text, sizeof text, form, values);
  va_end(values);
  return text;
}

void add_to(Report::Sum& sum, const replay::Totals& totals) {
  ++sum.worlds;
  sum.totals += totals;
}

std::string row_of(const std::string& title, const std::vector<Report::Sum>& sums) {
  std::string line = "| " + title + " |";
  for (const Report::Sum& sum : sums)
    line += format(" %.2f |", sum.regret_per_second());
  for (std::size_t i = 1; i < sums.size(); ++i)
    line += format(" %.3f |", sums[0].totals.regret() / std::max(sums[i].totals.regret(), 1e-9));
  for (const Report::Sum& sum : sums)
    line += format(" %.2f |", sum.cost_per_second());
  for (const Report::Sum& sum : sums)
    line += format(" %.2f |", 600 * static_cast<double>(sum.totals.switches) / sum.seconds());
  return line + "\n";
}

}  // namespace

void Report::add(const World& world, const std::vector<replay::Totals>& results) {
  rows_.push_back({world.world_class, world.seed, results});
}

Report::Sum Report::sum(std::size_t name) const {
  Sum sum;
  for (const Row& row : rows_)
    add_to(sum, row.results[name]);
  return sum;
}

Report::Sum Report::sum(WorldClass world_class, std::size_t name) const {
  Sum sum;
  for (const Row& row : rows_) {
    if (row.world_class == world_class) add_to(sum, row.results[name]);
  }
  return sum;
}

std::string Report::tables() const {
  std::string head = "| class |", rule = "|---|";
  const auto column = [&](const std::string& title) {
    head += " " + title + " |";
    rule += "---|";
  };
  for (const std::string& name : names_)
    column("regret, " + name);
  for (std::size_t i = 1; i < names_.size(); ++i)
    column("ratio to " + names_[i]);
  for (const std::string& name : names_)
    column("cost, " + name);
  for (const std::string& name : names_)
    column("switches, " + name);
  std::string text = head + "\n" + rule + "\n";
  const auto sums_of = [&](auto sum_of) {
    std::vector<Sum> sums;
    for (std::size_t i = 0; i < names_.size(); ++i)
      sums.push_back(sum_of(i));
    return sums;
  };
  for (const WorldClass world_class : kAllClasses) {
    const auto sums = sums_of([&](std::size_t i) { return sum(world_class, i); });
    if (sums[0].worlds > 0) text += row_of(std::string(to_string(world_class)), sums);
  }
  if (rows_.empty()) return text;
  text += row_of("**all**", sums_of([&](std::size_t i) { return sum(i); }));

  if (names_.size() < 2) return text;
  text +=
      "\n| class | against | worlds | lost | by more than 2 % of the cost | mean loss | worst loss | seed "
      "|\n";
  text += "|---|---|---|---|---|---|---|---|\n";
  for (const WorldClass world_class : kAllClasses) {
    for (std::size_t other = 1; other < names_.size(); ++other) {
      std::size_t worlds = 0, lost = 0, clearly = 0;
      double total = 0, worst = 0;
      std::uint64_t seed = 0;
      for (const Row& row : rows_) {
        if (row.world_class != world_class) continue;
        ++worlds;
        const replay::Totals &ours = row.results[0], &theirs = row.results[other];
        const double loss = (ours.cost - theirs.cost) / std::chrono::duration<double>(ours.time).count();
        if (loss <= 0) continue;
        ++lost;
        clearly += ours.cost > 1.02 * theirs.cost ? 1 : 0;
        total += loss;
        if (loss > worst) worst = loss, seed = row.seed;
      }
      if (worlds == 0) continue;
      text += format("| %s | %s | %zu | %zu | %zu | %.2f | %.2f | %llu |\n", to_string(world_class).data(),
                     names_[other].c_str(), worlds, lost, clearly,
                     lost == 0 ? 0.0 : total / static_cast<double>(lost), worst,
                     static_cast<unsigned long long>(seed));
    }
  }
  return text;
}

std::string Report::lines() const {
  std::string text = "class\tseed\tseconds";
  for (const std::string& name : names_)
    text += "\tcost " + name + "\tregret " + name + "\tswitches " + name;
  text += "\n";
  for (const Row& row : rows_) {
    text +=
        format("%s\t%llu\t%lld", to_string(row.world_class).data(), static_cast<unsigned long long>(row.seed),
               static_cast<long long>(row.results[0].time / 1s));
    for (const replay::Totals& totals : row.results)
      text += format("\t%.1f\t%.1f\t%llu", totals.cost, totals.regret(),
                     static_cast<unsigned long long>(totals.switches));
    text += "\n";
  }
  return text;
}

}  // namespace causeway::selection
