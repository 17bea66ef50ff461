// `causeway plugin new` writes what the SDK's package test builds.
#include "cli/src/plugin_new.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace causeway::cli {
namespace {

/// In a working directory of its own.
class PluginNew : public testing::Test {
 protected:
  PluginNew() {
    std::string pattern = std::filesystem::temp_directory_path() / "causeway-new-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(folder_);
  }
  ~PluginNew() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(folder_);
  }
  int make(const NewPlugin& wanted) {
    out.str("");
    err.str("");
    return run_plugin_new(wanted, out, err);
  }
  static std::string read(const std::filesystem::path& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  static std::string refusal(const std::string& name, const std::string& kind = "priority") {
    const auto ok = check_new_plugin({name, kind});
    return ok ? "" : ok.error().message;
  }

  std::filesystem::path folder_, before_;
  std::ostringstream out, err;
};

TEST_F(PluginNew, WritesEachKindUnderItsName) {
  for (const char* kind : {"priority", "candidate-source", "transport"}) {
    const std::string name = std::string("mine-") + kind;
    ASSERT_EQ(make({name, kind}), 0) << err.str();
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(name)) {
      const std::string text = read(entry.path());
      EXPECT_FALSE(text.empty()) << entry.path();
      EXPECT_EQ(text.find("template-plugin"), std::string::npos) << entry.path();
      ++files;
    }
    EXPECT_EQ(files, 4U);
    EXPECT_NE(read(name + "/plugin.cpp").find("\"" + name + "\""), std::string::npos);
    EXPECT_NE(read(name + "/CMakeLists.txt").find("causeway_add_plugin(" + name + " "), std::string::npos);
    EXPECT_NE(out.str().find("cmake -S " + name), std::string::npos);
  }
  EXPECT_NE(read("mine-priority/plugin.cpp").find("PriorityPlugin"), std::string::npos);
  EXPECT_NE(read("mine-transport/plugin.cpp").find("TransportPlugin"), std::string::npos);
}

TEST_F(PluginNew, TouchesNothingThatExists) {
  std::filesystem::create_directory("mine");
  EXPECT_EQ(make({"mine", "priority"}), 1);
  EXPECT_EQ(err.str(), "error: ./mine exists already: choose another name, or remove it\n");
  EXPECT_TRUE(std::filesystem::is_empty("mine"));
  std::filesystem::create_symlink("nowhere", "link");
  EXPECT_EQ(make({"link", "priority"}), 1);
  EXPECT_FALSE(std::filesystem::exists("nowhere"));
}

TEST_F(PluginNew, SaysSoWhereNothingCanBeWritten) {
  std::filesystem::create_directory("gone");
  std::filesystem::current_path("gone");
  std::filesystem::remove(folder_ / "gone");
  EXPECT_EQ(make({"mine", "priority"}), 1);
  EXPECT_EQ(err.str().rfind("error: cannot make ./mine: ", 0), 0U) << err.str();
  std::filesystem::current_path(folder_);
}

TEST_F(PluginNew, NamesAreIdsAndNoPaths) {
  for (const char* good : {"a", "mine", "2nd-try", "least-loss"})
    EXPECT_EQ(refusal(good), "") << good;
  EXPECT_EQ(refusal(std::string(64, 'a')), "");
  for (const char* bad : {"", "Mine", "a/b", "..", "-x", "a b", "ä", "a.b", "a_b", "a\n"})
    EXPECT_EQ(refusal(bad), "NAME is 1 to 64 of a-z, 0-9 and '-', and does not begin with '-'") << bad;
  EXPECT_NE(refusal(std::string(65, 'a')), "");
  for (const char* taken : {"test", "all", "install", "clean", "help", "package"})
    EXPECT_NE(refusal(taken).find("the name of a build target already"), std::string::npos) << taken;
}

TEST_F(PluginNew, KindsAreThree) {
  for (const char* kind : {"", "common", "Priority", "source"})
    EXPECT_EQ(refusal("mine", kind), "--kind is priority, candidate-source or transport") << kind;
}

}  // namespace
}  // namespace causeway::cli
