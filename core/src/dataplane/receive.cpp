// The way of a packet in: from the network to the TUN.
//
//   1  receive a batch                   on_received: datagrams of one sender, one after another
//   2  demultiplex by first bytes        classify
//   3  not for the data plane            on_control_datagram: copied to the control thread
//   4  receiver index to peer, keypair   on_data, on_compact
//                                        not of this loop: on_unknown_index, in hand_over.cpp
//   5  open, replay window               on_data (type 4), on_compact: straight to where the coalescer wants
//   it
//   ---- above this line nothing has changed but drop counters ----
//   6  authenticated from here           on_authentic: confirms keypairs, counts; account_received: roaming
//   7  a keepalive ends here             on_data, on_compact
//   8  are the inner addresses his?      on_inner_packet: source must be this peer's, destination ours;
//                                        on_rebuilt_packet: the header that was left out
//   9  write, joined with its like       packet::Coalescer; at the end of the burst: flush
//
// The batch is borrowed for the call. All of it runs in order in the data loop's thread.

#include <algorithm>
#include <atomic>
#include <utility>

#include "dataplane/demultiplex.hpp"
#include "dataplane/forwarder.hpp"
#include "packet/byte_order.hpp"
#include "packet/ecn.hpp"
#include "packet/mss.hpp"

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
        on_compact(batch, datagram, now);
        break;
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
  Peer* const* found = indices_.find(index_key(index));
  session::Keypair* keypair = found ? (*found)->keys.receiver(index) : nullptr;
  if (!keypair) return on_unknown_index(batch, message, index);
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
    on_inner_packet(peer, room.first(opened.length), batch.ecn);
  }
  if (arrivals_.peer != &peer) account_received(batch, now);
  on_authentic(peer, index, message.size(), opened.length > 0, now);
}

void Forwarder::on_compact(const ReceivedBatch& batch, ByteView message, Now now) {
  // 4
  if (message.size() < session::kCompactOverheadBytes || message[0] != session::kCompactType) {
    return drops_.add(DropReason::message_malformed);
  }
  const std::uint32_t index = session::compact_index(message);
  Peer* const* found = indices_.find(index_key(index));
  session::Keypair* keypair = found ? (*found)->keys.compact_receiver(index) : nullptr;
  if (!keypair) return on_unknown_index(batch, message, index);
  Peer& peer = **found;
  const std::uint32_t local_index = keypair->local_index();
  // 5
  const MutableByteView room = coalescer_.prepare_compact(message.size() - session::kCompactOverheadBytes,
                                                          static_cast<std::uint32_t>(peer.id));
  const session::Opened opened = keypair->open_compact(message, room, now.steady);
  if (opened.error != session::OpenError::none) {
    coalescer_.abandon();
    return drops_.add(reason_of(opened.error));
  }
  // 8 and 9, then 6, as above
  bool has_content = opened.length > 0;
  if (opened.length == 0) {
    coalescer_.abandon();
  } else if (batch.ecn != 0 || !coalescer_.join_as_guessed(room)) {
    if (room[0] == packet::kCompactPathMessage) {
      on_path_message(peer, batch, room);
      has_content = false;
    } else {
      on_compact_plaintext(peer, opened, local_index, room, batch.ecn, now);
    }
  }
  if (arrivals_.peer != &peer) account_received(batch, now);
  on_authentic(peer, local_index, message.size(), has_content, now);
}

/// For the control thread. Like a keepalive it is no data: neither timers nor the watch over the path count
/// it.
void Forwarder::on_path_message(Peer& peer, const ReceivedBatch& batch, ByteView plaintext) {
  const ByteView beginning = plaintext.first(std::min(plaintext.size(), kMostPathMessageBytes));
  Bytes copy(beginning.begin(), beginning.end());
  coalescer_.abandon();  // takes the plaintext away
  if (!offer(PathMessageReceived{peer.id, batch.base, batch.from, std::move(copy), plaintext.size()}))
    drops_.add(DropReason::path_queue_full);
}

void Forwarder::on_compact_plaintext(Peer& peer, const session::Opened& opened, std::uint32_t local_index,
                                     MutableByteView plaintext, std::uint8_t ecn, Now now) {
  const auto form = packet::CompactForm::parse(plaintext);
  if (!form) {  // nor is a path message in pieces one
    coalescer_.abandon();
    return drops_.add(DropReason::inner_malformed);
  }
  if (form->leaves_header_out()) return on_rebuilt_packet(peer, *form, plaintext, ecn);
  const MutableByteView rest = plaintext.subspan(form->size);
  if (form->kind == packet::CompactKind::whole) return on_inner_packet(peer, rest, ecn);
  on_piece(peer, opened, local_index, form->is_second_piece, rest, ecn, now);
}

/// Two halves are a message that was too long for its path.
void Forwarder::on_piece(Peer& peer, const session::Opened& opened, std::uint32_t local_index, bool is_second,
                         ByteView half, std::uint8_t ecn, Now now) {
  std::size_t lost = 0;
  const auto whole = pieces_.add(local_index, opened.counter, is_second, half, now.steady, &lost);
  drops_.add(DropReason::piece_lost, lost);
  coalescer_.abandon();
  if (!whole) return;
  if (whole->empty() || whole->size() > packet::Coalescer::kMostBytes ||
      (*whole)[0] >= packet::kCompactFirstPiece) {
    return drops_.add(DropReason::inner_malformed);
  }
  const MutableByteView room = coalescer_.prepare_compact(whole->size(), static_cast<std::uint32_t>(peer.id));
  std::copy(whole->begin(), whole->end(), room.begin());
  on_compact_plaintext(peer, opened, local_index, room, ecn, now);
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
void Forwarder::on_inner_packet(Peer& peer, MutableByteView plaintext, std::uint8_t ecn) {
  const auto view = packet::IpView::parse(plaintext);
  if (!view) {
    drops_.add(DropReason::inner_malformed);
  } else if (table_.find(view->source) != peer.id) {
    drops_.add(DropReason::source_not_allowed);
  } else if (!table_.is_local(view->destination)) {
    drops_.add(DropReason::destination_not_ours);
  } else {
    return deliver(peer, plaintext, *view, ecn, false);
  }
  coalescer_.abandon();
}

// 8
void Forwarder::on_rebuilt_packet(Peer& peer, const packet::CompactForm& form, MutableByteView plaintext,
                                  std::uint8_t ecn) {
  const bool is_v4 = form.kind == packet::CompactKind::ipv4;
  if (!(is_v4 ? peer.implied_v4_is_allowed : peer.implied_v6_is_allowed)) {
    coalescer_.abandon();
    return drops_.add(DropReason::source_not_allowed);
  }
  const MutableByteView l4 = plaintext.subspan(form.size);
  std::uint8_t* ip = coalescer_.place_header(l4.data(), l4.size(), form.ip_bytes());
  const MutableByteView packet{ip, form.ip_bytes() + l4.size()};
  const auto view = form.rebuild(peer.implied, l4.size(), ip) ? packet::IpView::parse(packet) : std::nullopt;
  if (!view) {
    coalescer_.abandon();
    return drops_.add(DropReason::inner_malformed);
  }
  deliver(peer, packet, *view, ecn, form.checksum_is_partial);
}

/// 8 is passed: the packet is the peer's to send and ours to have.
void Forwarder::deliver(Peer& peer, MutableByteView packet, const packet::IpView& view, std::uint8_t ecn,
                        bool is_partial) {
  if (ecn != 0 && !packet::decapsulate_ecn(packet.data(), view.is_v4, ecn)) {
    coalescer_.abandon();
    return drops_.add(DropReason::congestion);
  }
  // The peer's own clamp is for what it knows of the path; this is what we know.
  packet::clamp_mss(packet, view, peer.most_inner_bytes(view.is_v4), is_partial);
  // 9
  coalescer_.commit(view, static_cast<std::uint32_t>(peer.id), is_partial);
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
    if (arrived.has_content) {
      counters.data_received_at.store(at, std::memory_order_relaxed);
      if (peer.path && batch.base == peer.path->base && batch.from == peer.path->remote)
        counters.path_data_received_at.store(at, std::memory_order_relaxed);
    }
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
  flush_run(now);
  coalescer_.flush();
  coalescer_.set_options(writer_.offloads());
  say_again(now);
}

}  // namespace causeway::dataplane
