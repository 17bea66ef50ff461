#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "sdk/validator/report.hpp"

namespace causeway::validator {

/// The longest call, by function.
using Slowest = std::map<std::string, Duration>;

struct Progress;  // shared with the watching process

/// A part of the examination, as it runs in a process of its own: what plugin code does there, it does to
/// that process alone. Single-threaded but for what a stage starts itself.
class Stage {
 public:
  Stage(Progress& progress, std::uint64_t seed) : progress_(progress), seed_(seed) {}

  std::uint64_t seed() const { return seed_; }
  void error(const char* check, std::string text) { note(Severity::error, check, std::move(text)); }
  void warning(const char* check, std::string text) { note(Severity::warning, check, std::move(text)); }
  std::size_t errors() const { return errors_; }
  /// What the plugin says of itself: "id", "name", "version", "kind" or "abi" of the report.
  void tell(const char* key, const std::string& value) { told_[key] = value; }

  /// Where we are, for whoever finds out that this process has died: a call of `function`, about `detail`.
  void enter(const char* function, std::string_view detail = {});
  void leave();

  /// One call into the plugin: marked, timed. Returns what it returned.
  template <class Call>
  auto call(const char* function, std::string_view detail, Call&& call) {
    enter(function, detail);
    const auto began = std::chrono::steady_clock::now();
    auto result = call();
    took(function, std::chrono::steady_clock::now() - began);
    leave();
    return result;
  }
  /// The slowest call of each function since the last time that this was asked.
  Slowest take_slowest() { return std::exchange(slowest_, {}); }
  /// How long the last call took.
  Duration last() const { return last_; }
  /// Of this function, so far.
  CallTimes times(const std::string& function) const;

  /// What goes to the report.
  std::string result() const;

 private:
  void note(Severity severity, const char* check, std::string text);
  void took(const char* function, Duration duration);

  Progress& progress_;
  std::uint64_t seed_;
  std::vector<Finding> findings_;
  std::size_t errors_ = 0;
  std::map<std::string, std::string> told_;
  std::map<std::string, std::vector<std::int64_t>> durations_;
  Slowest slowest_;
  Duration last_{};
};

struct StageLimits {
  Duration call = std::chrono::seconds(3);    ///< one call
  Duration whole = std::chrono::seconds(60);  ///< all of the stage
};

/// Runs `work` in a process of its own and adds what came of it to `report`. A crash, an exit or a hang of
/// the plugin is a finding that names the call. True: it came to its end.
bool run_stage(Report& report, const char* name, const std::function<void(Stage&)>& work,
               StageLimits limits = {});

}  // namespace causeway::validator
