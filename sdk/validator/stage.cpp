#include "sdk/validator/stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "plugin/text.hpp"
#include "sdk/validator/progress.hpp"

namespace causeway::validator {

namespace {
constexpr std::size_t kMostDurations = 100'000;
constexpr std::size_t kMostText = 600;
}  // namespace

namespace {

/// What a finding is about: its text without numbers and without the example in brackets at its end.
std::string subject(std::string_view text) {
  if (!text.empty() && text.back() == ')') text = text.substr(0, text.rfind(" ("));
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return (c < '0' || c > '9') && c != '-'; });
  return out;
}

}  // namespace

void Progress::put(char* field, std::size_t size, std::string_view text) {
  const std::size_t length = std::min(text.size(), size - 1);
  std::copy_n(text.data(), length, field);
  field[length] = 0;
}

void Stage::enter(const char* function, std::string_view detail) {
  Progress::put(progress_.function, sizeof progress_.function, function);
  Progress::put(progress_.detail, sizeof progress_.detail, detail);
  progress_.since_ns.store(std::chrono::steady_clock::now().time_since_epoch().count(),
                           std::memory_order_relaxed);
  progress_.entered.fetch_add(1, std::memory_order_release);
}

void Stage::leave() { progress_.entered.fetch_add(1, std::memory_order_release); }

void Stage::took(const char* function, Duration duration) {
  last_ = duration;
  Duration& slowest = slowest_[function];
  slowest = std::max(slowest, duration);
  auto& all = durations_[function];
  if (all.size() < kMostDurations) all.push_back(duration.count());
}

CallTimes Stage::times(const std::string& function) const {
  const auto at = durations_.find(function);
  if (at == durations_.end()) return {.function = function};
  std::vector<std::int64_t> sorted = at->second;
  std::sort(sorted.begin(), sorted.end());
  return {function, sorted.size(), sorted[sorted.size() / 2], sorted.back()};
}

void Stage::note(Severity severity, const char* check, std::string text) {
  Finding finding{severity, check, plugin::clean_text(text, kMostText)};
  // One line for each fault, with the first example of it.
  const bool is_known = std::any_of(findings_.begin(), findings_.end(), [&](const Finding& other) {
    return other.check == finding.check && subject(other.text) == subject(finding.text);
  });
  if (severity == Severity::error) ++errors_;
  if (!is_known) findings_.push_back(std::move(finding));
}

std::string Stage::result() const {
  using Json = nlohmann::json;
  Json findings = Json::array();
  for (const Finding& finding : findings_)
    findings.push_back({finding.severity == Severity::error, finding.check, finding.text});
  Json calls = Json::array();
  for (const auto& [function, all] : durations_) {
    const CallTimes call = times(function);
    calls.push_back({function, call.calls, call.median_ns, call.longest_ns});
  }
  return Json{{"findings", std::move(findings)}, {"calls", std::move(calls)}, {"told", told_}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace causeway::validator
