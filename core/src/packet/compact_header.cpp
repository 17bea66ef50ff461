#include "packet/compact_header.hpp"

#include <cassert>
#include <cstring>

#include "packet/checksum.hpp"
#include "packet/tcp_udp.hpp"

namespace causeway::packet {
namespace {

constexpr unsigned kKindShift = 6;
constexpr unsigned kProtocolShift = 4;
constexpr std::uint8_t kDontFragmentBit = 0x08;
constexpr std::uint8_t kPartialBit = 0x04;
constexpr std::uint8_t kTtlBit = 0x02;
constexpr std::uint8_t kTosBit = 0x01;
constexpr std::uint8_t kUsualTtl = 64;

enum ProtocolCode : std::uint8_t { code_tcp = 0, code_udp = 1, code_icmp = 2, code_other = 3 };

constexpr std::uint16_t kReservedFlag = 0x8000;
constexpr std::uint16_t kDontFragment = 0x4000;

std::uint8_t code_of(std::uint8_t protocol, bool is_v4) {
  if (protocol == kTcp) return code_tcp;
  if (protocol == kUdp) return code_udp;
  return protocol == (is_v4 ? kIcmp : kIcmpV6) ? code_icmp : code_other;
}

}  // namespace

void ImpliedAddresses::set(const net::IpAddress& local, const net::IpAddress& remote) {
  assert(local.is_v4() == remote.is_v4());
  Pair& pair = local.is_v4() ? v4_ : v6_;
  pair = {true, AddressKey::of(local), AddressKey::of(remote)};
  if (local.is_v4()) {
    incoming_v4_ = {0x45, 0, 0, 0, 0, 0, 0x40, 0, kUsualTtl};
    std::memcpy(incoming_v4_.data() + 12, remote.data(), 4);
    std::memcpy(incoming_v4_.data() + 16, local.data(), 4);
  } else {
    incoming_v6_ = {0x60, 0, 0, 0, 0, 0, 0, kUsualTtl};
    std::memcpy(incoming_v6_.data() + 8, remote.data(), 16);
    std::memcpy(incoming_v6_.data() + 24, local.data(), 16);
  }
}

std::optional<CompactHeader> CompactHeader::of(const IpView& view, const ImpliedAddresses& addresses,
                                               bool checksum_is_partial) {
  if (view.is_fragment || view.has_options() || !addresses.match_outgoing(view)) return std::nullopt;
  const std::uint8_t* ip = view.data;
  if (view.is_v4 && (load_be16(ip + 6) & kReservedFlag)) return std::nullopt;
  const std::uint8_t code = code_of(view.protocol, view.is_v4);
  const std::uint8_t ttl = view.is_v4 ? ip[8] : ip[7];
  const auto tos = view.is_v4 ? ip[1] : static_cast<std::uint8_t>(load_be16(ip) >> 4);

  CompactHeader made;
  const auto append = [&](std::uint8_t byte) { made.bytes[made.size++] = byte; };
  auto first = static_cast<std::uint8_t>((view.is_v4 ? 0 : 1) << kKindShift | code << kProtocolShift);
  if (view.is_v4 && view.dont_fragment) first |= kDontFragmentBit;
  if (checksum_is_partial) first |= kPartialBit;
  if (ttl != kUsualTtl) first |= kTtlBit;
  if (tos != 0) first |= kTosBit;
  append(first);
  if (code == code_other) append(view.protocol);
  if (ttl != kUsualTtl) append(ttl);
  if (tos != 0) append(tos);
  if (!view.is_v4) {
    append(ip[1] & 0x0f);
    append(ip[2]);
    append(ip[3]);
  } else if (!view.dont_fragment) {
    made.has_id = true;
    append(ip[4]);
    append(ip[5]);
  }
  return made;
}

void CompactHeader::set_id(std::uint16_t id) {
  if (has_id) store_be16(bytes.data() + size - 2, id);
}

std::optional<CompactForm> CompactForm::parse(ByteView plaintext) {
  if (plaintext.empty()) return std::nullopt;
  const std::uint8_t first = plaintext[0];
  CompactForm form;
  form.kind = static_cast<CompactKind>(first >> kKindShift);
  form.size = 1;
  if (form.kind == CompactKind::whole) return first == kCompactWhole ? std::optional{form} : std::nullopt;
  if (form.kind == CompactKind::piece) {
    form.is_second_piece = first == kCompactSecondPiece;
    return form.is_second_piece || first == kCompactFirstPiece ? std::optional{form} : std::nullopt;
  }

  const bool is_v4 = form.kind == CompactKind::ipv4;
  const unsigned code = first >> kProtocolShift & 3;
  form.checksum_is_partial = first & kPartialBit;
  form.dont_fragment = first & kDontFragmentBit;
  if (form.dont_fragment && !is_v4) return std::nullopt;
  const std::size_t size = 1u + (code == code_other) + ((first & kTtlBit) != 0) + ((first & kTosBit) != 0) +
                           (!is_v4               ? 3u
                            : form.dont_fragment ? 0u
                                                 : 2u);
  if (plaintext.size() < size) return std::nullopt;
  const std::uint8_t* at = plaintext.data() + 1;
  switch (code) {
    case code_tcp:
      form.protocol = kTcp;
      break;
    case code_udp:
      form.protocol = kUdp;
      break;
    case code_icmp:
      form.protocol = is_v4 ? kIcmp : kIcmpV6;
      break;
    default:
      form.protocol = *at++;
  }
  if (first & kTtlBit) form.ttl = *at++;
  if (first & kTosBit) form.tos = *at++;
  if (!is_v4) {
    form.flow_label = std::uint32_t{at[0]} << 16 | load_be16(at + 1);
    if (form.flow_label >> 20 != 0) return std::nullopt;
  } else if (!form.dont_fragment) {
    form.id = load_be16(at);
  }
  form.size = static_cast<std::uint8_t>(size);
  if (form.checksum_is_partial) {
    const std::size_t least = code == code_tcp   ? kTcpHeaderBytes
                              : code == code_udp ? kUdpHeaderBytes
                                                 : SIZE_MAX;
    if (plaintext.size() - size < least) return std::nullopt;
  }
  return form;
}

bool CompactForm::rebuild(const ImpliedAddresses& addresses, std::size_t l4_bytes,
                          std::uint8_t* header) const {
  if (kind == CompactKind::ipv4) {
    const std::size_t total = kIpv4HeaderBytes + l4_bytes;
    if (!addresses.v4().is_set || total > 65535) return false;
    std::memcpy(header, addresses.incoming_v4().data(), kIpv4HeaderBytes);
    header[1] = tos;
    store_be16(header + 2, static_cast<std::uint16_t>(total));
    store_be16(header + 4, id);
    store_be16(header + 6, dont_fragment ? kDontFragment : 0);
    header[8] = ttl;
    header[9] = protocol;
    write_plain_ipv4_checksum(header);
    return true;
  }
  if (!addresses.v6().is_set || l4_bytes > 65535) return false;
  std::memcpy(header, addresses.incoming_v6().data(), kIpv6HeaderBytes);
  store_be32(header, std::uint32_t{6} << 28 | std::uint32_t{tos} << 20 | flow_label);
  store_be16(header + 4, static_cast<std::uint16_t>(l4_bytes));
  header[6] = protocol;
  header[7] = ttl;
  return true;
}

}  // namespace causeway::packet
