#include <gtest/gtest.h>

#include <random>

#include "unit/replay/traces.hpp"

namespace causeway::replay::test {
namespace {

Trace full_trace() {
  Trace trace;
  trace.header = {.origin = Header::Origin::recorded,
                  .title = "alice \"and\" bob",
                  .begun = WallTime(1'700'000'000s),
                  .last_step = 1s,
                  .stack = {{.name = "priority-ice",
                             .version = "1.0.0",
                             .sha256 = std::string(64, 'a'),
                             .weight_per_mille = 700,
                             .configuration = R"({"margin": 3})",
                             .state = Bytes(300, 0xfe)}}};
  Step begin = second(0, {a_pair(1, 20ms), a_pair(2, 80ms)});
  begin.kind = StepKind::begin;
  begin.pairs[0].score = 1'000'001;
  begin.pairs[1].vetoed = true;
  begin.standing = {.selected = 2, .selected_since = at(-3s).steady, .order = {2, 1}};
  Step score = second(1, {a_pair(1, 21ms, 3ms, 1.0 / 3), a_pair(2, 80ms)});
  score.kind = StepKind::score;
  score.tier = plugin::FriendTier::friend_node;
  score.seed = 0xfedcba9876543210;
  score.pairs[0].view.history = path::History{.scope = path::History::Scope::near,
                                              .rtt = 33ms,
                                              .jitter = 1ms,
                                              .loss = 0.1,
                                              .rate_bytes_per_s = 123456,
                                              .samples = 7.25,
                                              .successes = 3,
                                              .failures = 0.5,
                                              .disconnects = 1,
                                              .working_time = 300s,
                                              .last_used_ago = 20s};
  score.pairs[0].view.hint = path::Hint{.score = 700'000, .confidence = 500};
  score.pairs[1].view.measured.rate_bytes_per_s = 77;
  Step scored = second(1, {});
  scored.kind = StepKind::scored;
  scored.scored_by = "priority-ice";
  Step choose = second(2, score.pairs);
  choose.kind = StepKind::choose;
  choose.role = ice::Role::controlled;
  choose.nominated = 1;
  choose.connected_since = at(0s).steady;
  choose.is_watched = true;
  choose.chosen = Step::Chosen{1, path::SwitchReason::higher_score};
  choose.pairs[0].losses_in_a_row = 3;
  choose.pairs[0].not_before = at(9s).steady;
  choose.pairs[0].peer_place = 1;
  choose.pairs[1].peer_vetoed = choose.pairs[1].peer_withdrew = choose.pairs[1].is_dead = true;
  choose.pairs[1].is_warm = false;
  choose.pairs[1].truth.reset();
  Step forgotten = score;
  forgotten.now = at(3s);
  forgotten.pairs[0].view.history.reset();
  forgotten.pairs[0].view.hint.reset();
  Step end = second(3, {});
  end.kind = StepKind::end;
  trace.steps = {begin, score, scored, choose, forgotten, end, second(4, {a_pair(7, 5ms)})};
  for (Step& step : trace.steps)
    if (step.kind != StepKind::score && step.kind != StepKind::second) step.seed = 0;
  return trace;
}

TEST(Trace, IsReadAsItWasWritten) {
  const Trace trace = full_trace();
  const std::string text = text_of(trace);
  auto reader = read(text);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->header().title, trace.header.title);
  EXPECT_EQ(reader->header().origin, trace.header.origin);
  EXPECT_EQ(reader->header().last_step, trace.header.last_step);
  EXPECT_EQ(reader->header().stack, trace.header.stack);
  Trace again{reader->header(), {}};
  while (true) {
    auto step = reader->next();
    ASSERT_TRUE(step) << step.error().message;
    if (!*step) break;
    again.steps.push_back(**step);
  }
  EXPECT_FALSE(reader->is_cut_off());
  ASSERT_EQ(again.steps.size(), trace.steps.size());
  // The writer is a function of what it is given: what was lost on the way would be missing here.
  EXPECT_EQ(text_of(again), text);
  for (std::size_t i = 0; i < trace.steps.size(); ++i) {
    const Step &a = trace.steps[i], &b = again.steps[i];
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.now.steady, b.now.steady);
    EXPECT_EQ(a.now.wall, b.now.wall);
    EXPECT_EQ(a.seed, b.seed);
    EXPECT_EQ(a.tier, b.tier);
    EXPECT_EQ(a.role, b.role);
    EXPECT_EQ(a.nominated, b.nominated);
    EXPECT_EQ(a.connected_since, b.connected_since);
    EXPECT_EQ(a.is_watched, b.is_watched);
    EXPECT_EQ(a.chosen, b.chosen);
    EXPECT_EQ(a.scored_by, b.scored_by);
    EXPECT_EQ(a.standing, b.standing);
    ASSERT_EQ(a.pairs.size(), b.pairs.size());
    for (std::size_t j = 0; j < a.pairs.size(); ++j) {
      const Pair &p = a.pairs[j], &q = b.pairs[j];
      EXPECT_EQ(p.view.id, q.view.id);
      EXPECT_EQ(p.view.local, q.view.local);
      EXPECT_EQ(p.view.remote, q.view.remote);
      EXPECT_EQ(p.view.pair_priority, q.view.pair_priority);
      EXPECT_EQ(p.view.measured.rtt, q.view.measured.rtt);
      EXPECT_EQ(p.view.measured.jitter, q.view.measured.jitter);
      EXPECT_EQ(p.view.measured.loss, q.view.measured.loss) << "to the last bit";
      EXPECT_EQ(p.view.measured.probes, q.view.measured.probes);
      EXPECT_EQ(p.view.measured.rate_bytes_per_s, q.view.measured.rate_bytes_per_s);
      EXPECT_EQ(p.view.since, q.view.since);
      EXPECT_EQ(p.view.history, q.view.history);
      EXPECT_EQ(p.view.hint, q.view.hint);
      EXPECT_EQ(p.interface, q.interface);
      EXPECT_EQ(p.is_warm, q.is_warm);
      EXPECT_EQ(p.is_dead, q.is_dead);
      EXPECT_EQ(p.losses_in_a_row, q.losses_in_a_row);
      EXPECT_EQ(p.not_before, q.not_before);
      EXPECT_EQ(p.peer_place, q.peer_place);
      EXPECT_EQ(p.peer_vetoed, q.peer_vetoed);
      EXPECT_EQ(p.peer_withdrew, q.peer_withdrew);
      EXPECT_EQ(p.truth, q.truth);
      if (a.kind != StepKind::begin) continue;
      EXPECT_EQ(p.score, q.score);
      EXPECT_EQ(p.vetoed, q.vetoed);
    }
  }
}

TEST(Trace, TellsOnlyWhatHasChanged) {
  TraceWriter writer;
  const std::string first = writer.step(second(1, {a_pair(1, 20ms), a_pair(2, 30ms)}));
  const std::string same = writer.step(second(2, {a_pair(1, 20ms), a_pair(2, 30ms)}));
  EXPECT_NE(first.find("foundation"), std::string::npos);
  EXPECT_EQ(same.find("foundation"), std::string::npos);
  EXPECT_EQ(same.find("measured"), std::string::npos);
}

TEST(Trace, AChoiceDoesNotRepeatWhatFades) {
  TraceWriter writer;
  Step step = second(1, {a_pair(1, 20ms)});
  step.pairs[0].view.history.emplace().last_used_ago = 5s;
  writer.step(step);
  step.kind = StepKind::choose;
  step.pairs[0].view.history->last_used_ago = 6s;
  EXPECT_EQ(writer.step(step).find("history"), std::string::npos);
  step.kind = StepKind::score;
  EXPECT_NE(writer.step(step).find("history"), std::string::npos);
}

TEST(Trace, OfAPairThatWasAwayEverythingIsToldAgain) {
  TraceWriter writer;
  writer.step(second(1, {a_pair(1, 20ms)}));
  writer.step(second(2, {}));
  EXPECT_NE(writer.step(second(3, {a_pair(1, 20ms)})).find("foundation"), std::string::npos);
}

TEST(Trace, CutOffInALineIsReadUpToThere) {
  const std::string text = text_of({{}, {second(1, {a_pair(1, 20ms)}), second(2, {a_pair(1, 20ms)})}});
  auto reader = read(text.substr(0, text.size() - 5));
  ASSERT_TRUE(reader);
  ASSERT_TRUE(reader->next()->has_value());
  const auto end = reader->next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
  EXPECT_TRUE(reader->is_cut_off());
}

TEST(Trace, RefusalsNameLineAndMember) {
  const std::string head = TraceWriter::header({});
  const auto refusal = [&](const std::string& line) { return error_of(head + line + "\n"); };
  EXPECT_EQ(error_of(""),
            "line 0 of the trace: not a trace of Causeway: it begins with {\"causeway_trace\": …");
  EXPECT_NE(error_of("{\"a\":1}\n").find("not a trace"), std::string::npos);
  EXPECT_NE(error_of("{\"causeway_trace\":2}\n").find("another version"), std::string::npos);
  EXPECT_NE(error_of("{\"causeway_trace\":1,\"begun\":1,\"layers\":17}\n").find("layers"), std::string::npos);
  EXPECT_NE(error_of("{\"causeway_trace\":1,\"begun\":1,\"layers\":1}\n").find("ends before"),
            std::string::npos);
  EXPECT_NE(refusal("x").find("line 2"), std::string::npos);
  EXPECT_NE(refusal("[]").find("object"), std::string::npos);
  EXPECT_EQ(refusal(R"({"at":1,"wall":1})"), "line 2 of the trace: step: missing or not there");
  EXPECT_NE(refusal(R"({"step":"jump","at":1,"wall":1})").find("step"), std::string::npos);
  EXPECT_NE(refusal(R"({"step":"end","at":-1,"wall":1})").find("at"), std::string::npos);
  EXPECT_NE(refusal(R"({"step":"end","at":1e3,"wall":1})").find("at"), std::string::npos);
  EXPECT_NE(refusal(R"({"step":"second","at":1,"wall":1,"pairs":[{}]})").find("pairs[0].id"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"step":"second","at":1,"wall":1,"pairs":[{"id":1}]})").find("pairs[0].local"),
            std::string::npos)
      << "nothing is known of it";
  EXPECT_NE(
      refusal(R"({"step":"second","at":1,"wall":1,"pairs":[{"id":1,"local":{"type":"host","address":"x"}}]})")
          .find("pairs[0]."),
      std::string::npos);
  EXPECT_NE(refusal(R"({"step":"begin","at":1,"wall":1,"order":[-1]})").find("order"), std::string::npos);
}

TEST(Trace, StepsComeInTheOrderOfTime) {
  EXPECT_EQ(error_of(text_of({{}, {second(100, {}), second(70, {})}})), "") << "a moment is nothing";
  EXPECT_NE(error_of(text_of({{}, {second(100, {}), second(30, {})}})).find("line 3 of the trace: at"),
            std::string::npos);
  EXPECT_NE(error_of(text_of({{}, {second(0, {}), second(32 * 86'400, {})}})).find("month"),
            std::string::npos);
}

TEST(Trace, PairsComeInOrderAndOnce) {
  Step step = second(1, {a_pair(2), a_pair(1)});
  EXPECT_NE(error_of(text_of({{}, {step}})).find("pairs[1].id"), std::string::npos);
  step.pairs = {a_pair(1), a_pair(1)};
  EXPECT_NE(error_of(text_of({{}, {step}})).find("pairs[1].id"), std::string::npos);
}

TEST(Trace, LimitsAreMetWhileReading) {
  Step wide = second(1, {});
  for (std::uint32_t id = 1; id <= TraceReader::kMaxPairs + 1; ++id)
    wide.pairs.push_back(a_pair(id));
  EXPECT_NE(error_of(text_of({{}, {wide}})).find("at most"), std::string::npos);
  EXPECT_NE(error_of(TraceWriter::header({}) + std::string(TraceReader::kMaxLineBytes + 1, ' ') + "\n")
                .find("too long"),
            std::string::npos);
  EXPECT_NE(error_of(TraceWriter::header({}) + std::string(TraceReader::kMaxLayerBytes + 70'000, 'x'))
                .find("too long"),
            std::string::npos)
      << "a line without an end";
  std::string crowd = TraceWriter::header({});
  TraceWriter writer;
  for (std::size_t i = 0; i <= TraceReader::kMaxPeers; ++i) {
    Step step = second(1, {});
    step.peer = "peer" + std::to_string(i);
    crowd += writer.step(step);
  }
  EXPECT_NE(error_of(crowd).find("peer"), std::string::npos);
}

TEST(Trace, DamagedBytesAreAnErrorOrATrace) {
  const std::string good = text_of(full_trace());
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (unsigned changes = random() % 4 + 1; changes > 0; --changes)
      text[random() % text.size()] =
          static_cast<char>(random() % 3 == 0 ? random() : "0123456789\"{}[],:-"[random() % 18]);
    error_of(text);  // neither a crash nor an endless loop
  }
}

}  // namespace
}  // namespace causeway::replay::test
