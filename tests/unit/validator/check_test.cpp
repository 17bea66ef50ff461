// `causeway plugin check` without the command line: each fault is found, named, and told what to do about.
// Not under sanitizers: they have a heap and fault handlers of their own, and the plugins of such a build are
// refused, as is meant.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include "sdk/validator/check.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "unit/plugin/plugin_files.hpp"

namespace causeway::validator {
namespace {

using plugin::test::ScratchDirectory;
using plugin::test::shipped_plugin;
using plugin::test::test_plugin;

Report check(const std::string& name) { return check_plugin(test_plugin(name), 1); }

/// "error: contract: …" for each, to be searched and to be read when a test fails.
std::string all(const Report& report) {
  std::string out;
  for (const Finding& finding : report.findings) {
    out += fmt::format("{}: {}: {}\n", finding.severity == Severity::error ? "error" : "warning",
                       finding.check, finding.text);
  }
  return out;
}

/// The one finding that is expected, by a part of its line; nothing else may be wrong.
void expect_only(const Report& report, const std::string& part) {
  const auto is_meant = [&](const Finding& finding) {
    return fmt::format("{}: {}: {}", finding.severity == Severity::error ? "error" : "warning", finding.check,
                       finding.text)
               .find(part) != std::string::npos;
  };
  EXPECT_TRUE(std::any_of(report.findings.begin(), report.findings.end(), is_meant)) << part << "\n"
                                                                                     << all(report);
  EXPECT_TRUE(std::all_of(report.findings.begin(), report.findings.end(), is_meant)) << part << "\n"
                                                                                     << all(report);
}

/// One of possibly several findings: some faults show in more than one way.
void expect_found(const Report& report, const std::string& part) {
  EXPECT_NE(all(report).find(part), std::string::npos) << part << "\n" << all(report);
  EXPECT_TRUE(report.has_errors());
}

TEST(Check, PluginsInOrderHaveNoFindings) {
  for (const char* name : {"faulty-none", "faulty-source-none", "echo-source", "toy-transport", "keeper"}) {
    const Report report = check(name);
    EXPECT_EQ(all(report), "") << name;
    EXPECT_EQ(report.id, name);
    EXPECT_EQ(report.abi, "1.0");
    EXPECT_EQ(report.checks,
              (std::vector<std::string>{"file", "symbols", "load", "contract", "state", "leaks"}));
    EXPECT_FALSE(report.calls.empty());
  }
}

TEST(Check, ShippedPluginsAreFitForUse) {
  for (const char* name : {"priority-ice", "candidates-stun", "transport-turn"}) {
    const Report report = check_plugin(shipped_plugin(name), 1);
    EXPECT_FALSE(report.has_errors()) << name << "\n" << all(report);
  }
}

TEST(Check, AnswersThatDependOnWhatTheyMayNot) {
  expect_found(check("inconsistent"), "error: load: self-check: the same question got two answers");
  expect_found(check("faulty-uses-addresses"), "score_pairs gave two answers to the same question");
  expect_only(check("faulty-uses-unknown"), "score_pairs uses figures whose bit in `known` is not set");
}

TEST(Check, EachFaultIsToldOnce) {
  const Report report = check("faulty-by-sizeof");
  EXPECT_EQ(report.findings.size(), 1U) << all(report);
  EXPECT_EQ(check("faulty-range-with-extremes").findings.size(), 2U);  // by two checks
}

TEST(Check, StructsAndArraysOfALaterHost) {
  expect_only(check("faulty-by-sizeof"), "index arrays by `stride`, never by sizeof");
  expect_found(check("faulty-whole-struct"), "write fields, not whole structs");
}

TEST(Check, MemoryThatIsNotThere) {
  expect_only(check("faulty-beyond-end"), "it went beyond the end of the array of views");
  expect_only(check("faulty-text-with-zero"), "it went beyond the end of a text");
  expect_only(check("faulty-writes-views"), "it wrote to the array of views");
  expect_only(check("faulty-no-statistics"), "score_pairs (");  // what is not known is NULL
  expect_only(check("faulty-source-beyond-end"), "it went beyond the end of the bytes of a message");
}

TEST(Check, AnswersOutOfRange) {
  expect_found(check("faulty-range-with-extremes"), "gave the score -1: scores are 0 to 1000000");
  expect_only(check("faulty-long-reason"), "cut it to `reason_capacity`");
  expect_found(check("scores-out-of-range"), "error: load: self-check: a score is not in 0..1000000");
}

TEST(Check, CallsThatTakeTooLongOrDoNotReturn) {
  expect_only(check("faulty-slow-on-many"), "error: time: score_pairs took");
  const Report hangs = check("faulty-hangs-on-many");
  expect_only(hangs, "error: contract: score_pairs (64 pairs, seed 1, round ");
  EXPECT_NE(all(hangs).find("did not come back"), std::string::npos) << all(hangs);
  expect_found(check("faulty-exits-on-many"), "ended the process (exit code 3)");
  expect_only(check("crashes"), "error: load: load crashed (SIGABRT)");
}

TEST(Check, FailuresThatAreNone) {
  expect_found(check("faulty-fails-on-none"), "score_pairs failed (CW_ERROR_FAILED)");
  expect_only(check("faulty-source-fails-on-noise"), "on_datagram failed (CW_ERROR_INVALID_ARGUMENT");
}

TEST(Check, WhatAnInstanceLeavesBehind) {
  expect_only(check("faulty-leaks-memory"),
              "error: leaks: each instance that is made, used and destroyed leaves about");
  expect_only(check("faulty-leaks-descriptors"), "file descriptors open");
  const Report thread = check("faulty-starts-thread");
  EXPECT_NE(all(thread).find("error: threads: has started a thread"), std::string::npos) << all(thread);
  EXPECT_NE(all(thread).find("warning: symbols: can start threads (pthread_create)"), std::string::npos);
}

TEST(Check, LibrariesThatCannotGo) {
  const Report report = check("plain-c-pinned");
  EXPECT_NE(all(report).find("error: file: is linked with -z nodelete"), std::string::npos) << all(report);
  EXPECT_NE(all(report).find("error: unload: is still in memory"), std::string::npos) << all(report);
}

TEST(Check, NegotiationIsTheDaemons) {
  expect_only(check("too-new"), "error: load: too new: built for plugin ABI 2.3");
  expect_only(check("needs-newer-host"), "error: load: needs a host with plugin ABI 1.9");
  expect_only(check("bad-id"), "error: load: its id is not");
  expect_only(check("init-fails"), "error: load: its init failed");
  expect_found(check("create-fails"), "error: load: could not make an instance");
  const Report none = check("no-symbol");
  EXPECT_NE(all(none).find("error: symbols: does not export cw_plugin_entry"), std::string::npos)
      << all(none);
}

TEST(Check, IdsThatAreNotTheFilesOrNotOurs) {
  expect_found(check("faulty-answers-everything"),
               "answers \"causeway.no-such-extension/1\", which does not exist");
  ScratchDirectory scratch;
  const auto other = scratch.path() / "other.so";
  std::filesystem::copy_file(test_plugin("faulty-none"), other);
  expect_only(check_plugin(other, 1), "warning: load: registers as faulty-none");
}

TEST(Check, SourcesThatLiveWrongly) {
  expect_only(check("faulty-source-stale-base"), "warning: contract: sends from base 1, which is not among");
  expect_only(check("faulty-source-own-chance"), "warning: contract: the same life went two ways");
  expect_only(check("faulty-source-busy"), "error: contract: asked for 1000 timers");
  expect_only(check("faulty-source-never-done"), "warning: contract: never called done");
}

TEST(Check, TransportsThatLeaveTheirRoom) {
  expect_found(check("lying-transport"), "error: load: self-check: wrap or unwrap left the room");
  expect_found(check("throwing-transport"),
               "error: load: self-check: on_message failed (CW_ERROR_EXCEPTION)");
}

TEST(Check, FilesThatAreNoPlugins) {
  ScratchDirectory scratch;
  expect_only(check_plugin(scratch.path() / "absent.so", 1), "error: file: cannot be opened");
  expect_only(check_plugin(scratch.path(), 1), "error: file: not a regular file");
  const auto text = scratch.path() / "text.so";
  std::ofstream(text) << "#!/bin/sh\n";
  expect_only(check_plugin(text, 1), "error: file: not a shared library");
  const auto cut = scratch.path() / "faulty-none.so";
  std::filesystem::copy_file(test_plugin("faulty-none"), cut);
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) / 2);
  expect_only(check_plugin(cut, 1), "error: file: the shared library is cut off");
}

TEST(Check, FilesThatOthersMayWrite) {
  ScratchDirectory scratch;
  const auto file = scratch.path() / "faulty-none.so";
  std::filesystem::copy_file(test_plugin("faulty-none"), file);
  ASSERT_EQ(::chmod(file.c_str(), 0777), 0);
  expect_only(check_plugin(file, 1), "warning: file: writable by others (mode 0777)");
}

}  // namespace
}  // namespace causeway::validator
#endif
