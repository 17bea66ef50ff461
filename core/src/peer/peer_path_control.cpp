// A peer and its PathControl: when it may act, what it is told, and how its wishes are obeyed.

#include "base/log.hpp"
#include "peer/peer.hpp"

namespace causeway::peer {
namespace {

/// While nothing works, every pair that could is checked anew so often: a path that opens is found within
/// this and a round trip.
constexpr Duration kRecheckEvery = 1s;

std::optional<SteadyTime> time_of(const std::atomic<std::int64_t>& nanoseconds) {
  const std::int64_t value = nanoseconds.load(std::memory_order_relaxed);
  return value == 0 ? std::nullopt : std::optional{SteadyTime{Duration{value}}};
}

}  // namespace

void Peer::set_path_messages(bool path_messages, Now now) {
  description_.path_messages = path_messages;
  run(now);
}

void Peer::on_size_refused(net::BaseId base, const net::Endpoint& remote, Now now) {
  path_control_.on_size_refused(base, remote, now.steady);
  run_path_control(now);
  run(now);
}

void Peer::on_path_message(const dataplane::PathMessageReceived& message, Now now) {
  if (state_ == PeerState::blocked || !agent_) return;
  path_control_.on_message(message.beginning, message.bytes_in_all, message.base, message.from, now.steady);
  run(now);
}

bool Peer::may_control_paths(Now now) const {
  return agent_ && context_.path_messages && description_.path_messages && compact() &&
         session_.is_established(now.steady);
}

void Peer::run_path_control(Now now) {
  path_control_.on_timeout({.sent = time_of(counters_->data_sent_at),
                            .arrived = time_of(counters_->path_data_received_at),
                            .bytes_sent = counters_->tx_bytes.load(std::memory_order_relaxed)},
                           now.steady);
}

void Peer::obey_path_control(Now now) {
  path_control_.set_enabled(may_control_paths(now), now.steady);
  if (path_control_.take_changed()) {
    reselect(now);
    refresh_data_path();
  }
  while (auto message = path_control_.poll_message()) {
    const auto* entry = paths_.find(message->pair);
    if (!entry || !entry->is_valid) continue;
    actions_.emplace_back(dataplane::Command{
        dataplane::SendPathMessage{id_, entry->base, entry->remote, std::move(message->plaintext)}});
  }
}

/// The same path with another MTU, or another companion.
void Peer::refresh_data_path() {
  const auto selected = paths_.selected();
  if (!agent_ || !selected || !data_path_) return;
  const auto path = path_of(*selected);
  if (path && path->mtu != data_path_->mtu) {
    log::info("path", "{}: {} carries {} bytes, {} before", description_.name, path->remote.to_string(),
              path->mtu, data_path_->mtu);
  }
  const auto companion = path_control_.companion();
  const auto also = companion ? path_of(*companion) : std::nullopt;
  if (also != companion_) {
    log::debug(
        "path", "{}: {} is {}", description_.name, path ? path->remote.to_string() : "no path",
        also ? "in doubt, data goes to " + also->remote.to_string() + " as well" : "not in doubt any more");
  }
  set_data_path(path, also);
}

/// ICE gives a pair up after some seconds, and probes only what has worked. Who was connected wants to be so
/// again, by whatever pair.
void Peer::recheck_if_cut_off(Now now) {
  if (!agent_ || data_path_ || !has_been_connected_ || state_ != PeerState::connecting) return;
  if (rechecked_at_ && now.steady - *rechecked_at_ < kRecheckEvery) return;
  rechecked_at_ = now.steady;
  agent_->recheck(now);
}

}  // namespace causeway::peer
