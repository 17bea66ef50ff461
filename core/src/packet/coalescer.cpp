#include "packet/coalescer.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "packet/checksum.hpp"
#include "packet/tcp_udp.hpp"
#include "packet/vnet.hpp"

namespace causeway::packet {
namespace {

constexpr std::size_t kMostFrameBytes = 65535;
constexpr std::uint16_t kDontFragment = 0x4000;

bool ends_frame(std::uint8_t tcp_flags) { return tcp_flags & (kTcpPsh | kTcpFin); }

/// A frame gets checksums of its own: a packet with a wrong one would be made right by joining it.
bool are_checksums_right(const IpView& view) {
  return is_l4_checksum_right(view) && (!view.is_v4 || checksum(view.packet().first(view.header_bytes)) == 0);
}

/// Leaves the TCP or UDP checksum of a packet to the kernel, behind an IP header of `ip_bytes`.
tun::VnetHeader ask_for_checksum(MutableByteView packet, std::size_t ip_bytes, std::uint8_t protocol) {
  const std::size_t l4_bytes = packet.size() - ip_bytes;
  const std::size_t field = protocol == kTcp ? kTcpChecksumOffset : kUdpChecksumOffset;
  ChecksumSum sum;
  sum.add_pseudo_header(packet.data(), ip_bytes == kIpv4HeaderBytes, protocol,
                        static_cast<std::uint32_t>(l4_bytes));
  store_be16(packet.data() + ip_bytes + field, sum.partial());
  tun::VnetHeader header;
  header.flags = vnet::kNeedsChecksum;
  header.checksum_start = static_cast<std::uint16_t>(ip_bytes);
  header.checksum_offset = static_cast<std::uint16_t>(field);
  return header;
}

}  // namespace

Coalescer::Coalescer(FrameSink& sink, Options options)
    : sink_(sink), options_(options), memory_(kSlots * kSlotBytes) {}

MutableByteView Coalescer::prepare(std::size_t most, std::uint32_t origin) {
  assert(most <= kMostBytes && !covered_);
  Frame* frame = guess(origin, most);
  return {frame ? cover_tail(*frame) : slot(spare_), most};
}

MutableByteView Coalescer::prepare_compact(std::size_t most, std::uint32_t origin) {
  assert(most <= kMostBytes && !covered_);
  Frame* frame = guess(origin, kHeadroom + most);
  std::uint8_t* at =
      frame ? cover_tail(*frame) + frame->first.ip_bytes - frame->lead : slot(spare_) + kHeadroom;
  compact_begin_ = at;
  return {at, most};
}

std::uint8_t* Coalescer::place_header(std::uint8_t* l4, std::size_t l4_bytes, std::size_t ip_bytes) {
  lead_ = static_cast<std::uint8_t>(l4 - compact_begin_);
  std::memcpy(lead_bytes_.data(), compact_begin_, std::min<std::size_t>(lead_, kMostLead));
  if (!covered_) return l4 - ip_bytes;
  const FlowPacket& shape = covered_->first;
  const bool is_as_guessed =
      ip_bytes == shape.ip_bytes && l4 == end_of(*covered_) - shape.header_bytes + shape.ip_bytes;
  if (is_as_guessed) return l4 - ip_bytes;
  std::uint8_t* to = slot(spare_) + kHeadroom;
  std::memcpy(to, l4, l4_bytes);
  restore_tail();
  return to - ip_bytes;
}

bool Coalescer::join_as_guessed(ByteView plaintext) {
  if (!covered_ || !covered_->is_partial || !covered_->first.is_tcp()) return false;
  Frame& frame = *covered_;
  const FlowPacket& shape = frame.first;
  const std::size_t l4_header = shape.header_bytes - std::size_t{shape.ip_bytes};
  if (frame.lead > kMostLead || plaintext.size() <= frame.lead + l4_header) return false;
  const std::size_t payload = plaintext.size() - frame.lead - l4_header;
  if (payload > shape.payload_bytes || frame.bytes + payload > kMostFrameBytes) return false;
  // The same bytes in place of the IP header make the same header, but for its length. (An IPv4 ID counts up,
  // so it is never the same.)
  if (std::memcmp(plaintext.data(), frame.lead_bytes.data(), frame.lead) != 0) return false;

  const std::uint8_t* tcp = plaintext.data() + frame.lead;
  const std::uint8_t* first = frame.header.data() + shape.ip_bytes;
  const std::uint8_t flags = tcp[kTcpFlagsOffset];
  const auto expected = static_cast<std::uint32_t>(shape.sequence + frame.bytes - shape.header_bytes);
  if (load_be32(tcp + 4) != expected || !(flags & kTcpAck) || (flags & ~(kTcpAck | kTcpPsh | kTcpFin)) != 0 ||
      !have_equal_tcp_headers(first, tcp, l4_header)) {
    return false;
  }
  restore_tail();
  join(frame, payload, flags);
  return true;
}

/// Where a packet like the frame's first is decrypted so that its payload lands behind the frame's.
std::uint8_t* Coalescer::cover_tail(Frame& frame) {
  const std::size_t header = frame.first.header_bytes;
  std::uint8_t* at = end_of(frame) - header;
  std::memcpy(tail_.data(), at, header);
  covered_ = &frame;
  return at;
}

void Coalescer::commit(const IpView& view_in, std::uint32_t origin, bool is_partial) {
  IpView view = view_in;
  const auto packet = FlowPacket::parse(view, is_partial);
  Frame* frame = packet ? find(packet->key) : nullptr;
  const bool joins = frame && can_join(*frame, *packet, view, is_partial);

  if (joins && frame == covered_ && view.data + packet->header_bytes == end_of(*frame)) {
    restore_tail();  // the payload already stands where it belongs
    join(*frame, packet->payload_bytes, packet->tcp_flags);
    return;
  }
  if (covered_) {
    std::memcpy(slot(spare_), view.data, view.total_bytes);
    view.data = slot(spare_);
    restore_tail();
  }
  if (joins) {
    std::memcpy(end_of(*frame), view.data + packet->header_bytes, packet->payload_bytes);
    join(*frame, packet->payload_bytes, packet->tcp_flags);
    return;
  }
  if (!packet) {
    write_between(view.source, view.destination);  // perhaps a fragment of one of their flows
    write_alone(view, is_partial);
    return;
  }
  if (frame) write(*frame);
  if (may_begin(*packet) && (is_partial || are_checksums_right(view))) {
    open(*packet, view, origin, is_partial);
  } else {
    write_alone(view, is_partial);
  }
}

void Coalescer::flush() {
  restore_tail();
  while (open_frames_ > 0) {
    Frame* oldest = nullptr;
    for (Frame& frame : frames_) {
      if (frame.is_open && (!oldest || frame.touched < oldest->touched)) oldest = &frame;
    }
    write(*oldest);
  }
}

/// The newest frame of `origin`, if the packet fits behind it.
Coalescer::Frame* Coalescer::guess(std::uint32_t origin, std::size_t most) {
  Frame* best = nullptr;
  if (frames_[newest_].is_open && frames_[newest_].origin == origin) {
    best = &frames_[newest_];
  } else if (open_frames_ > 0) {
    for (Frame& frame : frames_) {
      if (frame.is_open && frame.origin == origin && (!best || frame.touched > best->touched)) best = &frame;
    }
  }
  if (best && best->start + best->bytes + most > kSlotBytes) return nullptr;
  return best;
}

Coalescer::Frame* Coalescer::find(const FlowKey& key) {
  if (open_frames_ == 0) return nullptr;
  if (frames_[newest_].is_open && frames_[newest_].first.key == key) return &frames_[newest_];
  for (Frame& frame : frames_) {
    if (frame.is_open && frame.first.key == key) return &frame;
  }
  return nullptr;
}

bool Coalescer::can_join(const Frame& frame, const FlowPacket& packet, const IpView& view,
                         bool is_partial) const {
  const std::uint8_t* header = view.data;
  if (is_partial != frame.is_partial || !packet.is_plain_data ||
      packet.header_bytes != frame.first.header_bytes)
    return false;
  if (packet.payload_bytes > frame.first.payload_bytes) return false;
  if (frame.bytes + packet.payload_bytes > kMostFrameBytes) return false;
  if (packet.is_tcp()) {
    const std::size_t sent = frame.bytes - frame.first.header_bytes;
    if (packet.sequence != static_cast<std::uint32_t>(frame.first.sequence + sent)) return false;
  }
  if (!have_equal_headers(frame.header.data(), header, frame.first)) return false;
  // Cutting the frame again counts the ID up; with DF it means nothing (RFC 6864 §4.1).
  const bool id_matters = packet.ip_bytes == kIpv4HeaderBytes && !(load_be16(header + 6) & kDontFragment);
  if (id_matters && load_be16(header + 4) !=
                        static_cast<std::uint16_t>(load_be16(frame.header.data() + 4) + frame.packets)) {
    return false;
  }
  return is_partial || are_checksums_right(view);
}

bool Coalescer::may_begin(const FlowPacket& packet) const {
  if (!packet.is_plain_data || ends_frame(packet.tcp_flags)) return false;
  return packet.is_tcp() ? options_.tcp : options_.udp;
}

void Coalescer::join(Frame& frame, std::size_t payload_bytes, std::uint8_t tcp_flags) {
  frame.bytes += payload_bytes;
  frame.tcp_flags |= tcp_flags;
  ++frame.packets;
  frame.touched = ++serial_;
  newest_ = index_of(frame);
  const bool is_full = !frame.first.is_tcp() && frame.packets == kMostUdpSegments;
  if (payload_bytes < frame.first.payload_bytes || ends_frame(tcp_flags) || is_full) write(frame);
}

void Coalescer::open(const FlowPacket& packet, const IpView& view, std::uint32_t origin, bool is_partial) {
  Frame& frame = frames_[spare_];
  frame.is_open = true;
  frame.is_partial = is_partial;
  frame.lead = lead_;
  frame.lead_bytes = lead_bytes_;
  frame.origin = origin;
  frame.start = static_cast<std::size_t>(view.data - slot(spare_));
  frame.touched = ++serial_;
  frame.first = packet;
  std::memcpy(frame.header.data(), view.data, packet.header_bytes);
  frame.bytes = view.total_bytes;
  frame.packets = 1;
  frame.tcp_flags = packet.tcp_flags;
  newest_ = spare_;
  ++open_frames_;
  take_spare();
}

/// As it came: its checksum is whatever its sender computed, or for the kernel to compute.
void Coalescer::write_alone(const IpView& view, bool is_partial) {
  const MutableByteView packet{slot(spare_) + (view.data - slot(spare_)), view.total_bytes};
  tun::VnetHeader header;
  if (is_partial) header = ask_for_checksum(packet, view.header_bytes, view.protocol);
  sink_.write_frame(header, packet, 1);
}

void Coalescer::write(Frame& frame) {
  std::uint8_t* ip = begin_of(frame);
  frame.is_open = false;
  --open_frames_;
  const FlowPacket& first = frame.first;
  const MutableByteView packet{ip, frame.bytes};
  tun::VnetHeader header;
  if (frame.packets > 1) {
    const bool is_v4 = first.ip_bytes == kIpv4HeaderBytes;
    const auto l4_bytes = static_cast<std::uint16_t>(frame.bytes - first.ip_bytes);
    std::uint8_t* l4 = ip + first.ip_bytes;
    if (is_v4) {
      store_be16(ip + 2, static_cast<std::uint16_t>(frame.bytes));
      write_plain_ipv4_checksum(ip);
    } else {
      store_be16(ip + 4, l4_bytes);
    }
    if (first.is_tcp()) {
      l4[kTcpFlagsOffset] = frame.tcp_flags;
    } else {
      store_be16(l4 + 4, l4_bytes);
    }
    header = ask_for_checksum(packet, first.ip_bytes, first.key.protocol);
    header.gso_type = !first.is_tcp() ? vnet::kGsoUdpL4 : is_v4 ? vnet::kGsoTcpV4 : vnet::kGsoTcpV6;
    header.header_bytes = first.header_bytes;
    header.gso_bytes = static_cast<std::uint16_t>(first.payload_bytes);
  } else if (frame.is_partial) {
    header = ask_for_checksum(packet, first.ip_bytes, first.key.protocol);
  }
  sink_.write_frame(header, packet, frame.packets);
}

void Coalescer::write_between(const AddressKey& source, const AddressKey& destination) {
  for (Frame& frame : frames_) {
    if (frame.is_open && frame.first.key.source == source && frame.first.key.destination == destination)
      write(frame);
  }
}

void Coalescer::restore_tail() {
  if (!covered_) return;
  const std::size_t header = covered_->first.header_bytes;
  std::memcpy(end_of(*covered_) - header, tail_.data(), header);
  covered_ = nullptr;
}

/// With every other slot taken by an open frame, the oldest goes.
void Coalescer::take_spare() {
  std::size_t oldest = kSlots;
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (!frames_[i].is_open) {
      spare_ = i;
      return;
    }
    if (oldest == kSlots || frames_[i].touched < frames_[oldest].touched) oldest = i;
  }
  write(frames_[oldest]);
  spare_ = oldest;
}

}  // namespace causeway::packet
