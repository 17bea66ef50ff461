#pragma once

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "replay/trace_reader.hpp"
#include "replay/trace_writer.hpp"

/// Traces by hand.
namespace causeway::replay::test {

inline Now at(Duration since) { return {SteadyTime(1000s + since), WallTime(1'700'000'000s + since)}; }

/// A direct pair (id 1), a relayed one (id 2) and so on, of falling priority.
inline Pair a_pair(std::uint32_t id) {
  Pair pair;
  pair.view.id = id;
  pair.view.local.type = id == 1 ? ice::CandidateType::host : ice::CandidateType::relayed;
  pair.view.local.address = {net::IpAddress::v4(0x0a000000 + id), static_cast<std::uint16_t>(4000 + id)};
  pair.view.local.base = net::BaseId{id};
  pair.view.local.base_address = pair.view.local.address;
  pair.view.local.foundation = "f" + std::to_string(id);
  pair.view.local.priority = 1000 - id;
  pair.view.local.source = "host";
  pair.view.remote = pair.view.local;
  pair.view.remote.base = net::BaseId::none;
  pair.view.remote.base_address = {};
  pair.view.remote.source.clear();
  pair.view.remote.address.port = 5000;
  pair.view.pair_priority = 1'000'000 - id;
  pair.view.since = at(0s).steady;
  pair.interface = "eth" + std::to_string(id);
  return pair;
}

/// One that behaves as it was measured.
inline Pair a_pair(std::uint32_t id, Duration rtt, Duration jitter = {}, double loss = 0) {
  Pair pair = a_pair(id);
  pair.view.measured = {.rtt = rtt, .jitter = jitter, .loss = loss, .probes = 10};
  pair.truth = Truth{true, rtt, jitter, loss};
  return pair;
}

inline Step second(int number, std::vector<Pair> pairs) {
  Step step;
  step.now = at(std::chrono::seconds(number));
  step.seed = static_cast<std::uint64_t>(number);
  step.peer = "bob";
  step.pairs = std::move(pairs);
  return step;
}

inline std::string text_of(const Trace& trace) {
  TraceWriter writer;
  std::string text = TraceWriter::header(trace.header);
  for (const Step& step : trace.steps)
    text += writer.step(step);
  return text;
}

inline Result<TraceReader> read(const std::string& text) {
  return TraceReader::open(std::make_unique<std::istringstream>(text));
}

/// The first error, or nothing.
inline std::string error_of(const std::string& text) {
  auto reader = read(text);
  if (!reader) return reader.error().message;
  while (true) {
    const auto step = reader->next();
    if (!step) return step.error().message;
    if (!*step) return "";
  }
}

}  // namespace causeway::replay::test
