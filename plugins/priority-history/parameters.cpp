#include "parameters.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace priority_history {
namespace {

/// A key may be as long as the configuration lets it.
std::string complaint(const std::string& key, const char* what) {
  std::string text = "\"";
  text.append(key, 0, 64).append("\" ").append(what);
  return text;
}

}  // namespace

ParsedParameters parse_parameters(std::string_view json) {
  ParsedParameters parsed;
  if (json.empty()) return parsed;
  const auto object = nlohmann::json::parse(json, nullptr, false);
  if (!object.is_object()) {
    parsed.complaints.emplace_back("the configuration is not a JSON object: defaults are used");
    return parsed;
  }
  for (const auto& [key, value] : object.items()) {
    const auto rule = std::find_if(kParameterRules.begin(), kParameterRules.end(),
                                   [&name = key](const ParameterRule& r) { return r.name == name; });
    if (rule == kParameterRules.end()) {
      parsed.complaints.push_back(complaint(key, "is not a parameter"));
      continue;
    }
    if (!value.is_number()) {
      parsed.complaints.push_back(complaint(key, "is not a number"));
      continue;
    }
    const double given = value.get<double>();
    double& parameter = parsed.parameters.*rule->member;
    parameter = std::clamp(given, rule->least, rule->most);
    if (parameter != given) parsed.complaints.push_back(complaint(key, "is out of range and was bounded"));
  }
  return parsed;
}

}  // namespace priority_history
