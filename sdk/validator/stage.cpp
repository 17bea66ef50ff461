#include "sdk/validator/stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "plugin/text.hpp"
#include "sdk/validator/progress.hpp"

namespace causeway::validator {

namespace {
constexpr std::size_t kMostFindings = 12;  // of one check: the rest are most likely the same fault
constexpr std::size_t kMostDurations = 100'000;
constexpr std::size_t kMostText = 600;
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
  if (std::find(findings_.begin(), findings_.end(), finding) != findings_.end()) return;
  const auto same = std::count_if(findings_.begin(), findings_.end(),
                                  [&](const Finding& other) { return other.check == finding.check; });
  if (severity == Severity::error) ++errors_;
  if (static_cast<std::size_t>(same) < kMostFindings) findings_.push_back(std::move(finding));
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
