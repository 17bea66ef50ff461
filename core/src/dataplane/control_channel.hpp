#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "dataplane/event_sink.hpp"
#include "dataplane/messages.hpp"
#include "dataplane/spsc_queue.hpp"
#include "dataplane/wake_up.hpp"

namespace causeway::dataplane {

/// All that the control thread and one data loop say to each other, through bounded queues.
///
/// Down: commands, in order, never lost; a control thread that is 4,096 ahead waits. The loop never waits for
/// the control thread, so this can't lock up. Up: one queue for each kind, so that a flood of one kind cannot
/// crowd out another: STUN, handshakes, path messages, requests (repeated every second as long as they
/// matter), and state, which has room for all that can happen between two looks. Order is kept inside a kind
/// only.
class ControlChannel final : public EventSink {
 public:
  static constexpr std::size_t kCommands = 4096;
  static constexpr std::size_t kStun = 512;
  static constexpr std::size_t kHandshakes = 512;
  static constexpr std::size_t kPaths = 512;
  static constexpr std::size_t kRequests = 1024;
  static constexpr std::size_t kState = 16384;

  ControlChannel() : ControlChannel(nullptr) {}
  /// `events`, if given, is signalled in place of a wake-up of its own, so that one thread can wait for
  /// several channels; it is borrowed, and its reader uses take_queued().
  explicit ControlChannel(WakeUp* events);

  // ---- [control thread] ----
  /// Waits while the queue is full. False, and nothing is sent, once the loop has closed the channel.
  bool send(Command command);
  /// False when the queue is full or closed; `command` is then unchanged.
  bool try_send(Command& command);
  /// Readable when events are there: then call take_events().
  int descriptor() const { return events_wake_up_->descriptor(); }
  /// Hands over up to `most` events, state first; returns how many. What is left makes the descriptor
  /// readable again.
  std::size_t take_events(std::size_t most, const std::function<void(Event&&)>& visit);
  /// The same without a look at the descriptor, which is then the caller's business.
  std::size_t take_queued(std::size_t most, const std::function<void(Event&&)>& visit);
  bool has_events() const;

  // ---- [any thread] ----
  /// Handshake messages that wait to be taken: with many, the node is under load in WireGuard's sense
  /// (cookies).
  std::size_t pending_handshakes() const { return handshakes_.size(); }
  struct QueueUse {
    std::string_view name;
    std::size_t used = 0;
    std::size_t capacity = 0;
  };
  /// How full each queue is; a moment's view.
  std::array<QueueUse, 6> use() const {
    return {{{"commands", commands_.size(), commands_.capacity()},
             {"stun", stun_.size(), stun_.capacity()},
             {"handshakes", handshakes_.size(), handshakes_.capacity()},
             {"paths", paths_.size(), paths_.capacity()},
             {"requests", requests_.size(), requests_.capacity()},
             {"state", state_.size(), state_.capacity()}}};
  }
  /// Wakes the loop without a command.
  void wake_loop() { commands_wake_up_.signal(); }
  WakeUp& loop_wake_up() { return commands_wake_up_; }

  // ---- [data-loop thread] ----
  /// Makes the events' descriptor readable without an event.
  void wake_control() { events_wake_up_->signal(); }
  bool push(Event&& event) noexcept override;
  /// Applies up to `most` waiting commands; returns how many. Without any it costs one load.
  std::size_t take_commands(std::size_t most, const std::function<void(Command&&)>& visit);
  int commands_descriptor() const { return commands_wake_up_.descriptor(); }
  /// To be called before waiting for commands_descriptor(). False: commands are there, don't wait.
  bool prepare_sleep();
  /// To be called after waiting, with whether commands_descriptor() was readable.
  void awake(bool was_readable) {
    commands_wake_up_.awake();
    if (was_readable) commands_wake_up_.clear();
  }
  /// No more commands are taken; a control thread that waits in send() is let go.
  void close();

 private:
  SpscQueue<Event>& queue_of(const Event& event);

  SpscQueue<Command> commands_;
  SpscQueue<Event> stun_, handshakes_, paths_, requests_, state_;
  WakeUp commands_wake_up_;
  std::optional<WakeUp> own_events_wake_up_;
  WakeUp* events_wake_up_;
  std::atomic<std::uint32_t> room_made_{0};  ///< changes when commands were taken, or the channel closed
  std::atomic<bool> closed_{false};
};

}  // namespace causeway::dataplane
