#include <gtest/gtest.h>

#include <sstream>

#include "cli/src/arguments.hpp"

namespace causeway::cli {
namespace {

Parsed parse(std::vector<const char*> words) {
  words.insert(words.begin(), "causeway");
  return parse_arguments(static_cast<int>(words.size()), words.data());
}
bool is_local(std::vector<const char*> words) {
  return std::holds_alternative<Local>(parse(std::move(words)));
}
bool is_wrong(std::vector<const char*> words) {
  const Parsed parsed = parse(std::move(words));
  const auto* answered = std::get_if<Answered>(&parsed);
  return answered && answered->exit_code == 2;
}

TEST(PluginRecordArguments, AreAPeerAndAFileOrAllAndAFileOrStop) {
  EXPECT_TRUE(is_local({"plugin", "record", "bob", "x.trace"}));
  EXPECT_TRUE(is_local({"plugin", "record", "--all", "x.trace", "--seconds", "600", "--megabytes", "10"}));
  EXPECT_TRUE(is_local({"plugin", "record", "--stop"}));
  EXPECT_TRUE(is_wrong({"plugin", "record"}));
  EXPECT_TRUE(is_wrong({"plugin", "record", "x.trace"}));
  EXPECT_TRUE(is_wrong({"plugin", "record", "--all", "bob", "x.trace"}));
  EXPECT_TRUE(is_wrong({"plugin", "record", "--stop", "bob", "x.trace"}));
  EXPECT_TRUE(is_wrong({"plugin", "record", "--all", "x.trace", "--seconds", "0"}));
  EXPECT_TRUE(is_wrong({"plugin", "record", "--all", "x.trace", "--seconds", "86401"}));
}

TEST(PluginReplayArguments, AreATraceAndPluginsInAnyOrder) {
  EXPECT_TRUE(is_local({"plugin", "replay", "x.trace", "--plugin", "a.so"}));
  EXPECT_TRUE(is_local({"plugin", "replay", "--plugin", "a.so", "x.trace"}));
  EXPECT_TRUE(is_local({"plugin", "replay", "x.trace", "--plugin", "a.so:700", "--plugin", "b.so:300",
                        "--json", "--plot", "x.svg"}));
  EXPECT_TRUE(is_wrong({"plugin", "replay", "x.trace"}));
  EXPECT_TRUE(is_wrong({"plugin", "replay", "--plugin", "a.so"}));
}

TEST(PluginRecordArguments, WithoutADaemonItIsSaidWhatToDo) {
  const Parsed parsed = parse({"--dir", "/nonexistent", "plugin", "record", "--all", "x.trace"});
  std::ostringstream out, err;
  ASSERT_TRUE(std::holds_alternative<Local>(parsed));
  EXPECT_EQ(std::get<Local>(parsed).run(out, err), 1);
  EXPECT_TRUE(err.str().starts_with("error: no daemon answers at /nonexistent")) << err.str();
}

}  // namespace
}  // namespace causeway::cli
