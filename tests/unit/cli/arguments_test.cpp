#include "cli/src/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace causeway::cli {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

Parsed parse(std::vector<const char*> words) {
  words.insert(words.begin(), "causeway");
  return parse_arguments(static_cast<int>(words.size()), words.data());
}

Invocation invocation(std::vector<const char*> words) {
  auto parsed = parse(std::move(words));
  if (auto* answered = std::get_if<Answered>(&parsed)) {
    ADD_FAILURE() << answered->text;
    return {};
  }
  return std::get<Invocation>(parsed);
}

Answered answered(std::vector<const char*> words) {
  auto parsed = parse(std::move(words));
  if (std::holds_alternative<Invocation>(parsed)) {
    ADD_FAILURE() << "understood";
    return {};
  }
  return std::get<Answered>(parsed);
}

TEST(Arguments, QueriesTakeTheDirectoryAndJson) {
  const auto status = invocation({"--dir", "/tmp/x", "status", "--json"});
  EXPECT_EQ(status.directory, "/tmp/x");
  EXPECT_EQ(status.method, "status");
  EXPECT_TRUE(status.as_json);
  EXPECT_EQ(status.params, Json::object());
  EXPECT_EQ(invocation({"peers"}).directory, "/var/lib/causeway");
  EXPECT_FALSE(invocation({"peers"}).as_json);
  EXPECT_EQ(invocation({"metrics", "--dir", "/tmp/y"}).directory, "/tmp/y") << "behind the sub-command, too";
}

TEST(Arguments, Friends) {
  EXPECT_EQ(invocation({"friends", "--json"}).method, "friends");
  const auto added = invocation({"friend", "add", "bob", "--key", "KEY="});
  EXPECT_EQ(added.method, "friend.add");
  EXPECT_EQ(added.params, (Json{{"name", "bob"}, {"key", "KEY="}}));
  EXPECT_GT(added.timeout, std::chrono::seconds(10)) << "longer than the daemon waits for the server";
  const auto removed = invocation({"friend", "remove", "bob"});
  EXPECT_EQ(removed.method, "friend.remove");
  EXPECT_EQ(removed.params, (Json{{"name", "bob"}}));
}

TEST(Arguments, PeersAreNamed) {
  EXPECT_EQ(invocation({"candidates"}).params, (Json{{"ignored", true}})) << "people are told";
  EXPECT_EQ(invocation({"candidates", "--json"}).params, Json::object());
  EXPECT_EQ(invocation({"candidates", "--json", "--ignored"}).params, (Json{{"ignored", true}}));
  EXPECT_EQ(invocation({"candidates", "n2", "--json"}).params, (Json{{"peer", "n2"}}));
  EXPECT_EQ(invocation({"candidate", "add", "203.0.113.7:5"}).method, "candidate.add");
  EXPECT_EQ(invocation({"candidate", "remove", "203.0.113.7:5"}).params,
            (Json{{"address", "203.0.113.7:5"}}));
  EXPECT_EQ(invocation({"checks", "10.10.0.102", "--json"}).params, (Json{{"peer", "10.10.0.102"}}));
  EXPECT_EQ(invocation({"explain", "n2"}).params, (Json{{"peer", "n2"}}));
  EXPECT_EQ(invocation({"ping", "n2"}).params, (Json{{"peer", "n2"}, {"count", 4}}));
  const auto ping = invocation({"ping", "n2", "-c", "100"});
  EXPECT_EQ(ping.params, (Json{{"peer", "n2"}, {"count", 100}}));
  EXPECT_GT(ping.timeout, std::chrono::seconds(100));
}

TEST(Arguments, Plugins) {
  EXPECT_EQ(invocation({"plugin", "use", "a", "b:300"}).params,
            Json::parse(R"({"stack": [{"name": "a", "weight": 1000}, {"name": "b", "weight": 300}]})"));
  const auto load = invocation({"plugin", "load", "x.so"});
  EXPECT_EQ(load.method, "plugin.load");
  EXPECT_EQ(load.params["file"], (std::filesystem::current_path() / "x.so").string())
      << "the daemon has another directory";
  EXPECT_EQ(invocation({"plugin", "reload", "a"}).method, "plugin.reload");
  EXPECT_EQ(invocation({"plugin", "unload", "a"}).params, (Json{{"name", "a"}}));
  EXPECT_EQ(invocation({"plugin", "list", "--json"}).method, "plugins");
}

TEST(Arguments, JoinTakesATokenOrAFile) {
  EXPECT_EQ(invocation({"join"}).params, Json::object());
  EXPECT_EQ(invocation({"join", "cw1.abc"}).params, (Json{{"token", "cw1.abc"}}));
  char name[] = "/tmp/causeway-token-XXXXXX";
  ::close(::mkstemp(name));
  std::ofstream(name) << "cw1.def\n";
  const std::string reference = std::string("@").append(name);
  EXPECT_EQ(invocation({"join", reference.c_str()}).params, (Json{{"token", "cw1.def"}}));
  std::filesystem::remove(name);
  EXPECT_THAT(answered({"join", "@/nonexistent"}).text, HasSubstr("cannot read /nonexistent"));
}

TEST(Arguments, WrongUsageIsTwoWithOneErrorLine) {
  const std::vector<std::vector<const char*>> cases{{},
                                                    {"nonsense"},
                                                    {"status", "--nonsense"},
                                                    {"ping"},
                                                    {"ping", "n2", "-c", "0"},
                                                    {"ping", "n2", "-c", "many"},
                                                    {"explain"},
                                                    {"plugin"},
                                                    {"plugin", "use"},
                                                    {"plugin", "use", "a:0"},
                                                    {"plugin", "use", "a:1001"},
                                                    {"plugin", "use", ":5"},
                                                    {"friend"},
                                                    {"friend", "add"},
                                                    {"friend", "remove"},
                                                    {"friend", "remove", "bob", "--key", "K"},
                                                    {"status", "--dir"}};
  for (const auto& words : cases) {
    const Answered wrong = answered(words);
    EXPECT_EQ(wrong.exit_code, 2);
    EXPECT_TRUE(wrong.text.starts_with("error: ")) << wrong.text;
    EXPECT_EQ(std::count(wrong.text.begin(), wrong.text.end(), '\n'), 1) << wrong.text;
  }
}

TEST(Arguments, AnUnknownCommandIsNamed) {
  EXPECT_THAT(answered({"nonsense"}).text, HasSubstr("error: nonsense is no command"));
  EXPECT_THAT(answered({"friend", "greet", "bob"}).text, HasSubstr("error: greet is no command"));
  EXPECT_THAT(answered({}).text, HasSubstr("A subcommand is required"));
}

TEST(Arguments, HelpAndVersion) {
  EXPECT_EQ(answered({"--version"}).exit_code, 0);
  EXPECT_THAT(answered({"--version"}).text, HasSubstr("causeway 0.1.0"));
  for (const std::vector<const char*>& words :
       std::vector<std::vector<const char*>>{{"--help"},
                                             {"status", "--help"},
                                             {"ping", "--help"},
                                             {"plugin", "--help"},
                                             {"plugin", "use", "--help"},
                                             {"join", "--help"}}) {
    const Answered help = answered(words);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_FALSE(help.text.empty());
  }
  EXPECT_THAT(answered({"--help"}).text, HasSubstr("explain"));
}

}  // namespace
}  // namespace causeway::cli
