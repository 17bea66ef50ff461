#include "dataplane/control_channel.hpp"

namespace causeway::dataplane {

ControlChannel::ControlChannel(WakeUp* events)
    : commands_(kCommands),
      stun_(kStun),
      handshakes_(kHandshakes),
      paths_(kPaths),
      requests_(kRequests),
      state_(kState),
      events_wake_up_(events) {
  if (events != nullptr) return;
  events_wake_up_ = &own_events_wake_up_.emplace();
  events_wake_up_->announce_sleep();
}

bool ControlChannel::send(Command command) {
  for (;;) {
    // Taken before the attempt: room made after it changes the number, and the wait returns at once.
    const std::uint32_t seen = room_made_.load(std::memory_order_acquire);
    if (try_send(command)) return true;
    if (closed_.load(std::memory_order_acquire)) return false;
    room_made_.wait(seen, std::memory_order_acquire);
  }
}

bool ControlChannel::try_send(Command& command) {
  if (closed_.load(std::memory_order_acquire) || !commands_.push(command)) return false;
  commands_wake_up_.signal();
  return true;
}

std::size_t ControlChannel::take_events(std::size_t most, const std::function<void(Event&&)>& visit) {
  events_wake_up_->awake();
  events_wake_up_->clear();
  const std::size_t taken = take_queued(most, visit);
  events_wake_up_->announce_sleep();
  if (has_events()) events_wake_up_->signal();
  return taken;
}

std::size_t ControlChannel::take_queued(std::size_t most, const std::function<void(Event&&)>& visit) {
  std::size_t taken = 0;
  const auto take_from = [&](SpscQueue<Event>& queue) {
    if (taken == most) return false;
    auto event = queue.pop();
    if (!event) return false;
    ++taken;
    visit(std::move(*event));
    return true;
  };
  while (take_from(state_)) {
  }
  // In turn: when `most` is reached, each kind has had its share.
  for (bool any = true; any;) {
    any = take_from(paths_);
    any |= take_from(stun_);
    any |= take_from(handshakes_);
    any |= take_from(requests_);
  }
  return taken;
}

bool ControlChannel::has_events() const {
  return !state_.empty() || !stun_.empty() || !handshakes_.empty() || !paths_.empty() || !requests_.empty();
}

SpscQueue<Event>& ControlChannel::queue_of(const Event& event) {
  if (const auto* datagram = std::get_if<ControlDatagram>(&event)) {
    return datagram->datagram_class == ControlDatagram::Class::stun ? stun_ : handshakes_;
  }
  if (std::holds_alternative<PathMessageReceived>(event)) return paths_;
  const bool is_request =
      std::holds_alternative<PeerWanted>(event) || std::holds_alternative<SessionWanted>(event);
  return is_request ? requests_ : state_;
}

bool ControlChannel::push(Event&& event) noexcept {
  if (!queue_of(event).push(event)) return false;
  events_wake_up_->signal();
  return true;
}

std::size_t ControlChannel::take_commands(std::size_t most, const std::function<void(Command&&)>& visit) {
  std::size_t taken = 0;
  while (taken < most) {
    auto command = commands_.pop();
    if (!command) break;
    ++taken;
    visit(std::move(*command));
  }
  if (taken > 0) {
    room_made_.fetch_add(1, std::memory_order_release);
    room_made_.notify_one();
  }
  return taken;
}

bool ControlChannel::prepare_sleep() {
  commands_wake_up_.announce_sleep();
  return commands_.empty();
}

void ControlChannel::close() {
  closed_.store(true, std::memory_order_release);
  room_made_.fetch_add(1, std::memory_order_release);
  room_made_.notify_all();
}

}  // namespace causeway::dataplane
