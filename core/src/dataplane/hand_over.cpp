// What a loop does with packets of another loop's peers. A session lives in one loop alone; the kernel brings
// most packets to that one (loop_steering, the TUN's queues), and the rest goes there from here, once:
//
//   a frame from the TUN          give_away: the forwarding table knows whose peer it is for
//   a datagram from the network   on_unknown_index: the low bits of its receiver index say whose it is
//   what waits for an address     give_away_stage: when the address turns out to be a peer of another loop
//
// Nothing here is on the way of packets that came to the right loop.

#include "dataplane/forwarder.hpp"
#include "session/index_allocator.hpp"

namespace causeway::dataplane {

void Forwarder::on_foreign_frame(const tun::VnetHeader& header, MutableByteView frame, Now now) {
  on_frame(header, frame, Origin::another_loop, now);
}

std::optional<unsigned> Forwarder::other_owner(const packet::AddressKey& address) const {
  if (!handover_) return std::nullopt;
  const auto loop = table_.find_loop(address);
  if (loop == handover_->self()) return std::nullopt;  // its AddPeer is yet to come
  return loop;
}

void Forwarder::on_absent_peer(const tun::VnetHeader& header, MutableByteView frame, Origin origin,
                               const packet::IpView& view, packet::Segmenter& segmenter, Now now) {
  const auto owner = other_owner(view.destination);
  if (origin == Origin::another_loop && (owner || !table_.is_on_link(view.destination))) {
    // The loops' forwarding tables differ for a moment; going round would not make it shorter.
    return drops_.add(DropReason::no_path, segmenter.segments());
  }
  // Behind those that wait to be handed over.
  const bool others_wait = owner && give_away_again_at_ && unresolved_.find(view.destination);
  if (!owner || others_wait) return stage_unresolved(view, segmenter, now);
  if (!handover_->give_frame(*owner, header, frame)) {
    drops_.add(DropReason::loop_queue_full, segmenter.segments());
  }
}

bool Forwarder::give_away_stage(Unresolved::Destination& destination, Now now) {
  const auto owner = other_owner(destination.address);
  if (!owner) return false;
  for (; !destination.stage.empty(); destination.stage.pop()) {
    if (handover_->give_frame(*owner, {}, destination.stage.front())) continue;
    give_away_again_at_ = now.steady + kGiveAwayRetry;
    return false;
  }
  return true;
}

void Forwarder::on_unknown_index(const ReceivedBatch& batch, ByteView message, std::uint32_t index) {
  if (!handover_) return drops_.add(DropReason::unknown_index);
  const unsigned owner = index & session::loop_mask(handover_->loops());
  if (owner == handover_->self() || owner >= handover_->loops()) {
    return drops_.add(DropReason::unknown_index);
  }
  if (!handover_->give_datagram(owner, batch, message)) drops_.add(DropReason::loop_queue_full);
}

}  // namespace causeway::dataplane
