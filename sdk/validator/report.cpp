#include "sdk/validator/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace causeway::validator {

namespace {

const char* name_of(Severity severity) { return severity == Severity::error ? "error" : "warning"; }

std::size_t count(const Report& report, Severity severity) {
  return static_cast<std::size_t>(
      std::count_if(report.findings.begin(), report.findings.end(),
                    [&](const Finding& finding) { return finding.severity == severity; }));
}

std::string counted(std::size_t number, const char* what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string duration(std::int64_t ns) {
  if (ns < 10'000) return fmt::format("{} ns", ns);
  if (ns < 10'000'000) return fmt::format("{:.1f} us", static_cast<double>(ns) / 1e3);
  return fmt::format("{:.1f} ms", static_cast<double>(ns) / 1e6);
}

}  // namespace

bool Report::has_errors() const { return count(*this, Severity::error) > 0; }

std::string to_text(const Report& report) {
  std::string out;
  if (!report.id.empty()) {
    out += fmt::format("{} {} ({}, plugin ABI {}): {}\n", report.id, report.version, report.kind, report.abi,
                       report.name);
  }
  for (const Finding& finding : report.findings)
    out += fmt::format("{}: {}: {}\n", name_of(finding.severity), finding.check, finding.text);
  if (!report.calls.empty())
    out += fmt::format("{:<18}{:>10}{:>14}{:>14}\n", "call", "count", "median", "longest");
  for (const CallTimes& call : report.calls) {
    out += fmt::format("{:<18}{:>10}{:>14}{:>14}\n", call.function, call.calls, duration(call.median_ns),
                       duration(call.longest_ns));
  }
  out += fmt::format("checked: {}\n",
                     report.checks.empty() ? "nothing" : fmt::format("{}", fmt::join(report.checks, ", ")));
  out += fmt::format("{}: {}, {}\n", report.has_errors() ? "not fit for use" : "fit for use",
                     counted(count(report, Severity::error), "error"),
                     counted(count(report, Severity::warning), "warning"));
  return out;
}

nlohmann::json to_json(const Report& report) {
  using Json = nlohmann::json;
  Json findings = Json::array();
  for (const Finding& finding : report.findings) {
    findings.push_back(
        {{"severity", name_of(finding.severity)}, {"check", finding.check}, {"message", finding.text}});
  }
  Json calls = Json::array();
  for (const CallTimes& call : report.calls) {
    calls.push_back({{"function", call.function},
                     {"calls", call.calls},
                     {"median_ns", call.median_ns},
                     {"longest_ns", call.longest_ns}});
  }
  const auto known = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return {{"file", report.file},        {"id", known(report.id)},
          {"name", known(report.name)}, {"version", known(report.version)},
          {"kind", known(report.kind)}, {"abi", known(report.abi)},
          {"seed", report.seed},        {"fit", !report.has_errors()},
          {"checks", report.checks},    {"findings", std::move(findings)},
          {"calls", std::move(calls)}};
}

}  // namespace causeway::validator
