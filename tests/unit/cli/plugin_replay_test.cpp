#include "cli/src/plugin_replay.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace causeway::cli {
namespace {

using Json = nlohmann::json;

Json run_report(double cost, unsigned switches) {
  return {{"seconds", 60.0},
          {"cost", cost * 60},
          {"regret", 120.0},
          {"cost_per_second", cost},
          {"regret_per_second", 2.0},
          {"switches", switches},
          {"seconds_without_data", 0.5},
          {"choices",
           {{{"at", 1.5},
             {"peer", "bob"},
             {"path", {{"local", "192.0.2.1:1"}, {"remote", "192.0.2.2:2"}}},
             {"reason", "higher-score"},
             {"score", 700},
             {"why", "clean\x1b[2J"}},
            {{"at", 9.0},
             {"peer", "bob"},
             {"path", nullptr},
             {"reason", "all-lost"},
             {"score", 0},
             {"why", ""}}}}};
}

Json report() {
  Json json{{"trace",
             {{"title", "alice to bob"},
              {"origin", "recorded"},
              {"begun", "2026-11-23T04:00:00Z"},
              {"steps", 640},
              {"cut_off", false},
              {"truth", "measurements"},
              {"choices", 100},
              {"controlled_choices", 0}}},
            {"plugin", run_report(31.25, 2)},
            {"builtin", run_report(50, 1)},
            {"recorded", run_report(31.25, 2)}};
  json["plugin"].update({{"stack", "mine"},
                         {"faults", 0},
                         {"decisions_by_others", 0},
                         {"layers",
                          {{{"name", "mine"},
                            {"version", "1.2"},
                            {"weight", 1000},
                            {"state", "none"},
                            {"same_build", true}}}}});
  json["recorded"]["comparison"] = {
      {"compared", 100}, {"equal", 100}, {"same", true}, {"first_difference", nullptr}};
  return json;
}

TEST(RenderReplay, SaysWhatItCameToAndWhatWasChosen) {
  const std::string text = render_replay(report());
  EXPECT_NE(text.find("alice to bob (recorded, begun 2026-11-23T04:00:00Z)"), std::string::npos) << text;
  EXPECT_NE(text.find("by what was measured"), std::string::npos);
  EXPECT_NE(text.find("the recorded build"), std::string::npos);
  EXPECT_NE(text.find("builtin"), std::string::npos);
  EXPECT_NE(text.find("192.0.2.1:1 -> 192.0.2.2:2"), std::string::npos);
  EXPECT_NE(text.find("no path"), std::string::npos);
  EXPECT_NE(text.find("all were made again"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << "reasons come from plugins";
  EXPECT_EQ(text.find("controlled one"), std::string::npos);
}

TEST(RenderReplay, SaysWhereTheRecordingWasLeft) {
  Json json = report();
  json["recorded"]["comparison"] = {
      {"compared", 100},
      {"equal", 90},
      {"same", false},
      {"first_difference", {{"at", 7.5}, {"peer", "bob"}, {"recorded", 1}, {"chosen", 2}}}};
  json["trace"]["controlled_choices"] = 100;
  const std::string text = render_replay(json);
  EXPECT_NE(text.find("90 were made again; the first other one at second 7.5, for bob"), std::string::npos)
      << text;
  EXPECT_NE(text.find("controlled one"), std::string::npos);
}

TEST(RenderReplay, OfAGeneratedTraceThereIsNothingToCompareWith) {
  Json json = report();
  json["recorded"] = nullptr;
  const std::string text = render_replay(json);
  EXPECT_EQ(text.find("recorded choices"), std::string::npos);
  EXPECT_EQ(text.find("as recorded"), std::string::npos);
}

TEST(RenderReplay, ManyChoicesAreCutShort) {
  Json json = report();
  for (int i = 0; i < 100; ++i)
    json["plugin"]["choices"].push_back(json["plugin"]["choices"][0]);
  EXPECT_NE(render_replay(json).find("and 62 more: --json has them"), std::string::npos);
}

TEST(ReplayLayer, IsAFileMaybeWithAWeight) {
  EXPECT_EQ(parse_replay_layer("./mine.so").value(), std::pair(std::string("./mine.so"), 1000u));
  EXPECT_EQ(parse_replay_layer("./mine.so:300").value(), std::pair(std::string("./mine.so"), 300u));
  EXPECT_EQ(parse_replay_layer("dir:x/mine.so").value().first, "dir:x/mine.so");
  EXPECT_FALSE(parse_replay_layer("./mine.so:0"));
  EXPECT_FALSE(parse_replay_layer("./mine.so:1001"));
  EXPECT_FALSE(parse_replay_layer("./mine.so:99999999999"));
}

TEST(RunPluginReplay, SaysWhatIsWrong) {
  std::ostringstream out, err;
  EXPECT_EQ(
      run_plugin_replay(
          {.trace = "/nonexistent", .plugins = {"x.so"}, .configuration = "", .plot = {}, .as_json = false},
          out, err),
      1);
  EXPECT_TRUE(err.str().starts_with("error: /nonexistent cannot be read")) << err.str();
  err.str("");
  EXPECT_EQ(
      run_plugin_replay(
          {.trace = "/nonexistent", .plugins = {"x.so"}, .configuration = "[]", .plot = {}, .as_json = false},
          out, err),
      1);
  EXPECT_NE(err.str().find("no JSON object"), std::string::npos);
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace causeway::cli
