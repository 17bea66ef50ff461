#include "packet/segmenter.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "packet/checksum.hpp"
#include "packet/tcp_udp.hpp"
#include "packet/vnet.hpp"

namespace causeway::packet {

Segmenter::Segmenter(MutableByteView packet, const IpView& view)
    : packet_(packet),
      is_v4_(view.is_v4),
      first_id_(view.is_v4 ? load_be16(packet.data() + 4) : std::uint16_t{0}),
      ip_header_bytes_(view.header_bytes),
      ip_bytes_(view.header_bytes) {}

std::optional<Segmenter> Segmenter::make(const tun::VnetHeader& header, MutableByteView packet,
                                         const IpView& view) {
  Segmenter made(packet.first(view.total_bytes), view);
  const std::uint8_t gso_type = header.gso_type & ~vnet::kGsoEcn;
  if (gso_type != vnet::kGsoNone) {
    const bool fits = (gso_type == vnet::kGsoTcpV4 && view.is_v4) ||
                      (gso_type == vnet::kGsoTcpV6 && !view.is_v4) || gso_type == vnet::kGsoUdpL4;
    if (!fits) return std::nullopt;
    made.kind_ = gso_type == vnet::kGsoUdpL4 ? Kind::udp : Kind::tcp;
    if (!made.prepare_split(header, view)) return std::nullopt;
    // A super-packet has no checksum of its own; behind extension headers only a whole packet can say so.
    made.is_partial_ = made.ip_bytes_ == view.header_bytes;
  } else if (header.flags & vnet::kNeedsChecksum) {
    if (!made.prepare_checksum(header, view)) return std::nullopt;
  }
  return made;
}

bool Segmenter::prepare_checksum(const tun::VnetHeader& header, const IpView& view) {
  if (header.checksum_start < view.header_bytes ||
      std::size_t{header.checksum_start} + header.checksum_offset + 2 > packet_.size()) {
    return false;
  }
  is_unfinished_ = true;
  checksum_start_ = header.checksum_start;
  checksum_offset_ = header.checksum_offset;
  const std::size_t l4_bytes = packet_.size() - view.header_bytes;
  const bool is_tcp = view.protocol == kTcp && checksum_offset_ == kTcpChecksumOffset;
  // What the receiver computes covers the length that IP says.
  const bool is_udp = view.protocol == kUdp && checksum_offset_ == kUdpChecksumOffset &&
                      l4_bytes >= kUdpHeaderBytes &&
                      load_be16(packet_.data() + view.header_bytes + 4) == l4_bytes;
  is_partial_ = checksum_start_ == view.header_bytes && !view.is_fragment &&
                ((is_tcp && l4_bytes >= kTcpHeaderBytes) || is_udp);
  return true;
}

bool Segmenter::prepare_split(const tun::VnetHeader& header, const IpView& view) {
  const std::uint8_t protocol = kind_ == Kind::tcp ? kTcp : kUdp;
  // With IPv6 extension headers only the kernel's word says where L4 begins.
  ip_bytes_ = view.protocol == protocol ? view.header_bytes : header.checksum_start;
  const bool is_other_l4 =
      view.protocol != protocol && (view.is_v4 || view.protocol == kTcp || view.protocol == kUdp);
  if (view.is_fragment || ip_bytes_ < view.header_bytes || is_other_l4) return false;
  const std::size_t fixed = kind_ == Kind::tcp ? kTcpHeaderBytes : kUdpHeaderBytes;
  if (packet_.size() < ip_bytes_ + fixed || header.gso_bytes == 0) return false;
  const std::uint8_t* l4 = packet_.data() + ip_bytes_;
  header_bytes_ = ip_bytes_ + (kind_ == Kind::tcp ? tcp_header_bytes(l4) : kUdpHeaderBytes);
  if (header_bytes_ < ip_bytes_ + fixed || header_bytes_ > header_.size() || header_bytes_ > packet_.size()) {
    return false;
  }
  segment_payload_ = header.gso_bytes;
  const std::size_t payload = packet_.size() - header_bytes_;
  segments_ = std::max<std::size_t>(1, (payload + segment_payload_ - 1) / segment_payload_);
  std::memcpy(header_.data(), packet_.data(), header_bytes_);
  return true;
}

MutableByteView Segmenter::next() {
  if (kind_ == Kind::single) {
    at_ = 1;
    if (std::exchange(is_unfinished_, false)) complete_checksum(packet_, checksum_start_, checksum_offset_);
    return packet_;
  }
  std::size_t total = 0;
  std::uint8_t* segment = place_next(&total);
  std::memcpy(segment, header_.data(), header_bytes_);
  write_ip_header(segment, total);
  write_l4_header(segment + ip_bytes_, total - ip_bytes_);
  write_l4_checksum(segment, total);
  ++at_;
  return {segment, total};
}

MutableByteView Segmenter::next_l4() {
  if (!is_partial_) return next().subspan(ip_header_bytes_);
  if (kind_ == Kind::single) {
    at_ = 1;
    store_be16(packet_.data() + checksum_start_ + checksum_offset_, 0);
    return packet_.subspan(ip_header_bytes_);
  }
  std::size_t total = 0;
  std::uint8_t* l4 = place_next(&total) + ip_bytes_;
  std::memcpy(l4, header_.data() + ip_bytes_, header_bytes_ - ip_bytes_);
  write_l4_header(l4, total - ip_bytes_);
  store_be16(l4 + (kind_ == Kind::tcp ? kTcpChecksumOffset : kUdpChecksumOffset), 0);
  ++at_;
  return {l4, total - ip_bytes_};
}

/// Where the next segment's header goes: in front of its payload.
std::uint8_t* Segmenter::place_next(std::size_t* total_bytes) {
  const std::size_t begin = at_ * segment_payload_;
  *total_bytes = header_bytes_ + std::min(segment_payload_, packet_.size() - header_bytes_ - begin);
  return packet_.data() + begin;
}

void Segmenter::write_ip_header(std::uint8_t* to, std::size_t total_bytes) const {
  if (!is_v4_) {
    store_be16(to + 4, static_cast<std::uint16_t>(total_bytes - kIpv6HeaderBytes));
    return;
  }
  store_be16(to + 2, static_cast<std::uint16_t>(total_bytes));
  store_be16(to + 4, static_cast<std::uint16_t>(load_be16(to + 4) + at_));
  write_ipv4_checksum(to, ip_bytes_);
}

void Segmenter::write_l4_header(std::uint8_t* l4, std::size_t l4_bytes) const {
  if (kind_ == Kind::udp) return store_be16(l4 + 4, static_cast<std::uint16_t>(l4_bytes));
  store_be32(l4 + 4, static_cast<std::uint32_t>(load_be32(l4 + 4) + at_ * segment_payload_));
  std::uint8_t& flags = l4[kTcpFlagsOffset];
  if (at_ > 0) flags &= static_cast<std::uint8_t>(~kTcpCwr);  // RFC 3168 §6.1.2: said once
  if (at_ + 1 < segments_) flags &= static_cast<std::uint8_t>(~(kTcpFin | kTcpPsh));
}

void Segmenter::write_l4_checksum(std::uint8_t* ip, std::size_t total_bytes) const {
  const bool tcp = kind_ == Kind::tcp;
  std::uint8_t* field = ip + ip_bytes_ + (tcp ? kTcpChecksumOffset : kUdpChecksumOffset);
  const std::size_t l4_bytes = total_bytes - ip_bytes_;
  store_be16(field, 0);
  ChecksumSum sum;
  sum.add_pseudo_header(ip, is_v4_, tcp ? kTcp : kUdp, static_cast<std::uint32_t>(l4_bytes));
  sum.add({ip + ip_bytes_, l4_bytes});
  const std::uint16_t finished = sum.finished();
  store_be16(field, !tcp && finished == 0 ? 0xffff : finished);  // RFC 768: 0 means none
}

}  // namespace causeway::packet
