#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/random.hpp"
#include "daemon/control_methods.hpp"
#include "node/actions.hpp"
#include "replay/trace_writer.hpp"

namespace causeway::daemon {

class TraceFile;

/// `causeway plugin record`: writes what the choice of paths depends on, and what was chosen, to a file
/// (docs/replay.md). One recording at a time; it ends by itself. Control thread; the target outlives it.
class TraceRecorder {
 public:
  struct Wish {
    std::optional<std::string> peer;  ///< by name; nullopt: all peers
    std::filesystem::path file;
    Duration time = std::chrono::seconds(60);
    std::uint64_t most_bytes = 256 * 1024 * 1024;
  };
  struct Progress {
    Duration time{};
    std::uint64_t steps = 0, bytes = 0;
  };
  struct Outcome {
    Progress progress;
    std::string ended;  ///< "time", "size", "stopped"
  };
  using Done = std::function<void(Result<Outcome>)>;
  static constexpr Duration kMostTime = std::chrono::hours(24);

  explicit TraceRecorder(ControlTarget& target);
  ~TraceRecorder();

  /// `tell`: every half second; `done`: once, when all is on disk, or could not be written.
  void start(Wish wish, std::function<void(const Progress&)> tell, Done done);
  /// False: nothing is recorded.
  bool stop();
  bool is_recording() const { return recording_ != nullptr; }

  /// The stack is about to be asked. The seed it is to be given; nullopt: this is not recorded.
  std::optional<std::uint64_t> on_scores_asked(const node::ScorePeerPaths& asked, Now now);
  void on_choice(const node::TellChoice& told);

 private:
  struct Recording;
  bool is_recorded(const std::string& peer) const;
  void append(const replay::Step& step);
  void look_again(const std::shared_ptr<Recording>& recording);
  void end(std::string why);

  ControlTarget& target_;
  SystemRandom random_;
  std::shared_ptr<Recording> recording_;
};

/// The methods of the control socket: {"peer"?, "file", "seconds", "megabytes"} → {"seconds", "steps",
/// "bytes", "ended"}, with progress {"seconds", "steps", "bytes"}; and the end of a recording under way.
void start_record(ControlTarget& target, const nlohmann::json& params, ControlSocket::Completion done,
                  ControlSocket::Progress progress);
Result<nlohmann::json> stop_record(ControlTarget& target);

}  // namespace causeway::daemon
