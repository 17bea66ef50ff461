// The way of a packet in: from the network to the TUN.
//
//   1  receive a batch                   on_received: datagrams of one sender, one after another
//   2  demultiplex by first bytes        classify
//   3  not for the data plane            on_control_datagram: copied to the control thread
//   4  receiver index to peer, keypair   on_data
//   5  open, replay window               Keypair::open, straight to where the coalescer wants it
//   ---- above this line nothing has changed but drop counters ----
//   6  authenticated from here           on_authentic: confirms keypairs, counts; account_received: roaming
//   7  a keepalive ends here             on_data
//   8  are the inner addresses his?      on_inner_packet: source must be this peer's, destination ours
//   9  write, joined with its like       packet::Coalescer; at the end of the burst: flush
//
// The batch is borrowed for the call. All of it runs in order in the data loop's thread.

#include <algorithm>
#include <atomic>
#include <utility>

#include "dataplane/demultiplex.hpp"
#include "dataplane/forwarder.hpp"
#include "packet/byte_order.hpp"

namespace causeway::dataplane {
namespace {

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

DropReason reason_of(session::OpenError error) {
  switch (error) {
    case session::OpenError::bad_tag:
      return DropReason::bad_tag;
    case session::OpenError::replayed:
      return DropReason::replayed;
    case session::OpenError::key_expired:
      return DropReason::key_expired;
    case session::OpenError::none:
    case session::OpenError::malformed:
      break;
  }
  return DropReason::message_malformed;
}

}  // namespace

// 1
void Forwarder::on_received(const ReceivedBatch& batch, Now now) {
  const ByteView bytes = batch.bytes;
  const std::size_t step = batch.segment_bytes == 0 ? bytes.size() : batch.segment_bytes;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const ByteView datagram = bytes.subspan(at, std::min(step, bytes.size() - at));
    // 2
    switch (classify(datagram)) {
      case DatagramClass::data:
        on_data(batch, datagram, now);
        break;
      case DatagramClass::handshake:
        on_control_datagram(ControlDatagram::Class::handshake, batch, datagram);
        break;
      case DatagramClass::stun:
        on_control_datagram(ControlDatagram::Class::stun, batch, datagram);
        break;
      case DatagramClass::compact:
      case DatagramClass::channel_data:
      case DatagramClass::unknown:
        drops_.add(DropReason::udp_unknown_class);
        break;
    }
  }
  account_received(batch, now);
}

// 3
void Forwarder::on_control_datagram(ControlDatagram::Class kind, const ReceivedBatch& batch,
                                    ByteView datagram) {
  if (datagram.size() > kMostControlBytes) return drops_.add(DropReason::message_malformed);
  if (offer(ControlDatagram{kind, batch.base, batch.from, Bytes(datagram.begin(), datagram.end())})) return;
  const bool is_stun = kind == ControlDatagram::Class::stun;
  drops_.add(is_stun ? DropReason::control_queue_full : DropReason::handshake_queue_full);
}

void Forwarder::on_data(const ReceivedBatch& batch, ByteView message, Now now) {
  // 4
  if (message.size() < session::kDataOverheadBytes) return drops_.add(DropReason::message_malformed);
  const std::uint32_t index = packet::load_le32(message.data() + 4);
  Peer* const* found = indices_.find(index);
  session::Keypair* keypair = found ? (*found)->keys.receiver(index) : nullptr;
  if (!keypair) return drops_.add(DropReason::unknown_index);
  Peer& peer = **found;
  // 5
  const auto origin = static_cast<std::uint32_t>(peer.id);
  const MutableByteView room = coalescer_.prepare(message.size() - session::kDataOverheadBytes, origin);
  const session::Opened opened = keypair->open(message, room, now.steady);
  if (opened.error != session::OpenError::none) {
    coalescer_.abandon();
    return drops_.add(reason_of(opened.error));
  }
  // 8 and 9 for packets with content; 6 for all, but after them: it may send, and must not find the room
  // taken
  if (opened.length == 0) {
    coalescer_.abandon();
  } else {
    on_inner_packet(peer, room.first(opened.length));
  }
  if (arrivals_.peer != &peer) account_received(batch, now);
  on_authentic(peer, index, message.size(), opened.length > 0, now);
}

// 6
void Forwarder::on_authentic(Peer& peer, std::uint32_t local_index, std::size_t message_bytes,
                             bool has_content, Now now) {
  arrivals_.peer = &peer;
  arrivals_.local_index = local_index;
  arrivals_.packets += 1;
  arrivals_.bytes += message_bytes;
  arrivals_.has_content |= has_content;
  std::optional<std::uint32_t> dropped;
  if (!peer.keys.on_opened(local_index, &dropped)) return;
  if (dropped) forget_keypair(peer, *dropped);
  say(KeypairConfirmed{peer.id, local_index}, now);
  drain_stage(peer, now);
}

// 8
void Forwarder::on_inner_packet(Peer& peer, ByteView plaintext) {
  const auto view = packet::IpView::parse(plaintext);
  if (!view) {
    drops_.add(DropReason::inner_malformed);
  } else if (table_.find(view->source) != peer.id) {
    drops_.add(DropReason::source_not_allowed);
  } else if (!table_.is_local(view->destination)) {
    drops_.add(DropReason::destination_not_ours);
  } else {
    // 9
    coalescer_.commit(*view, static_cast<std::uint32_t>(peer.id));
    return;
  }
  coalescer_.abandon();
}

/// 6, once per batch and peer.
void Forwarder::account_received(const ReceivedBatch& batch, Now now) {
  if (!arrivals_.peer) return;
  const Arrivals arrived = std::exchange(arrivals_, Arrivals{});
  Peer& peer = *arrived.peer;
  if (peer.counters) {
    PeerCounters& counters = *peer.counters;
    const std::int64_t at = std::max<std::int64_t>(1, now.steady.time_since_epoch().count());
    add(counters.rx_packets, arrived.packets);
    add(counters.rx_bytes, arrived.bytes);
    counters.anything_received_at.store(at, std::memory_order_relaxed);
    if (arrived.has_content) counters.data_received_at.store(at, std::memory_order_relaxed);
    const session::Keypair* keypair = peer.keys.receiver(arrived.local_index);
    if (keypair && keypair->wants_rekey_after_receive(now.steady)) {
      counters.wants_rekey.store(true, std::memory_order_relaxed);
    }
  }
  notice_move(peer, batch);
}

/// WireGuard's roaming (whitepaper §2.1): the answer to this very packet goes where it came from, so control
/// is told and not asked. Between Causeway nodes ICE decides about paths.
void Forwarder::notice_move(Peer& peer, const ReceivedBatch& batch) {
  if (peer.kind != session::PeerKind::wireguard) return;
  if (peer.path && (peer.path->base != batch.base || peer.path->remote != batch.from)) {
    peer.path->base = batch.base;
    peer.path->remote = batch.from;
    peer.path_failed_at.reset();
    set_mtu(peer, peer.path->mtu);
  }
  const std::pair place{batch.base, batch.from};
  if (peer.known_place == place) return;
  if (offer(PeerMoved{peer.id, batch.base, batch.from})) peer.known_place = place;
}

// 9
void Forwarder::flush(Now now) {
  coalescer_.flush();
  coalescer_.set_options(writer_.offloads());
  say_again(now);
}

}  // namespace causeway::dataplane
