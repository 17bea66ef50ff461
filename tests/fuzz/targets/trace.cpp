#include <sstream>

#include "input.hpp"
#include "replay/run.hpp"
#include "replay/trace_reader.hpp"
#include "replay/trace_writer.hpp"

// A trace file from anywhere: a sentence that names the line, or steps that any algorithm can be fed, which
// give the same steps when written and read again.
CAUSEWAY_FUZZ_TARGET(trace) {
  auto reader =
      replay::TraceReader::open(std::make_unique<std::istringstream>(std::string(as_text(input.rest()))));
  if (!reader) {
    require(!reader.error().message.empty() && reader.error().message.size() < 2048,
            "a refusal that nobody reads");
    return;
  }
  replay::BuiltinScorer scorer;
  replay::Run run(&scorer), recorded(nullptr);
  replay::TraceWriter writer, again_writer;
  const std::string header = replay::TraceWriter::header(reader->header());
  std::string text = header;
  while (true) {
    const auto step = reader->next();
    if (!step) {
      require(step.error().message.starts_with("line "), "a refusal that does not say where");
      break;
    }
    if (!*step) break;
    run.on_step(**step);
    recorded.on_step(**step);
    text += writer.step(**step);
  }
  run.finish(reader->header().last_step);
  recorded.finish(reader->header().last_step);
  const replay::Totals totals = run.totals();
  require(totals.time >= Duration{} && totals.cost >= 0 && totals.best >= 0, "costs below nothing");
  require(run.comparison().equal <= run.comparison().compared, "more agreement than choices");

  auto again = replay::TraceReader::open(std::make_unique<std::istringstream>(text));
  require(again.has_value(), "what was written cannot be read");
  std::string second = header;
  while (true) {
    const auto step = again->next();
    require(step.has_value(), "a step that was written cannot be read");
    if (!*step) break;
    second += again_writer.step(**step);
  }
  require(second == text, "another trace came back");
}
