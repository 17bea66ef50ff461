// The way of a packet out: from the TUN to the network.
//
//   1  read a frame                      on_tun_readable: up to 64, then the sockets get their turn
//   2  parse it, is it ours to send?     may_leave
//   3  look up who has the destination   on_frame
//   4  nobody, or no way to him yet      stage_unresolved, stage_for: wait, and ask
//      a peer of another data loop       on_absent_peer, in hand_over.cpp
//   5  cut it into packets of the wire   packet::Segmenter, in place
//      ---- from here on in seal.cpp ----
//   6  in which form, and does it fit?   send_frame, send_oversized
//   7  take the counter and seal         seal_compact, seal_stock: straight into the send buffer
//   8  hand on in batches                flush_run
//   9  what came of it                   on_send_failed, account_sent
//
// The read buffer belongs to the Forwarder; a frame in it is used up (its headers overwritten) when on_frame
// returns. All of it runs in order in the data loop's thread.

#include <algorithm>

#include "dataplane/forwarder.hpp"

namespace causeway::dataplane {
namespace {

bool is_multicast(const packet::AddressKey& address) {
  if (address.is_v4()) return (address.low >> 28 & 0xf) == 0xe || (address.low & 0xffffffff) == 0xffffffff;
  return address.high >> 56 == 0xff;
}

bool is_link_local_v6(const packet::AddressKey& address) {
  return !address.is_v4() && address.high >> 54 == 0x3fa;
}

}  // namespace

// 1
Forwarder::TunState Forwarder::on_tun_readable(Now now) {
  TunState state = TunState::more;
  for (int frames = 0; frames < kMostFramesPerBurst; ++frames) {
    const MutableByteView buffer = MutableByteView{read_buffer_}.subspan(kReadHeadroom);
    const auto read = tun_.read(buffer);
    if (read.status != tun::TunDevice::ReadResult::Status::frame) {
      state =
          read.status == tun::TunDevice::ReadResult::Status::closed ? TunState::closed : TunState::drained;
      break;
    }
    on_frame(read.header, buffer.first(std::min(read.bytes, buffer.size())), Origin::own_queue, now);
  }
  flush_run(now);
  return state;
}

void Forwarder::on_frame(const tun::VnetHeader& header, MutableByteView frame, Origin origin, Now now) {
  // 2
  const auto view = packet::IpView::parse(frame);
  if (!view) return drops_.add(DropReason::tun_malformed);
  if (!may_leave(*view)) return;
  // 5: cutting is prepared before anybody waits, so that a bad frame never does
  auto segmenter = packet::Segmenter::make(header, frame, *view);
  if (!segmenter) return drops_.add(DropReason::tun_malformed);
  // 3
  Peer* peer = find_peer(table_.find(view->destination));
  if (!peer) return on_absent_peer(header, frame, origin, *view, *segmenter, now);
  // 4
  session::Keypair* keypair = sender_of(*peer, now);
  if (!keypair) return stage_for(*peer, *segmenter, now);
  if (!peer->stage.empty()) {
    // A way opened without a word (the time of a keypair, say): those who wait go first, and need the frame's
    // memory untouched.
    drain_stage(*peer, now);
  }
  send_frame(*peer, *keypair, frame, *view, *segmenter, now);
}

// 2
bool Forwarder::may_leave(const packet::IpView& view) {
  const bool is_chatter = is_multicast(view.destination) || is_link_local_v6(view.destination) ||
                          is_link_local_v6(view.source) || table_.is_subnet_broadcast(view.destination);
  if (is_chatter) {
    drops_.add(DropReason::tun_not_unicast);
    return false;
  }
  if (!table_.is_local(view.source)) {
    drops_.add(DropReason::source_not_ours);
    return false;
  }
  return true;
}

// 4
void Forwarder::stage_unresolved(const packet::IpView& view, packet::Segmenter& segmenter, Now now) {
  if (!table_.is_on_link(view.destination) || table_.is_local(view.destination)) {
    drops_.add(DropReason::no_such_peer, segmenter.segments());
    tell_unreachable(view, now);
    return;
  }
  std::size_t lost = 0;
  Unresolved::Destination& destination = unresolved_.at(view.destination, &lost);
  while (!segmenter.is_done())
    lost += destination.stage.push(segmenter.next(), now.steady);
  drops_.add(DropReason::stage_full, lost);
  expect_expiry(now.steady);
  if (destination.wanted_at && now.steady - *destination.wanted_at < kSayAgain) return;
  if (offer(PeerWanted{destination.address.address()})) destination.wanted_at = now.steady;
}

// 4
void Forwarder::stage_for(Peer& peer, packet::Segmenter& segmenter, Now now) {
  std::size_t lost = 0;
  while (!segmenter.is_done())
    lost += peer.stage.push(segmenter.next(), now.steady);
  drops_.add(DropReason::stage_full, lost);
  expect_expiry(now.steady);
  want_session(peer, now);
}

void Forwarder::expect_expiry(SteadyTime since) {
  next_expiry_ = std::min(next_expiry_.value_or(SteadyTime::max()), since + Stage::kPatience);
}

/// 4, the other end: what waited goes out in order, unless the address changed hands meanwhile.
void Forwarder::drain_stage(Peer& peer, Now now) {
  if (peer.stage.empty()) return;
  session::Keypair* keypair = sender_of(peer, now);
  if (!keypair) return;
  for (; !peer.stage.empty(); peer.stage.pop()) {
    const MutableByteView packet = peer.stage.front();
    const auto view = packet::IpView::parse(packet);
    auto segmenter = view ? packet::Segmenter::make({}, packet, *view) : std::nullopt;
    if (!segmenter || table_.find(view->destination) != peer.id) {
      drops_.add(DropReason::no_path);
    } else {
      send_frame(peer, *keypair, packet, *view, *segmenter, now);
    }
  }
  flush_run(now);
}

}  // namespace causeway::dataplane
