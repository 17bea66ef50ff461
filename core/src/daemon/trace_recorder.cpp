#include "daemon/trace_recorder.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.hpp"
#include "daemon/trace_file.hpp"
#include "node/trace_steps.hpp"
#include "protocol/json.hpp"

namespace causeway::daemon {
namespace {

using Json = nlohmann::json;

constexpr Duration kLookEvery = 100ms;
constexpr int kLooksPerReport = 5;
replay::Header header_of(std::vector<plugin::Host::StackLayer> stack, std::string title, Now now) {
  replay::Header header{.origin = replay::Header::Origin::recorded,
                        .title = std::move(title),
                        .begun = now.wall,
                        .last_step = {},
                        .stack = {}};
  for (plugin::Host::StackLayer& layer : stack) {
    header.stack.push_back({.name = std::move(layer.name),
                            .version = std::move(layer.version),
                            .sha256 = std::move(layer.sha256),
                            .weight_per_mille = layer.weight_per_mille,
                            .configuration = std::move(layer.configuration),
                            .state = std::move(layer.state)});
  }
  return header;
}

Json to_json(const TraceRecorder::Progress& progress) {
  return {{"seconds", to_milliseconds(progress.time) / 1000},
          {"steps", progress.steps},
          {"bytes", progress.bytes}};
}

}  // namespace

struct TraceRecorder::Recording {
  Recording(Wish w, boost::asio::io_context& context, Now now)
      : wish(std::move(w)), file(wish.file), timer(std::in_place, context), began(now) {}

  Wish wish;
  TraceFile file;
  std::optional<boost::asio::steady_timer> timer;
  Now began;
  replay::TraceWriter writer;
  std::string title;
  bool has_header = false;
  std::string before_header;  ///< steps; states of plugins come within their call budget
  std::uint64_t steps = 0;
  int looks = 0;
  std::function<void(const Progress&)> tell;
  Done done;

  /// Then comes what had to wait for it. The first one counts.
  void write_header(std::vector<plugin::Host::StackLayer> stack) {
    if (std::exchange(has_header, true)) return;
    file.append(replay::TraceWriter::header(header_of(std::move(stack), title, began)));
    file.append(std::exchange(before_header, {}));
  }
  Progress progress(Now now) const { return {now.steady - began.steady, steps, file.bytes()}; }
};

TraceRecorder::TraceRecorder(ControlTarget& target) : target_(target) {}
TraceRecorder::~TraceRecorder() = default;

void TraceRecorder::start(Wish wish, std::function<void(const Progress&)> tell, Done done) {
  if (recording_) {
    return done(Error{recording_->wish.file.string() +
                      " is being recorded at this moment: wait, or `causeway plugin record --stop`"});
  }
  const Now now = target_.now();
  recording_ = std::make_shared<Recording>(std::move(wish), target_.context(), now);
  const auto& peer = recording_->wish.peer;
  recording_->title = target_.node().state().name + (peer ? " to " + *peer : ", all peers");
  recording_->tell = std::move(tell);
  recording_->done = std::move(done);
  log::info("record", "the choices of paths are recorded in {}", recording_->wish.file.string());
  // States are of this moment: what is asked from here on is in the steps.
  target_.plugins().describe_stack(
      now, [weak = std::weak_ptr(recording_)](std::vector<plugin::Host::StackLayer> stack) {
        if (const auto recording = weak.lock()) recording->write_header(std::move(stack));
      });
  target_.node().tell_choices(true, now);
  target_.pump();
  look_again(recording_);
}

bool TraceRecorder::stop() {
  if (!recording_) return false;
  end("stopped");
  return true;
}

std::optional<std::uint64_t> TraceRecorder::on_scores_asked(const node::ScorePeerPaths& asked, Now now) {
  if (!is_recorded(asked.name)) return std::nullopt;
  const std::uint64_t seed = random_.next_u64();
  append(node::trace_step(asked, now, seed, target_.node().bases()));
  return seed;
}

void TraceRecorder::on_choice(const node::TellChoice& told) {
  if (is_recorded(told.peer)) append(node::trace_step(told, target_.node().bases()));
}

bool TraceRecorder::is_recorded(const std::string& peer) const {
  return recording_ && (!recording_->wish.peer || *recording_->wish.peer == peer);
}

void TraceRecorder::append(const replay::Step& step) {
  Recording& recording = *recording_;
  const std::string line = recording.writer.step(step);
  ++recording.steps;
  if (recording.has_header) return recording.file.append(line);
  recording.before_header += line;
}

void TraceRecorder::look_again(const std::shared_ptr<Recording>& recording) {
  recording->timer->expires_after(kLookEvery);
  recording->timer->async_wait([this, weak = std::weak_ptr(recording)](boost::system::error_code error) {
    const auto alive = weak.lock();
    if (error || !alive || alive != recording_) return;
    const Progress progress = alive->progress(target_.now());
    if (!alive->file.failure().empty()) return end("failed");
    if (progress.time >= alive->wish.time) return end("time");
    if (progress.bytes >= alive->wish.most_bytes) return end("size");
    if (++alive->looks % kLooksPerReport == 0) alive->tell(progress);
    look_again(alive);
  });
}

void TraceRecorder::end(std::string why) {
  auto recording = std::exchange(recording_, nullptr);
  recording->timer.reset();
  target_.node().tell_choices(false, target_.now());
  recording->write_header({});
  const Outcome outcome{recording->progress(target_.now()), std::move(why)};
  log::info("record", "{}: {} steps, {} bytes", recording->wish.file.string(), outcome.progress.steps,
            outcome.progress.bytes);
  // The recording, and the file in it, is handed from the writer's thread to this one, and ends here.
  TraceFile& file = recording->file;
  file.finish([&context = target_.context(), recording = std::move(recording),
               outcome](const Result<void>& written) mutable {
    boost::asio::post(context, [recording = std::move(recording), outcome, written] {
      recording->done(written ? Result<Outcome>(outcome) : Result<Outcome>(written.error()));
    });
  });
}

void start_record(ControlTarget& target, const Json& params, ControlSocket::Completion done,
                  ControlSocket::Progress progress) {
  TraceRecorder::Wish wish;
  if (const auto name = protocol::get_string(params, "peer")) {
    const peer::Peer* peer = target.node().find_peer(*name);
    if (!peer) return done(Error{"no peer is named " + *name + ": `causeway peers` lists those known"});
    wish.peer = peer->description().name;
  }
  const auto file = protocol::get_string(params, "file");
  if (!file || !file->starts_with('/')) return done(Error{"name a file by its whole path"});
  wish.file = *file;
  const auto seconds = protocol::get_integer<std::int64_t>(
      params, "seconds", 1,
      std::chrono::duration_cast<std::chrono::seconds>(TraceRecorder::kMostTime).count());
  if (seconds) wish.time = std::chrono::seconds(*seconds);
  if (const auto megabytes = protocol::get_integer<std::uint64_t>(params, "megabytes", 1, 1000))
    wish.most_bytes = *megabytes * 1024 * 1024;
  target.recorder().start(
      std::move(wish), [progress](const TraceRecorder::Progress& made) { progress(to_json(made)); },
      [done](const Result<TraceRecorder::Outcome>& outcome) {
        if (!outcome) return done(outcome.error());
        Json json = to_json(outcome->progress);
        json["ended"] = outcome->ended;
        done(protocol::success(std::move(json)));
      });
}

Result<Json> stop_record(ControlTarget& target) {
  if (!target.recorder().stop()) return Error{"nothing is being recorded"};
  return protocol::success(Json::object());
}

}  // namespace causeway::daemon
