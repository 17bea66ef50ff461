#include "replay/offline.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "unit/plugin/plugin_files.hpp"
#include "unit/replay/traces.hpp"

namespace causeway::replay::test {
namespace {

using Json = nlohmann::json;
using plugin::test::shipped_plugin;
using plugin::test::test_plugin;

/// The direct path is of higher priority, and lossy from the tenth second to the fortieth.
Trace lossy_direct() {
  Trace trace;
  trace.header.title = "lossy direct";
  trace.header.last_step = 1s;
  for (int i = 0; i < 60; ++i) {
    const bool is_lossy = i >= 10 && i < 40;
    trace.steps.push_back(
        second(i, {a_pair(1, 20ms, 2ms, is_lossy ? 0.2 : 0), a_pair(2, 45ms, 1ms), a_pair(3, 60ms)}));
  }
  return trace;
}

class Offline : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& text) {
    const auto file = scratch_.path() / "trace";
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }
  OfflineTask task(const Trace& trace, const std::filesystem::path& plugin) {
    return {.trace = write(text_of(trace)), .plugins = {{plugin, 1000}}, .configuration = {}, .draws = true};
  }

 private:
  plugin::test::ScratchDirectory scratch_;
};

TEST_F(Offline, ThePluginOfTheIceFormulaChoosesAsTheFormula) {
  const auto outcome = replay_offline(task(lossy_direct(), shipped_plugin("priority-ice")));
  ASSERT_TRUE(outcome) << outcome.error().message;
  const Json report = Json::parse(outcome->report);
  EXPECT_EQ(report["trace"]["steps"], 60);
  EXPECT_EQ(report["trace"]["truth"], "told");
  EXPECT_EQ(report["plugin"]["stack"], "priority-ice");
  EXPECT_EQ(report["plugin"]["regret_against_builtin"], 0.0);
  EXPECT_EQ(report["plugin"]["faults"], 0);
  EXPECT_EQ(report["plugin"]["decisions_by_others"], 0);
  // 30 s of 20 + 8 ms, 30 s of 28 + 400 ms; the best: 30 x 28 and 30 x 49.
  EXPECT_DOUBLE_EQ(report["builtin"]["cost"], 30 * 28 + 30 * 428);
  EXPECT_DOUBLE_EQ(report["builtin"]["best"], 30 * 28 + 30 * 49);
  EXPECT_DOUBLE_EQ(report["builtin"]["regret"], 30 * (428 - 49));
  ASSERT_EQ(report["plugin"]["choices"].size(), 1u);
  EXPECT_EQ(report["plugin"]["choices"][0]["path"]["local"], "10.0.0.1:4001");
  EXPECT_TRUE(report["recorded"].is_null());
}

TEST_F(Offline, TheSameTraceGivesTheSameBytes) {
  for (const auto& plugin : {shipped_plugin("priority-ice"), test_plugin("plain-c")}) {
    const auto wanted = task(lossy_direct(), plugin);
    const auto first = replay_offline(wanted), second = replay_offline(wanted);
    ASSERT_TRUE(first) << first.error().message;
    ASSERT_TRUE(second);
    EXPECT_EQ(first->report, second->report);
    EXPECT_EQ(first->picture, second->picture);
  }
}

TEST_F(Offline, ThePictureShowsPathsAndWhoChoseWhich) {
  Trace trace = lossy_direct();
  trace.header.title = "<a & b>";
  const auto outcome = replay_offline(task(trace, shipped_plugin("priority-ice")));
  ASSERT_TRUE(outcome);
  const std::string& picture = outcome->picture;
  EXPECT_TRUE(picture.starts_with("<svg "));
  EXPECT_NE(picture.find("&lt;a &amp; b&gt;"), std::string::npos);
  EXPECT_NE(picture.find("10.0.0.2:4002 -&gt; 10.0.0.2:5000"), std::string::npos);
  EXPECT_NE(picture.find(">builtin<"), std::string::npos);
  EXPECT_TRUE(picture.ends_with("</svg>\n"));
}

TEST_F(Offline, ATraceOfNoTimeHasNoMeans) {
  Trace trace = lossy_direct();
  trace.header.last_step = 100ns;
  trace.steps.resize(1);
  const auto outcome = replay_offline(task(trace, shipped_plugin("priority-ice")));
  ASSERT_TRUE(outcome) << outcome.error().message;
  const Json report = Json::parse(outcome->report);
  EXPECT_EQ(report["plugin"]["seconds"], 0.0);
  EXPECT_TRUE(report["plugin"]["cost_per_second"].is_null());
  EXPECT_TRUE(report["plugin"]["regret_per_second"].is_null());
}

TEST_F(Offline, SaysWhatIsWrongWithTheFiles) {
  auto wanted = task(lossy_direct(), shipped_plugin("priority-ice"));
  wanted.trace = "/nonexistent";
  EXPECT_NE(replay_offline(wanted).error().message.find("/nonexistent cannot be read"), std::string::npos);
  wanted = task(lossy_direct(), "/nonexistent.so");
  EXPECT_NE(replay_offline(wanted).error().message.find("/nonexistent.so"), std::string::npos);
  wanted = task({}, shipped_plugin("priority-ice"));
  EXPECT_NE(replay_offline(wanted).error().message.find("no steps"), std::string::npos);
  wanted = task(lossy_direct(), shipped_plugin("candidates-stun"));
  EXPECT_FALSE(replay_offline(wanted)) << "no priority plugin";
}

TEST_F(Offline, ARecordedStateGoesToThePluginOfItsNameOnly) {
  Trace trace = lossy_direct();
  trace.header.stack = {{.name = "priority-ice",
                         .version = "1",
                         .sha256 = "",
                         .weight_per_mille = 1000,
                         .configuration = "",
                         .state = Bytes{1, 2, 3}}};
  const auto outcome = replay_offline(task(trace, shipped_plugin("priority-ice")));
  ASSERT_TRUE(outcome) << outcome.error().message;
  const Json report = Json::parse(outcome->report);
  const std::string state = report["plugin"]["layers"][0]["state"];
  EXPECT_TRUE(state.starts_with("cold: ")) << state;
  EXPECT_EQ(report["plugin"]["layers"][0]["same_build"], false);
}

}  // namespace
}  // namespace causeway::replay::test
