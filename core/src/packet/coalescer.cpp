#include "packet/coalescer.hpp"

#include <cassert>
#include <cstring>

#include "packet/checksum.hpp"
#include "packet/tcp_udp.hpp"
#include "packet/vnet.hpp"

namespace causeway::packet {
namespace {

constexpr std::size_t kMostFrameBytes = 65535;
constexpr std::uint16_t kDontFragment = 0x4000;

bool ends_frame(const FlowPacket& packet) { return packet.tcp_flags & (kTcpPsh | kTcpFin); }

/// A frame gets checksums of its own: a packet with a wrong one would be made right by joining it.
bool are_checksums_right(const IpView& view) {
  return is_l4_checksum_right(view) && (!view.is_v4 || checksum(view.packet().first(view.header_bytes)) == 0);
}

}  // namespace

Coalescer::Coalescer(FrameSink& sink, Options options)
    : sink_(sink), options_(options), memory_(kSlots * kSlotBytes) {}

MutableByteView Coalescer::prepare(std::size_t most, std::uint32_t origin) {
  assert(most <= kMostBytes && !covered_);
  Frame* frame = guess(origin, most);
  if (!frame) return {slot(spare_), most};
  const std::size_t header = frame->first.header_bytes;
  std::uint8_t* at = slot(index_of(*frame)) + frame->bytes - header;
  std::memcpy(tail_.data(), at, header);
  covered_ = frame;
  return {at, most};
}

void Coalescer::commit(const IpView& view_in, std::uint32_t origin) {
  IpView view = view_in;
  const auto packet = FlowPacket::parse(view);
  Frame* frame = packet ? find(packet->key) : nullptr;
  const bool joins = frame && can_join(*frame, *packet, view.data) && are_checksums_right(view);

  if (joins && frame == covered_) {
    restore_tail();  // the payload already stands where it belongs
    join(*frame, *packet);
    return;
  }
  if (covered_) {
    std::memcpy(slot(spare_), view.data, view.total_bytes);
    view.data = slot(spare_);
    restore_tail();
  }
  if (joins) {
    std::memcpy(slot(index_of(*frame)) + frame->bytes, view.data + packet->header_bytes,
                packet->payload_bytes);
    join(*frame, *packet);
    return;
  }
  if (!packet) {
    write_between(view.source, view.destination);  // perhaps a fragment of one of their flows
    write_alone(view);
    return;
  }
  if (frame) write(*frame);
  if (may_begin(*packet) && are_checksums_right(view)) {
    open(*packet, view, origin);
  } else {
    write_alone(view);
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
  if (best && best->bytes - best->first.header_bytes + most > kSlotBytes) return nullptr;
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

bool Coalescer::can_join(const Frame& frame, const FlowPacket& packet, const std::uint8_t* header) const {
  if (!packet.is_plain_data || packet.header_bytes != frame.first.header_bytes) return false;
  if (packet.payload_bytes > frame.first.payload_bytes) return false;
  if (frame.bytes + packet.payload_bytes > kMostFrameBytes) return false;
  if (packet.is_tcp()) {
    const std::size_t sent = frame.bytes - frame.first.header_bytes;
    if (packet.sequence != static_cast<std::uint32_t>(frame.first.sequence + sent)) return false;
  }
  if (!have_equal_headers(frame.header.data(), header, frame.first)) return false;
  // Cutting the frame again counts the ID up; with DF it means nothing (RFC 6864 §4.1).
  if (packet.ip_bytes != kIpv4HeaderBytes || (load_be16(header + 6) & kDontFragment)) return true;
  return load_be16(header + 4) ==
         static_cast<std::uint16_t>(load_be16(frame.header.data() + 4) + frame.packets);
}

bool Coalescer::may_begin(const FlowPacket& packet) const {
  if (!packet.is_plain_data || ends_frame(packet)) return false;
  return packet.is_tcp() ? options_.tcp : options_.udp;
}

void Coalescer::join(Frame& frame, const FlowPacket& packet) {
  frame.bytes += packet.payload_bytes;
  frame.tcp_flags |= packet.tcp_flags;
  ++frame.packets;
  frame.touched = ++serial_;
  newest_ = index_of(frame);
  const bool is_full = !packet.is_tcp() && frame.packets == kMostUdpSegments;
  if (packet.payload_bytes < frame.first.payload_bytes || ends_frame(packet) || is_full) write(frame);
}

void Coalescer::open(const FlowPacket& packet, const IpView& view, std::uint32_t origin) {
  if (view.data != slot(spare_)) std::memmove(slot(spare_), view.data, view.total_bytes);
  Frame& frame = frames_[spare_];
  frame.is_open = true;
  frame.origin = origin;
  frame.touched = ++serial_;
  frame.first = packet;
  std::memcpy(frame.header.data(), slot(spare_), packet.header_bytes);
  frame.bytes = view.total_bytes;
  frame.packets = 1;
  frame.tcp_flags = packet.tcp_flags;
  newest_ = spare_;
  ++open_frames_;
  take_spare();
}

/// As it came: its checksum is whatever its sender computed.
void Coalescer::write_alone(const IpView& view) {
  std::uint8_t* at = slot(spare_);
  if (view.data != at) std::memmove(at, view.data, view.total_bytes);
  sink_.write_frame({}, {at, view.total_bytes}, 1);
}

void Coalescer::write(Frame& frame) {
  std::uint8_t* ip = slot(index_of(frame));
  frame.is_open = false;
  --open_frames_;
  if (frame.packets == 1) {
    sink_.write_frame({}, {ip, frame.bytes}, 1);
    return;
  }
  const FlowPacket& first = frame.first;
  const bool is_v4 = first.ip_bytes == kIpv4HeaderBytes;
  const std::size_t l4_bytes = frame.bytes - first.ip_bytes;
  std::uint8_t* l4 = ip + first.ip_bytes;
  if (is_v4) {
    store_be16(ip + 2, static_cast<std::uint16_t>(frame.bytes));
    write_ipv4_checksum(ip, kIpv4HeaderBytes);
  } else {
    store_be16(ip + 4, static_cast<std::uint16_t>(l4_bytes));
  }
  if (first.is_tcp()) {
    l4[kTcpFlagsOffset] = frame.tcp_flags;
  } else {
    store_be16(l4 + 4, static_cast<std::uint16_t>(l4_bytes));
  }
  const std::size_t field = first.is_tcp() ? kTcpChecksumOffset : kUdpChecksumOffset;
  ChecksumSum sum;
  sum.add_pseudo_header(ip, is_v4, first.key.protocol, static_cast<std::uint32_t>(l4_bytes));
  store_be16(l4 + field, sum.partial());

  tun::VnetHeader header;
  header.flags = vnet::kNeedsChecksum;
  header.gso_type = !first.is_tcp() ? vnet::kGsoUdpL4 : is_v4 ? vnet::kGsoTcpV4 : vnet::kGsoTcpV6;
  header.header_bytes = first.header_bytes;
  header.gso_bytes = static_cast<std::uint16_t>(first.payload_bytes);
  header.checksum_start = first.ip_bytes;
  header.checksum_offset = static_cast<std::uint16_t>(field);
  sink_.write_frame(header, {ip, frame.bytes}, frame.packets);
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
  std::memcpy(slot(index_of(*covered_)) + covered_->bytes - header, tail_.data(), header);
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
