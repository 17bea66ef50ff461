// selection_bench: priority plugins in the worlds of docs/selection.md.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "history/path_figures.hpp"
#include "selection/report.hpp"

namespace {

using namespace causeway;
using namespace causeway::selection;

struct Range {
  std::uint64_t from = 1, to = 500;
};

std::optional<Range> parse_range(const std::string& text) {
  Range range;
  unsigned long long from = 0, to = 0;
  if (std::sscanf(text.c_str(), "%llu:%llu", &from, &to) != 2 || from < 1 || to < from) return std::nullopt;
  range.from = from;
  range.to = to;
  return range;
}

/// A directory of its own, removed afterwards.
struct Scratch {
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "causeway-selection-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Scratch() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
  std::filesystem::path path;
};

void describe(const World& world) {
  std::printf("%s %llu: %zu s from %s, %.0f %% of the traffic is ours\n",
              std::string(to_string(world.world_class)).c_str(), static_cast<unsigned long long>(world.seed),
              world.seconds(), format_rfc3339(world.begin).c_str(), 100 * world.share_out);
  std::uint32_t id = 0;
  for (const Route& route : world.routes) {
    double rtt = 0, jitter = 0, loss = 0, down = 0;
    for (const Second& second : route.seconds) {
      rtt += second.rtt_ms;
      jitter += second.jitter_ms;
      loss += second.is_up ? loss_of_traffic(world, second) : 0;
      down += second.is_up ? 0 : 1;
    }
    const auto n = static_cast<double>(route.seconds.size());
    std::printf("  %u %-5s priority 0x%016llx  %.1f ms, jitter %.1f ms, loss %.2f %%, down %.1f %%", ++id,
                std::string(ice::to_string(route.local.type)).c_str(),
                static_cast<unsigned long long>(route.pair_priority), rtt / n, jitter / n, 100 * loss / n,
                100 * down / n);
    if (route.past) {
      const auto past = history::view_of(*route.past, path::History::Scope::same, world.begin);
      std::printf("; history %.1f ms, loss %.2f %%, %.0f samples, %.1f days ago",
                  to_milliseconds(past.rtt.value_or(Duration{})), 100 * past.loss.value_or(0), past.samples,
                  to_milliseconds(past.last_used_ago) / 86'400'000);
    }
    if (route.hint) {
      std::printf("; hint %lld by %u", static_cast<long long>(route.hint->score), route.hint->confidence);
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Priority plugins in generated worlds: cost and regret of each (docs/selection.md)"};
  std::string seeds = "1:500", only;
  std::vector<std::string> files, parameters;
  std::string lines_file;
  std::uint64_t every = 1;
  bool describes = false;
  app.add_option("--seeds", seeds, "FROM:TO, one world of each class per seed")->capture_default_str();
  app.add_option("--every", every, "only each Nth of the seeds")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--class", only, "of worlds; default: all");
  app.add_option("--plugin", files, "a plugin's file; the first is compared with the others");
  app.add_option("--parameters", parameters, "FILE's JSON object, in the order of the plugins; '' for none");
  app.add_option("--lines", lines_file, "file for one line per world");
  app.add_flag("--describe", describes, "say what the worlds are like, and run nothing");
  CLI11_PARSE(app, argc, argv);
  const auto range = parse_range(seeds);
  if (!range || (files.empty() && !describes)) {
    std::cerr << "error: --seeds FROM:TO and at least one --plugin are needed; see --help\n";
    return 2;
  }

  const Scratch scratch;
  std::vector<std::unique_ptr<Contestant>> contestants;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < files.size(); ++i) {
    Contestant::Entry entry{files[i], std::filesystem::path(files[i]).stem().string(), ""};
    if (i < parameters.size()) entry.parameters = parameters[i];
    if (std::find(names.begin(), names.end(), entry.name) != names.end()) entry.name += std::to_string(i);
    auto contestant = Contestant::enter(entry, scratch.path);
    if (!contestant) {
      std::cerr << "error: " << contestant.error().message << "\n";
      return 1;
    }
    contestants.push_back(std::move(*contestant));
    names.push_back(entry.name);
  }

  Report report(names);
  for (const WorldClass world_class : kAllClasses) {
    if (!only.empty() && only != to_string(world_class)) continue;
    for (std::uint64_t seed = range->from; seed <= range->to; seed += every) {
      const World world = make_world(world_class, seed);
      if (describes) {
        describe(world);
        continue;
      }
      std::vector<replay::Totals> results;
      for (const auto& contestant : contestants)
        results.push_back(contestant->live_through(world));
      report.add(world, results);
    }
  }
  if (describes) return 0;
  std::cout << report.tables();
  if (!lines_file.empty() && !(std::ofstream(lines_file) << report.lines())) {
    std::cerr << "error: " << lines_file << " cannot be written\n";
    return 1;
  }
  return 0;
}
