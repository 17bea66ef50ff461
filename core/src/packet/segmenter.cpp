#include "packet/segmenter.hpp"

#include <algorithm>
#include <cstring>

#include "packet/checksum.hpp"
#include "packet/tcp_udp.hpp"
#include "packet/vnet.hpp"

namespace causeway::packet {

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
  } else if (header.flags & vnet::kNeedsChecksum) {
    if (header.checksum_start < view.header_bytes) return std::nullopt;
    if (!complete_checksum(made.packet_, header.checksum_start, header.checksum_offset)) return std::nullopt;
  }
  return made;
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
    return packet_;
  }
  const std::size_t begin = at_ * segment_payload_;
  const std::size_t payload = std::min(segment_payload_, packet_.size() - header_bytes_ - begin);
  std::uint8_t* segment = packet_.data() + begin;
  const std::size_t total = header_bytes_ + payload;

  std::memcpy(segment, header_.data(), header_bytes_);
  write_ip_header(segment, total);
  if (kind_ == Kind::tcp) {
    write_tcp_header(segment + ip_bytes_);
  } else {
    store_be16(segment + ip_bytes_ + 4, static_cast<std::uint16_t>(total - ip_bytes_));
  }
  write_l4_checksum(segment, total);
  ++at_;
  return {segment, total};
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

void Segmenter::write_tcp_header(std::uint8_t* l4) const {
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
