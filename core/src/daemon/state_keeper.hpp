#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "session/timestamp.hpp"
#include "store/state_directory.hpp"

namespace causeway::daemon {

/// Writes what the node wants kept, on a thread of its own, so that a disk that is slow, full or gone holds
/// up acknowledgements and nothing else. The newest of each kind counts: what waits is bounded. What could
/// not be written is tried again until it could, and once more at the end. Control thread, but for the
/// writing.
class StateKeeper {
 public:
  /// `directory` outlives this object and is nobody else's to write meanwhile. `post` runs a task on the
  /// control thread; called from any thread, and never again once this object is gone.
  StateKeeper(store::StateDirectory& directory, std::function<void(std::function<void()>)> post,
              Duration retry_after = std::chrono::seconds(2));
  ~StateKeeper();
  StateKeeper(const StateKeeper&) = delete;
  StateKeeper& operator=(const StateKeeper&) = delete;
  /// Makes the thread. What is to be saved before waits for it.
  void start();

  /// As it is to be stored; what is on disk may be older.
  const store::NodeState& state() const { return state_; }
  /// Ports and stamps are this object's own part: those of `state` are not taken.
  void save(store::NodeState state);
  void save(store::FriendState friends);
  void save(std::vector<store::KnownPeer> peers);
  void save(std::vector<store::PeerHistory> history);
  /// Beyond kMaxRememberedPorts an arbitrary other one is forgotten.
  void save_port(const net::IpAddress& local, std::uint16_t port);

  /// Call with each TAI64N stamp before it is sent. False: it is to wait until when_stored() answers. Stamps
  /// are stored kStampsAhead ahead, so that hardly one ever waits.
  bool cover(const session::Tai64n& stamp, WallTime wall);

  using Done = std::function<void(const Result<void>&)>;
  /// Calls `done` on the control thread once all that was to be saved so far (known peers and history aside,
  /// which are caches) is on disk, or with the error of the first try; at once when nothing waits.
  void when_stored(Done done);
  /// Something was to be saved, known peers and history aside, that has not been tried yet.
  bool is_behind() const { return submitted_ > tried_; }
  /// Why the newest try failed; empty: all is well.
  const std::string& failure() const { return failure_; }

  static constexpr Duration kStampsAhead = std::chrono::minutes(10);

 private:
  /// What waits to be written.
  struct Job {
    std::optional<store::NodeState> state;
    std::optional<store::FriendState> friends;
    std::optional<std::vector<store::KnownPeer>> peers;
    std::optional<std::vector<store::PeerHistory>> history;
    std::uint64_t number = 0;  ///< of the newest wish for state or friends in it

    bool is_empty() const { return !state && !friends && !peers && !history; }
    /// Takes what `older` has and this has not.
    void merge(Job&& older);
  };

  struct Outcome {
    std::uint64_t number = 0;
    session::Tai64n covered{};
    Result<void> state;  ///< and friends
    Result<void> peers;  ///< and history
  };

  template <class T>
  void submit(std::optional<T> Job::*part, T value);
  void work();
  Outcome write(Job& job);
  void on_tried(const Outcome& outcome);

  store::StateDirectory& directory_;
  const std::function<void(std::function<void()>)> post_;
  const Duration retry_after_;

  // ---- control thread ----
  store::NodeState state_;
  session::Tai64n covered_;  ///< on disk
  std::uint64_t submitted_ = 0, tried_ = 0;
  Result<void> last_outcome_;
  std::string failure_;
  std::deque<std::pair<std::uint64_t, Done>> waiting_;

  // ---- shared ----
  std::mutex mutex_;
  std::condition_variable wake_up_;
  Job job_;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace causeway::daemon
