#include "dataplane/data_plane.hpp"

#include <algorithm>
#include <cassert>

#include "base/overloaded.hpp"

namespace causeway::dataplane {
namespace {

/// Less would not even hold what may wait for a few peers.
constexpr std::size_t kLeastStagedBytes = 1u << 20;

}  // namespace

unsigned loops_to_run(unsigned configured, unsigned cores) {
  if (configured == 0) configured = cores <= 2 ? 1 : cores;
  return std::min(configured, kMostLoops);
}

DataPlane::DataPlane(const std::vector<tun::TunDevice*>& queues, const Forwarder::Options& options) {
  assert(!queues.empty() && queues.size() <= kMostLoops);
  events_.announce_sleep();
  std::vector<WakeUp*> wake_ups;
  for (std::size_t i = 0; i < queues.size(); ++i) {
    loops_.push_back(std::make_unique<Loop>(events_));
    wake_ups.push_back(&loops_.back()->channel.loop_wake_up());
  }
  mesh_ = std::make_unique<LoopMesh>(std::move(wake_ups));
  Forwarder::Options shared = options;
  shared.most_staged_bytes = std::min(options.most_staged_bytes,
                                      std::max(kLeastStagedBytes, options.most_staged_bytes / queues.size()));
  for (unsigned i = 0; i < loops(); ++i) {
    Loop& loop = *loops_[i];
    LoopPort* port = loops() > 1 ? &mesh_->port(i) : nullptr;
    loop.thread = std::make_unique<DataLoop>(*queues[i], loop.channel, loop.drops, shared, port);
  }
}

DataPlane::~DataPlane() { stop(); }

Result<void> DataPlane::start() {
  for (const auto& loop : loops_) {
    if (auto started = loop->thread->start(); !started) return started;
  }
  return {};
}

void DataPlane::stop() {
  for (const auto& loop : loops_)
    loop->thread->stop();
}

void DataPlane::send(Command command) {
  std::visit(Overloaded{
                 [&](const AddPeer& add) {
                   assert(add.loop < loops());
                   owners_[add.peer] = add.loop;
                   channel_of(add.peer).send(std::move(command));
                 },
                 [&](const RemovePeer& remove) {
                   ControlChannel& channel = channel_of(remove.peer);
                   owners_.erase(remove.peer);
                   channel.send(std::move(command));
                 },
                 [&](const auto& other) {
                   if constexpr (requires { other.peer; }) {
                     channel_of(other.peer).send(std::move(command));
                   } else {
                     send_to_all(command);
                   }
                 },
             },
             command);
}

void DataPlane::send_to_all(const Command& command) {
  for (const auto& loop : loops_)
    loop->channel.send(command);
}

void DataPlane::add_base(net::BaseId base, const std::vector<std::shared_ptr<Carrier>>& carriers) {
  assert(carriers.size() == loops_.size());
  for (std::size_t i = 0; i < loops_.size(); ++i)
    loops_[i]->channel.send(AddBase{base, carriers[i]});
}

/// A peer that was never added has no owner: any loop answers for it.
ControlChannel& DataPlane::channel_of(PeerId peer) {
  const auto owner = owners_.find(peer);
  return loops_[owner == owners_.end() ? 0 : owner->second]->channel;
}

std::size_t DataPlane::take_events(std::size_t most, const std::function<void(Event&&)>& visit) {
  events_.awake();
  events_.clear();
  const std::size_t share = (most + loops() - 1) / loops();
  std::size_t taken = 0;
  for (unsigned i = 0; i < loops(); ++i)
    taken += loops_[(first_asked_ + i) % loops()]->channel.take_queued(share, visit);
  first_asked_ = (first_asked_ + 1) % loops();
  events_.announce_sleep();
  const bool has_more =
      std::any_of(loops_.begin(), loops_.end(), [](const auto& loop) { return loop->channel.has_events(); });
  if (has_more) events_.signal();
  return taken;
}

bool DataPlane::tun_is_gone() const {
  return std::any_of(loops_.begin(), loops_.end(),
                     [](const auto& loop) { return loop->thread->tun_is_gone(); });
}

std::size_t DataPlane::pending_handshakes() const {
  std::size_t pending = 0;
  for (const auto& loop : loops_)
    pending += loop->channel.pending_handshakes();
  return pending;
}

std::uint64_t DataPlane::dropped(DropReason reason) const {
  std::uint64_t packets = 0;
  for (const auto& loop : loops_)
    packets += loop->drops.get(reason);
  return packets;
}

}  // namespace causeway::dataplane
