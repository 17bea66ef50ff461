#include "replay/report.hpp"

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

namespace causeway::replay {
namespace {

using Json = nlohmann::json;

/// To the microsecond: more would be noise in a file that people read.
double rounded(double value) { return std::round(value * 1000) / 1000; }
double seconds(Duration d) { return rounded(std::chrono::duration<double>(d).count()); }
Json id(const std::optional<std::uint32_t>& path) { return path ? Json(*path) : Json(nullptr); }

Json to_json(const Totals& totals) {
  const double time = std::chrono::duration<double>(totals.time).count();
  // What is shown as no time has no mean: a switch in a nanosecond would cost billions.
  const bool has_mean = totals.time >= std::chrono::milliseconds(1);
  const auto each = [&](double sum) { return has_mean ? Json(rounded(sum / time)) : Json(nullptr); };
  return {{"seconds", rounded(time)},
          {"cost", rounded(totals.cost)},
          {"best", rounded(totals.best)},
          {"regret", rounded(totals.regret())},
          {"cost_per_second", each(totals.cost)},
          {"regret_per_second", each(totals.regret())},
          {"switches", totals.switches},
          {"seconds_without_data", seconds(totals.without_data)}};
}

Json to_json(const Choice& choice, SteadyTime begin) {
  Json json{{"at", seconds(choice.at.steady - begin)},  {"peer", choice.peer},   {"path", nullptr},
            {"reason", path::to_string(choice.reason)}, {"score", choice.score}, {"why", choice.why}};
  if (choice.path) {
    json["path"] = {{"id", *choice.path},
                    {"local", choice.local.address.to_string()},
                    {"remote", choice.remote.address.to_string()},
                    {"local_type", ice::to_string(choice.local.type)},
                    {"remote_type", ice::to_string(choice.remote.type)}};
  }
  return json;
}

}  // namespace

Json report(const Run& run, SteadyTime begin) {
  Json json = to_json(run.totals());
  json["peers"] = Json::object();
  for (const auto& [name, totals] : run.peers())
    json["peers"][name] = to_json(totals);
  json["choices"] = Json::array();
  for (const Choice& choice : run.choices())
    json["choices"].push_back(to_json(choice, begin));
  json["choices_left_out"] = run.choices_left_out();
  return json;
}

Json comparison_report(const Run& run, SteadyTime begin) {
  const Run::Comparison& comparison = run.comparison();
  Json json{{"compared", comparison.compared},
            {"equal", comparison.equal},
            {"same", comparison.compared == comparison.equal},
            {"first_difference", nullptr}};
  if (const auto& first = comparison.first_difference) {
    json["first_difference"] = {{"at", seconds(first->at.steady - begin)},
                                {"peer", first->peer},
                                {"recorded", id(first->recorded)},
                                {"chosen", id(first->chosen)}};
  }
  return json;
}

}  // namespace causeway::replay
