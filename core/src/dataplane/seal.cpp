// The second half of the way out: from a frame and the peer that gets it to datagrams. The steps are numbered
// in send.cpp, whose frames these are.

#include <algorithm>
#include <atomic>

#include "dataplane/forwarder.hpp"
#include "packet/ecn.hpp"
#include "packet/fragmenter.hpp"
#include "packet/mss.hpp"

namespace causeway::dataplane {
namespace {

std::size_t udp_and_ip_bytes(const net::Endpoint& remote) { return remote.address.is_v4() ? 28 : 48; }

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

// 6
void Forwarder::send_frame(Peer& peer, session::Keypair& keypair, MutableByteView frame,
                           const packet::IpView& view, packet::Segmenter& segmenter, Now now) {
  const std::uint8_t ecn = packet::ecn_of(view.data, view.is_v4);
  if (!keypair.sends_compact()) {
    packet::clamp_mss(frame, view, peer.inner_limit, segmenter.is_checksum_partial());
    while (!segmenter.is_done())
      send_stock(peer, keypair, segmenter.next(), ecn, now);
    return;
  }
  auto header = packet::CompactHeader::of(view, peer.implied, segmenter.is_checksum_partial());
  const std::size_t saved = header ? view.header_bytes - std::size_t{header->size} : 0;
  packet::clamp_mss(frame, view, peer.compact_limit + saved, segmenter.is_checksum_partial());
  if (header) {
    send_compact(peer, keypair, *header, segmenter, ecn, now);
  } else {
    while (!segmenter.is_done())
      send_whole(peer, keypair, segmenter.next(), ecn, now);
  }
}

void Forwarder::send_stock(Peer& peer, session::Keypair& keypair, MutableByteView packet, std::uint8_t ecn,
                           Now now) {
  if (packet.size() > peer.inner_limit) {
    return send_oversized(peer, keypair, packet, peer.inner_limit, ecn, now);
  }
  seal_stock(peer, keypair, packet, ecn, now);
}

void Forwarder::send_compact(Peer& peer, session::Keypair& keypair, packet::CompactHeader& header,
                             packet::Segmenter& segmenter, std::uint8_t ecn, Now now) {
  const std::size_t limit = peer.compact_limit - header.size;
  while (!segmenter.is_done()) {
    if (segmenter.next_l4_bytes() > limit) {
      const std::size_t most = limit + segmenter.ip_header_bytes();
      send_oversized(peer, keypair, segmenter.next(), most, ecn, now);
      continue;
    }
    header.set_id(segmenter.next_id());
    const MutableByteView l4 = segmenter.next_l4();
    seal_compact(peer, keypair, {header.write_before(l4.data()), header.size + l4.size()}, ecn, now);
  }
}

/// What is read, cut or staged has room in front for the byte that says so.
void Forwarder::send_whole(Peer& peer, session::Keypair& keypair, MutableByteView packet, std::uint8_t ecn,
                           Now now) {
  if (packet.size() + 1 > peer.compact_limit) {
    return send_oversized(peer, keypair, packet, peer.compact_limit - 1, ecn, now);
  }
  std::uint8_t* begin = packet.data() - 1;
  *begin = packet::kCompactWhole;
  seal_compact(peer, keypair, {begin, packet.size() + 1}, ecn, now);
}

/// 6: what may be cut is cut; of the rest the sender is told what would fit.
void Forwarder::send_oversized(Peer& peer, session::Keypair& keypair, MutableByteView packet,
                               std::size_t limit, std::uint8_t ecn, Now now) {
  const auto view = packet::IpView::parse(packet);
  if (!view) return drops_.add(DropReason::tun_malformed);
  if (view->dont_fragment) {
    drops_.add(DropReason::too_big);
    tell_too_big(*view, limit, now);
    return;
  }
  if (keypair.sends_compact() && send_in_pieces(peer, keypair, packet, ecn, now)) return;
  auto fragmenter = packet::Fragmenter::make(packet, *view, limit);
  if (!fragmenter) return drops_.add(DropReason::too_big);
  while (!fragmenter->is_done()) {
    const MutableByteView fragment = fragmenter->next();
    if (keypair.sends_compact()) {
      send_whole(peer, keypair, fragment, ecn, now);
    } else {
      seal_stock(peer, keypair, fragment, ecn, now);
    }
  }
}

/// 6: two halves, sealed one after the other. False when two are too few, and nothing has changed.
bool Forwarder::send_in_pieces(Peer& peer, session::Keypair& keypair, MutableByteView packet,
                               std::uint8_t ecn, Now now) {
  const std::size_t half = (packet.size() + 1 + 1) / 2;  // whole, with the byte that says so
  if (half + 1 > peer.compact_limit) return false;
  std::uint8_t* begin = packet.data() - 1;
  *begin = packet::kCompactWhole;
  begin[-1] = packet::kCompactFirstPiece;
  seal_compact(peer, keypair, {begin - 1, half + 1}, ecn, now);
  // The byte before the second half is the last of the first, which is sealed.
  begin[half - 1] = packet::kCompactSecondPiece;
  seal_compact(peer, keypair, {begin + half - 1, packet.size() + 1 - half + 1}, ecn, now);
  return true;
}

// 7
void Forwarder::seal_stock(Peer& peer, session::Keypair& keypair, ByteView plaintext, std::uint8_t ecn,
                           Now now) {
  const std::size_t limit = peer.inner_limit;  // what begin_datagram() sends may be refused, and lower it
  const std::size_t sealed = session::Keypair::sealed_bytes(plaintext.size(), limit);
  keypair.seal(plaintext, begin_datagram(peer, sealed, ecn, now), limit);
  end_datagram(keypair, sealed, ecn, !plaintext.empty(), now);
}

void Forwarder::seal_compact(Peer& peer, session::Keypair& keypair, ByteView plaintext, std::uint8_t ecn,
                             Now now) {
  const std::size_t sealed = session::Keypair::compact_bytes(plaintext.size());
  keypair.seal_compact(plaintext, begin_datagram(peer, sealed, ecn, now));
  end_datagram(keypair, sealed, ecn, !plaintext.empty(), now);
}

MutableByteView Forwarder::begin_datagram(Peer& peer, std::size_t bytes, std::uint8_t ecn, Now now) {
  if (run_peer_ != &peer || !run_.accepts(bytes, ecn)) flush_run(now);
  run_peer_ = &peer;
  return run_.room(bytes);
}

void Forwarder::end_datagram(const session::Keypair& keypair, std::size_t bytes, std::uint8_t ecn,
                             bool has_content, Now now) {
  run_.add(bytes, ecn);
  run_index_ = keypair.local_index();
  run_has_content_ |= has_content;
  if (run_.is_full()) flush_run(now);
}

// 8
void Forwarder::flush_run(Now now) {
  if (run_.is_empty()) return;
  Peer& peer = *run_peer_;
  Carrier* carrier = carrier_of(peer);
  const SendBatch batch = run_.batch();
  if (!carrier) {
    drops_.add(DropReason::no_path, run_.segments());
  } else {
    const SendOutcome outcome = carrier->send(peer.path->remote, batch);
    const std::size_t sent = outcome.status == SendStatus::sent
                                 ? run_.segments()
                                 : std::min<std::size_t>(outcome.segments_sent, run_.segments());
    account_sent(peer, sent, std::min<std::size_t>(sent * batch.segment_bytes, batch.bytes.size()), now);
    if (outcome.status == SendStatus::too_big && run_.segments() > 1) {
      send_singly(peer, *carrier, batch, sent, now);
    } else if (outcome.status != SendStatus::sent) {
      on_send_failed(peer, outcome, run_.segments() - sent, now);
    }
  }
  if (peer.also) [[unlikely]]
    send_also(peer, batch);
  run_.clear();
  run_peer_ = nullptr;
  run_has_content_ = false;
}

/// 8: what comes of it shows at the receiver, and nowhere else.
void Forwarder::send_also(Peer& peer, const SendBatch& batch) {
  const auto* carrier = carriers_.find(static_cast<std::uint32_t>(peer.also->base));
  if (carrier) (*carrier)->send(peer.also->remote, batch);
}

/// 8: one datagram too long for the path makes a whole batch fail; the others still go.
void Forwarder::send_singly(Peer& peer, Carrier& carrier, const SendBatch& batch, std::size_t already_sent,
                            Now now) {
  for (std::size_t at = already_sent * batch.segment_bytes; at < batch.bytes.size();
       at += batch.segment_bytes) {
    const ByteView datagram =
        batch.bytes.subspan(at, std::min<std::size_t>(batch.segment_bytes, batch.bytes.size() - at));
    const SendOutcome outcome =
        carrier.send(peer.path->remote, {datagram, static_cast<std::uint16_t>(datagram.size()), batch.ecn});
    if (outcome.status == SendStatus::sent) {
      account_sent(peer, 1, datagram.size(), now);
    } else {
      on_send_failed(peer, outcome, 1, now);
    }
  }
}

// 9
void Forwarder::on_send_failed(Peer& peer, const SendOutcome& outcome, std::size_t packets, Now now) {
  switch (outcome.status) {
    case SendStatus::sent:
      return;
    case SendStatus::would_block:
      return drops_.add(DropReason::send_would_block, packets);
    case SendStatus::too_big: {
      // The packets are sealed, so nobody is told; the next of that size meet the lower limit in step 6.
      drops_.add(DropReason::too_big, packets);
      const std::size_t refused = run_.batch().segment_bytes + udp_and_ip_bytes(peer.path->remote);
      if (refused <= peer.mtu) set_mtu(peer, std::min(peer.mtu, next_lower_mtu(refused)));
      if (peer.size_refused_at && now.steady - *peer.size_refused_at < kSayAgain) return;
      if (offer(SizeRefused{peer.id, peer.path->base, peer.path->remote})) peer.size_refused_at = now.steady;
      return;
    }
    case SendStatus::unreachable:
    case SendStatus::failed:
      drops_.add(DropReason::send_failed, packets);
      if (peer.path_failed_at && now.steady - *peer.path_failed_at < kSayAgain) return;
      if (offer(PathFailed{peer.id, *peer.path, outcome.status, outcome.error}))
        peer.path_failed_at = now.steady;
      return;
  }
}

// 9
void Forwarder::account_sent(Peer& peer, std::size_t packets, std::size_t bytes, Now now) {
  if (packets == 0 || !peer.counters) return;
  PeerCounters& counters = *peer.counters;
  const std::int64_t at = std::max<std::int64_t>(1, now.steady.time_since_epoch().count());
  add(counters.tx_packets, packets);
  add(counters.tx_bytes, bytes);
  counters.anything_sent_at.store(at, std::memory_order_relaxed);
  if (run_has_content_) counters.data_sent_at.store(at, std::memory_order_relaxed);
  const session::Keypair* keypair = peer.keys.receiver(run_index_);
  if (keypair && keypair->wants_rekey_after_send(now.steady))
    counters.wants_rekey.store(true, std::memory_order_relaxed);
}

void Forwarder::tell_unreachable(const packet::IpView& view, Now now) {
  if (!icmp_limiter_.allow(now.steady)) return;
  const std::size_t bytes = packet::make_unreachable(view, icmp_buffer_);
  if (bytes > 0) writer_.write_packet(ByteView{icmp_buffer_}.first(bytes));
}

void Forwarder::tell_too_big(const packet::IpView& view, std::size_t mtu, Now now) {
  if (!icmp_limiter_.allow(now.steady)) return;
  const std::size_t bytes = packet::make_too_big(view, static_cast<std::uint16_t>(mtu), icmp_buffer_);
  if (bytes > 0) writer_.write_packet(ByteView{icmp_buffer_}.first(bytes));
}

}  // namespace causeway::dataplane
