// Use, swap, faults and unloading, with real libraries and virtual time.
#include "plugin/host.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "plugin/crash_marker.hpp"
#include "plugin/fault_note.hpp"
#include "plugin/plugin_library.hpp"
#include "unit/plugin/host_fixture.hpp"

namespace causeway::plugin {
namespace {

using namespace test;

class HostLife : public ::testing::Test {
 protected:
  void load(const std::string& name) {
    const auto result = world_.host().load(test_plugin(name), world_.now());
    ASSERT_TRUE(result) << result.error().message;
  }
  std::string use_error(const std::vector<Host::StackEntry>& stack) {
    const auto result = world_.host().use(stack, world_.now());
    return result ? "" : result.error().message;
  }
  std::vector<std::int64_t> scores(const std::string& peer) {
    std::vector<std::int64_t> list;
    for (const auto& score :
         world_.score(peer, {make_path(1, 30), make_path(2, 10), make_path(3, 20)}).scores) {
      list.push_back(score.score);
    }
    return list;
  }

  HostWorld world_;
};

TEST_F(HostLife, BuiltinDecidesWhileNothingElseCan) {
  EXPECT_EQ(world_.host().stack_text(), "builtin");
  EXPECT_EQ(scores("peer"), (std::vector<std::int64_t>{1'000'000, 333'333, 666'666}));
  EXPECT_EQ(world_.score("peer", {}).stack, "builtin");
}

TEST_F(HostLife, UseReplacesTheStack) {
  load("plain-c");
  load("moody");
  EXPECT_EQ(use_error({{"plain-c"}}), "");
  EXPECT_EQ(world_.host().stack_text(), "plain-c");
  EXPECT_EQ(scores("peer"), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(world_.row("plain-c")->state, InstanceState::active);
  EXPECT_EQ(world_.ranking_changes, 1);

  EXPECT_EQ(use_error({{"moody", 700}, {"plain-c", 300}}), "");
  EXPECT_EQ(world_.host().stack_text(), "moody:700,plain-c:300");
  EXPECT_EQ(world_.ranking_changes, 2);
  const auto ranking = world_.score("peer", {make_path(1, 1)});
  EXPECT_EQ(ranking.stack, "moody:700,plain-c:300");
  EXPECT_EQ(ranking.scores[0].reason, "moody: moody; plain-c: by id");
  EXPECT_EQ(ranking.scores[0].score, (999 * 700 + 1 * 300) / 1000);

  EXPECT_EQ(use_error({{"moody"}}), "");
  EXPECT_EQ(world_.row("plain-c")->state, InstanceState::loaded);
}

TEST_F(HostLife, UseRefusesAndLeavesTheStack) {
  load("plain-c");
  load("echo-source");
  ASSERT_EQ(use_error({{"plain-c"}}), "");
  EXPECT_EQ(use_error({}), "name at least one priority plugin (causeway plugin list shows them)");
  EXPECT_EQ(use_error({{"absent"}}), "absent is not loaded: load its file first");
  EXPECT_EQ(use_error({{"echo-source"}}), "echo-source is not a priority plugin");
  EXPECT_EQ(use_error({{"plain-c"}, {"plain-c"}}), "plain-c is named twice");
  EXPECT_EQ(use_error({{"plain-c", 0}}), "the weight of plain-c must be 1 to 1000000 (1000 is one part)");
  EXPECT_EQ(world_.host().stack_text(), "plain-c");
}

TEST_F(HostLife, CandidatesAreRankedByTheFirstLayerThatDoes) {
  load("plain-c");  // leaves candidates to others
  load("moody");
  ASSERT_EQ(use_error({{"plain-c"}, {"moody"}}), "");
  const auto candidates = {make_candidate(ice::CandidateType::host, "192.0.2.1:1", 1),
                           make_candidate(ice::CandidateType::relayed, "192.0.2.2:1", 2)};
  EXPECT_EQ(world_.rank(candidates), (std::vector<std::uint32_t>{1000, 999}));
  ASSERT_EQ(use_error({{"plain-c"}}), "");
  EXPECT_EQ(world_.rank(candidates),
            (std::vector<std::uint32_t>{(126U << 24) + (65535U << 8) + 255, (65534U << 8) + 255}));
  EXPECT_EQ(world_.row("plain-c")->faults, 0U);
}

TEST_F(HostLife, AnExceptionIsAFaultAndThreeInARowFailThePlugin) {
  load("moody");
  load("plain-c");
  ASSERT_EQ(use_error({{"moody"}, {"plain-c"}}), "");
  EXPECT_EQ(scores("throw"), (std::vector<std::int64_t>{1, 2, 3})) << "the rest of the stack decides";
  EXPECT_EQ(scores("throw-int"), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(world_.row("moody")->state, InstanceState::active);
  EXPECT_EQ(scores("fail"), (std::vector<std::int64_t>{1, 2, 3}));
  const auto row = world_.row("moody");
  EXPECT_EQ(row->state, InstanceState::failed);
  EXPECT_EQ(row->faults, 3U);
  EXPECT_EQ(row->reason, "3 faults in a row, the last: scoring pairs failed (CW_ERROR_FAILED)");
  EXPECT_EQ(world_.host().stack_text(), "plain-c");
  EXPECT_EQ(world_.ranking_changes, 2);
  EXPECT_EQ(use_error({{"moody"}}), "moody has failed (" + row->reason + "): reload it first");
}

TEST_F(HostLife, BuiltinTakesOverWhenTheWholeStackHasFailed) {
  load("moody");
  ASSERT_EQ(use_error({{"moody"}}), "");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(world_.score("fail", {make_path(1, 1)}).stack, "builtin");
  }
  EXPECT_EQ(world_.host().stack_text(), "builtin");
  ASSERT_TRUE(world_.host().reload("moody", world_.now()));
  EXPECT_EQ(world_.row("moody")->state, InstanceState::loaded);
  EXPECT_EQ(use_error({{"moody"}}), "");
}

TEST_F(HostLife, AGoodCallEndsARowOfFaults) {
  load("moody");
  ASSERT_EQ(use_error({{"moody"}}), "");
  for (int i = 0; i < 4; ++i) {
    world_.score("fail", {make_path(1, 1)});
    world_.score("fail", {make_path(1, 1)});
    world_.score("fine", {make_path(1, 1)});
  }
  EXPECT_EQ(world_.row("moody")->state, InstanceState::active);
  EXPECT_EQ(world_.row("moody")->faults, 8U);
  EXPECT_EQ(world_.row("moody")->calls, 12U);
}

TEST_F(HostLife, ScoresOutOfRangeAreClampedAndCounted) {
  load("moody");
  ASSERT_EQ(use_error({{"moody"}}), "");
  EXPECT_EQ(scores("range"), (std::vector<std::int64_t>{1'000'000, 1'000'000, 1'000'000}));
  EXPECT_EQ(world_.row("moody")->faults, 1U);
}

TEST_F(HostLife, ReasonsAreMadePrintableAndWishesReachTheNode) {
  load("moody");
  ASSERT_EQ(use_error({{"moody"}}), "");
  EXPECT_EQ(world_.score("garbage", {make_path(1, 1)}).scores[0].reason, "a??b");
  EXPECT_EQ(world_.score("again", {make_path(1, 1)}).ask_again_after, Duration(200ms));
  EXPECT_FALSE(world_.score("fine", {make_path(1, 1)}).ask_again_after);
  EXPECT_TRUE(world_.score("veto-first", {make_path(1, 1), make_path(2, 2)}).scores[0].vetoed);
  EXPECT_FALSE(world_.score("veto", {make_path(1, 1), make_path(2, 2)}).scores[0].vetoed) << "all are vetoed";
}

TEST_F(HostLife, WhatIsNotKnownIsNullAndEachPluginSeesItsOwnConfiguration) {
  load("moody");
  ASSERT_TRUE(world_.host().use({{"moody", 1000}}, world_.now()));
  const int before = world_.ranking_changes;
  world_.host().set_parameters({{"moody", R"({"a":1})"}, {"other", "{}"}});
  EXPECT_EQ(world_.ranking_changes, before + 1) << "every choice is to be made anew";
  world_.host().set_parameters({{"moody", R"({"a":1})"}, {"other", "{}"}});
  EXPECT_EQ(world_.ranking_changes, before + 1);

  auto known = make_path(1, 1);
  known.history = path::History{.scope = path::History::Scope::near,
                                .rtt = 20ms,
                                .jitter = 3ms,
                                .loss = 0.25,
                                .rate_bytes_per_s = {},
                                .samples = 4};
  known.hint = path::Hint{.score = 1234, .confidence = 5};
  std::optional<Host::PairRanking> answer;
  world_.host().score_paths({.name = "show", .tier = FriendTier::friend_node}, {known, make_path(2, 2)},
                            world_.now(), [&](Host::PairRanking ranking) { answer = std::move(ranking); });
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->scores[0].reason,
            R"(tier 2 configuration {"a":1} history 20000000 3000000 250000 known 55 scope 2 hint 1234)");
  EXPECT_EQ(answer->scores[1].reason, R"(tier 2 configuration {"a":1} no history no hint)");
}

TEST_F(HostLife, ReloadTakesTheFileAnew) {
  const auto file = world_.scratch() / "swap.so";
  std::filesystem::copy_file(test_plugin("plain-c"), file);
  ASSERT_TRUE(world_.host().load(file, world_.now()));
  ASSERT_EQ(use_error({{"plain-c", 500}}), "");
  const auto first_copy = world_.private_directory() / "swap.1.so";
  ASSERT_TRUE(is_mapped(first_copy));

  ASSERT_TRUE(world_.host().reload("plain-c", world_.now()));
  EXPECT_EQ(world_.row("plain-c")->generation, 2U);
  EXPECT_EQ(world_.row("plain-c")->state, InstanceState::active);
  EXPECT_TRUE(is_mapped(first_copy)) << "in reserve until the new one has answered";
  EXPECT_EQ(scores("peer"), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(world_.host().list().size(), 1U);
  EXPECT_FALSE(is_mapped(first_copy)) << "the old code is gone";
  EXPECT_FALSE(std::filesystem::exists(first_copy));
  EXPECT_TRUE(is_mapped(world_.private_directory() / "swap.2.so"));
}

TEST_F(HostLife, AFailedReloadKeepsWhatRuns) {
  const auto file = world_.scratch() / "swap.so";
  std::filesystem::copy_file(test_plugin("plain-c"), file);
  ASSERT_TRUE(world_.host().load(file, world_.now()));
  ASSERT_EQ(use_error({{"plain-c"}}), "");
  std::filesystem::copy_file(test_plugin("too-new"), file, std::filesystem::copy_options::overwrite_existing);
  const auto result = world_.host().reload("plain-c", world_.now());
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().message.ends_with("(generation 1 stays)")) << result.error().message;
  std::filesystem::copy_file(test_plugin("moody"), file, std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(world_.host().reload("plain-c", world_.now()).error().message,
            file.string() + " is another plugin, moody: load it as such (generation 1 of plain-c stays)");
  EXPECT_EQ(world_.row("plain-c")->generation, 1U);
  EXPECT_EQ(scores("peer"), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(world_.host().reload("absent", world_.now()).error().message, "absent is not loaded");
}

TEST_F(HostLife, UnloadUnmaps) {
  load("plain-c");
  ASSERT_EQ(use_error({{"plain-c"}}), "");
  ASSERT_TRUE(world_.host().unload("plain-c", world_.now()));
  EXPECT_TRUE(world_.host().list().empty());
  EXPECT_EQ(world_.host().stack_text(), "builtin");
  EXPECT_FALSE(is_mapped(world_.private_directory() / "plain-c.1.so"));
  EXPECT_EQ(world_.host().unload("plain-c", world_.now()).error().message, "plain-c is not loaded");
  load("plain-c");
  EXPECT_EQ(world_.row("plain-c")->generation, 2U);
}

TEST_F(HostLife, ALibraryThatStaysMappedIsPinned) {
  load("plain-c-pinned");
  ASSERT_TRUE(world_.host().unload("plain-c-pinned", world_.now()));
  const auto row = world_.row("plain-c-pinned");
  ASSERT_TRUE(row);
  EXPECT_EQ(row->state, InstanceState::pinned);
  EXPECT_EQ(row->reason,
            "still in memory after unloading: build it with the SDK's version script and without threads");
  EXPECT_EQ(use_error({{"plain-c-pinned"}}), "plain-c-pinned is not loaded: load its file first");
}

TEST_F(HostLife, TwoCrashesWithinTheTrialKeepAPluginOut) {
  // A process that dies leaves the trial mark of its activation behind; copy it as it stands in mid-trial.
  const auto mark = world_.private_directory() / "plain-c.trial";
  const auto kept = world_.scratch() / "mark";
  for (int crash = 0; crash < 2; ++crash) {
    load("plain-c");
    ASSERT_EQ(use_error({{"plain-c"}}), "");
    world_.advance(30s);
    ASSERT_TRUE(std::filesystem::exists(mark));
    std::filesystem::copy_file(mark, kept, std::filesystem::copy_options::overwrite_existing);
    world_.stop();
    std::filesystem::copy_file(kept, mark, std::filesystem::copy_options::overwrite_existing);
    std::ofstream(world_.private_directory() / "fault");
    world_.start();
  }
  const auto refused = world_.host().load(test_plugin("plain-c"), world_.now());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            test_plugin("plain-c").string() +
                ": kept out: the daemon ended 2 times within 60 s of its use: install a "
                "corrected build, or remove " +
                mark.string() + " to try again");
  std::filesystem::remove(mark);
  load("plain-c");
}

TEST_F(HostLife, AnOrderlyEndAndAPassedTrialLeaveNoMark) {
  const auto mark = world_.private_directory() / "plain-c.trial";
  load("plain-c");
  EXPECT_FALSE(std::filesystem::exists(mark)) << "loaded is not in use";
  ASSERT_EQ(use_error({{"plain-c"}}), "");
  EXPECT_TRUE(std::filesystem::exists(mark));
  EXPECT_EQ(world_.host().next_timeout(), world_.now().steady + 60s);
  world_.advance(60s);
  EXPECT_FALSE(std::filesystem::exists(mark));
  EXPECT_FALSE(world_.host().next_timeout());
  world_.stop();
  world_.start();
  load("plain-c");
  ASSERT_EQ(use_error({{"plain-c"}}), "");
  world_.stop();
  EXPECT_FALSE(std::filesystem::exists(mark));
  world_.start();
}

TEST(CrashMarkers, AnotherBuildStartsCleanAndRubbishIsIgnored) {
  ScratchDirectory scratch;
  std::ofstream(scratch.path() / "fault");
  CrashMarkers markers(scratch.path());
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "fault")) << "it tells of one process";
  markers.started("a", "hash1");
  markers.started("a", "hash1");
  markers.started("a", "hash1");
  EXPECT_FALSE(markers.may_start("a", "hash1"));
  EXPECT_TRUE(markers.may_start("a", "hash2"));
  std::ofstream(scratch.path() / "b.trial") << "hash1 99999999999999999999999 x\n";
  EXPECT_TRUE(markers.may_start("b", "hash1"));
}

TEST(CrashMarkers, WhoWasKilledFromOutsideBlamesNobody) {
  ScratchDirectory scratch;
  for (int kill = 0; kill < 20; ++kill) {
    CrashMarkers markers(scratch.path());
    EXPECT_TRUE(markers.may_start("a", "hash1"));
    markers.started("a", "hash1");
  }
}

TEST(FaultNote, IsLeftByFaultsAndByNothingElse) {
  ScratchDirectory scratch;
  const auto child = [&](auto end) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      // A sanitizer would report the fault as one of ours.
      for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
        std::signal(signal, SIG_DFL);
      FaultNote note(scratch.path());
      end();
      std::raise(SIGKILL);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return status;
  };
  EXPECT_EQ(WTERMSIG(child([] {})), SIGKILL);
  EXPECT_FALSE(FaultNote::take(scratch.path()));
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
    EXPECT_NE(child([&] { std::raise(signal); }), 0) << "it ends by it all the same";
    EXPECT_TRUE(FaultNote::take(scratch.path())) << signal;
  }
  EXPECT_NE(child([] { std::abort(); }), 0);
  EXPECT_TRUE(FaultNote::take(scratch.path()));
  EXPECT_EQ(WTERMSIG(child([] { std::raise(SIGTERM); })), SIGTERM);
  EXPECT_FALSE(FaultNote::take(scratch.path()));
}

// ---- candidate sources ----

TEST_F(HostLife, ASourceIsActiveOnLoadAndToldEverything) {
  world_.host().set_bases({{net::BaseId{1}, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"}},
                          world_.now());
  load("echo-source");
  EXPECT_EQ(world_.row("echo-source")->state, InstanceState::active);
  EXPECT_EQ(world_.events, (std::vector<std::string>{"found 1 203.0.113.1:4000", "done"}));
  world_.events.clear();
  world_.host().set_bases({{net::BaseId{1}, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"},
                           {net::BaseId{2}, *net::Endpoint::parse("192.168.1.7:41641"), "wlan0"}},
                          world_.now());
  EXPECT_EQ(world_.events, (std::vector<std::string>{"found 2 203.0.113.2:4000", "done"}))
      << "known ones once";
}

TEST_F(HostLife, ReloadingASourceDoesNotShakeItsCandidates) {
  world_.host().set_bases({{net::BaseId{1}, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"}},
                          world_.now());
  load("echo-source");
  world_.events.clear();
  ASSERT_TRUE(world_.host().reload("echo-source", world_.now()));
  EXPECT_EQ(world_.events, (std::vector<std::string>{"done"}));
  EXPECT_EQ(world_.row("echo-source")->generation, 2U);
  world_.events.clear();
  ASSERT_TRUE(world_.host().unload("echo-source", world_.now()));
  EXPECT_EQ(world_.events, (std::vector<std::string>{"lost 1 203.0.113.1:4000"}));
}

const net::BaseId kBase{1};
const net::Endpoint kServer = *net::Endpoint::parse("198.51.100.1:3478");

TEST_F(HostLife, DatagramsReachOnlyTheSourceThatSentThere) {
  world_.host().set_bases({{kBase, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"}}, world_.now());
  EXPECT_FALSE(world_.host().on_datagram(kBase, kServer, as_bytes("x"), world_.now())) << "no source at all";
  load("echo-source");
  ASSERT_EQ(world_.sent.size(), 1U);
  EXPECT_EQ(world_.sent[0].to, kServer);
  const auto stranger = *net::Endpoint::parse("198.51.100.2:3478");
  EXPECT_FALSE(world_.host().on_datagram(kBase, stranger, as_bytes("x"), world_.now()));
  EXPECT_FALSE(world_.host().on_datagram(net::BaseId{2}, kServer, as_bytes("x"), world_.now()));
  EXPECT_FALSE(world_.host().on_datagram(kBase, kServer, {}, world_.now()));
  EXPECT_EQ(world_.sent.size(), 1U);
  EXPECT_TRUE(world_.host().on_datagram(kBase, kServer, as_bytes("ping"), world_.now()));
  ASSERT_EQ(world_.sent.size(), 2U);
  EXPECT_EQ(as_text(world_.sent[1].bytes), "ping");
  world_.advance(3min);
  EXPECT_FALSE(world_.host().on_datagram(kBase, kServer, as_bytes("late"), world_.now()))
      << "not asked any more";
}

TEST_F(HostLife, TimersFireOnceAndPostedWorkRuns) {
  world_.host().set_bases({{kBase, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"}}, world_.now());
  load("echo-source");
  world_.advance(60s);  // the trial's end is a deadline too
  EXPECT_FALSE(world_.host().next_timeout());
  EXPECT_TRUE(world_.host().on_datagram(kBase, kServer, as_bytes("T"), world_.now()));
  EXPECT_EQ(world_.host().next_timeout(), world_.now().steady + 1s);
  world_.events.clear();
  world_.advance(999ms);
  EXPECT_TRUE(world_.events.empty());
  world_.advance(1ms);  // on_timer posts, the posted work tells the loss
  EXPECT_EQ(world_.events, (std::vector<std::string>{"lost 1 203.0.113.1:4000"}));
  EXPECT_FALSE(world_.host().next_timeout());
}

TEST_F(HostLife, WhatASourceHoldsWhenItIsUnloadedIsTakenBack) {
  world_.host().set_bases({{kBase, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"}}, world_.now());
  load("echo-source");
  EXPECT_TRUE(world_.host().on_datagram(kBase, kServer, as_bytes("T"), world_.now()));
  world_.events.clear();
  ASSERT_TRUE(world_.host().unload("echo-source", world_.now()));
  EXPECT_FALSE(world_.host().next_timeout()) << "its timer";
  EXPECT_EQ(world_.events, (std::vector<std::string>{"lost 1 203.0.113.1:4000"}));
  EXPECT_FALSE(world_.host().on_datagram(kBase, kServer, as_bytes("x"), world_.now())) << "its targets";
}

TEST_F(HostLife, ASourceThatFailsAtOnceIsTakenBackWithWhatItFound) {
  const auto file = world_.scratch() / "swap.so";
  std::filesystem::copy_file(test_plugin("echo-source"), file);
  world_.host().set_bases({{kBase, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"}}, world_.now());
  ASSERT_TRUE(world_.host().load(file, world_.now()));
  world_.events.clear();
  std::filesystem::copy_file(test_plugin("echo-source-fails"), file,
                             std::filesystem::copy_options::overwrite_existing);
  const auto result = world_.host().reload("echo-source", world_.now());
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().message.ends_with("set_bases failed (CW_ERROR_FAILED) (generation 1 goes on)"))
      << result.error().message;
  EXPECT_EQ(world_.events,
            (std::vector<std::string>{"found 1 203.0.113.77:4000", "lost 1 203.0.113.77:4000"}))
      << "what only the new one had found";
  ASSERT_EQ(world_.host().list().size(), 1U);
  EXPECT_EQ(world_.row("echo-source")->generation, 1U);
  EXPECT_TRUE(world_.host().on_datagram(kBase, kServer, as_bytes("ping"), world_.now())) << "it goes on";
}

TEST_F(HostLife, AFailedSourceTakesItsCandidatesAlong) {
  world_.host().set_bases({{kBase, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"}}, world_.now());
  load("echo-source");
  EXPECT_EQ(world_.host().stack_text(), "builtin") << "sources are no part of the stack";
  world_.events.clear();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(world_.events.empty());
    EXPECT_TRUE(world_.host().on_datagram(kBase, kServer, as_bytes("F"), world_.now()));
  }
  EXPECT_EQ(world_.events, (std::vector<std::string>{"lost 1 203.0.113.1:4000"}));
  EXPECT_EQ(world_.row("echo-source")->state, InstanceState::failed);
  EXPECT_EQ(world_.row("echo-source")->reason,
            "3 faults in a row, the last: on_datagram failed (CW_ERROR_FAILED)");
  EXPECT_FALSE(world_.host().on_datagram(kBase, kServer, as_bytes("F"), world_.now()));
}

}  // namespace
}  // namespace causeway::plugin
