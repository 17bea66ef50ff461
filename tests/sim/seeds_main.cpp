// sim_seeds N | FROM:TO [--out DIR] [--verbose]: lives through each seed. A seed that breaks a rule is run
// once more, which writes its sequence diagram and shows that it replays; every tenth is run twice to show
// the same.

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "tests/sim/run_seed.hpp"

namespace {

using causeway::sim::Outcome;
using causeway::sim::run_seed;

constexpr std::uint64_t kRunTwiceEach = 10;

volatile std::uint64_t seed_under_way = 0;

/// A crash names its seed: nothing else is known then.
void on_crash(int number) {
  char text[64] = "crashed at seed ";
  char* const end = std::to_chars(text + 16, text + 40, std::uint64_t{seed_under_way}).ptr;
  *end = '\n';
  (void)!::write(STDOUT_FILENO, text, static_cast<std::size_t>(end + 1 - text));
  ::signal(number, SIG_DFL);
  ::raise(number);
}

struct Arguments {
  std::uint64_t from = 1, to = 0;
  std::filesystem::path out = ".";
  bool is_verbose = false;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Arguments> read_arguments(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--verbose") {
      arguments.is_verbose = true;
    } else if (word == "--out" && i + 1 < count) {
      arguments.out = words[++i];
    } else {
      const std::size_t colon = word.find(':');
      const bool is_range = colon != std::string_view::npos;
      const auto from = is_range ? number(word.substr(0, colon)) : std::optional<std::uint64_t>(1);
      const auto to = number(is_range ? word.substr(colon + 1) : word);
      if (!from || !to) return std::nullopt;
      arguments.from = *from;
      arguments.to = *to;
    }
  }
  if (arguments.to < arguments.from) return std::nullopt;
  return arguments;
}

/// True if the seed is fine.
bool examine(std::uint64_t seed, const Arguments& arguments, Outcome& outcome) {
  outcome = run_seed(seed, false);
  if (!outcome.breach && seed % kRunTwiceEach != 0) return true;
  const Outcome again = run_seed(seed, true);
  const bool replays = outcome.is_same_run(again);
  if (!outcome.breach && replays) return true;
  std::filesystem::create_directories(arguments.out);
  const auto path = arguments.out / fmt::format("seed-{}.mmd", seed);
  std::ofstream(path) << again.diagram;
  const std::string what = outcome.breach ? outcome.breach->invariant + ": " + outcome.breach->what : "";
  fmt::print("seed {}: {}{} [{}; replay: ./run sim {}:{}]\n", seed, what, replays ? "" : " DOES NOT REPLAY",
             path.string(), seed, seed);
  std::fflush(stdout);
  return false;
}

}  // namespace

int main(int count, char** words) {
  const auto arguments = read_arguments(count, words);
  if (!arguments) {
    std::fputs("usage: sim_seeds N | FROM:TO [--out DIR] [--verbose]\n", stderr);
    return 2;
  }
  causeway::log::set_level(causeway::log::Level::off);
  for (const int number : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL})
    ::signal(number, on_crash);

  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t failures = 0, steps = 0, packets = 0;
  double virtual_hours = 0;
  causeway::Duration slowest_online{}, slowest_crossing{};
  for (std::uint64_t seed = arguments->from; seed <= arguments->to; ++seed) {
    seed_under_way = seed;
    Outcome outcome;
    if (!examine(seed, *arguments, outcome)) ++failures;
    steps += outcome.steps;
    packets += outcome.packets_received;
    virtual_hours += causeway::to_milliseconds(outcome.ended.time_since_epoch()) / 3.6e6 - 1;
    slowest_online = std::max(slowest_online, outcome.until_online);
    slowest_crossing = std::max(slowest_crossing, outcome.until_crossed);
    if (arguments->is_verbose)
      fmt::print("seed {}: {} steps, online {:.1f} s, crossed {:.1f} s, {} of {} packets\n", seed,
                 outcome.steps, causeway::to_milliseconds(outcome.until_online) / 1000,
                 causeway::to_milliseconds(outcome.until_crossed) / 1000, outcome.packets_received,
                 outcome.packets_sent);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print(
      "{} seeds, {} failed; {:.1f} virtual hours, {} steps, {} packets arrived; after healing online within "
      "{:.1f} s, "
      "packets across within {:.1f} s; took {:.1f} s\n",
      arguments->to - arguments->from + 1, failures, virtual_hours, steps, packets,
      causeway::to_milliseconds(slowest_online) / 1000, causeway::to_milliseconds(slowest_crossing) / 1000,
      took.count());
  return failures == 0 ? 0 : 1;
}
