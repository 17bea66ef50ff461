#include "packet/ip_view.hpp"

namespace causeway::packet {
namespace {

// RFC 791 §3.1: flags and offset share 16 bits.
constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kMoreOrOffset = 0x3fff;
constexpr std::uint16_t kOffset = 0x1fff;

std::optional<IpView> parse_v4(ByteView buffer) {
  if (buffer.size() < kIpv4HeaderBytes) return std::nullopt;
  const std::uint8_t* data = buffer.data();
  IpView view;
  view.data = data;
  view.is_v4 = true;
  view.header_bytes = static_cast<std::uint8_t>((data[0] & 0x0f) * 4);
  view.total_bytes = load_be16(data + 2);
  if (view.header_bytes < kIpv4HeaderBytes || view.total_bytes < view.header_bytes ||
      view.total_bytes > buffer.size()) {
    return std::nullopt;
  }
  const std::uint16_t fragment = load_be16(data + 6);
  view.dont_fragment = fragment & kDontFragment;
  view.is_fragment = fragment & kMoreOrOffset;
  view.protocol = data[9];
  view.source = AddressKey::v4(data + 12);
  view.destination = AddressKey::v4(data + 16);
  return view;
}

std::optional<IpView> parse_v6(ByteView buffer) {
  if (buffer.size() < kIpv6HeaderBytes) return std::nullopt;
  const std::uint8_t* data = buffer.data();
  IpView view;
  view.data = data;
  view.header_bytes = kIpv6HeaderBytes;
  view.total_bytes = static_cast<std::uint32_t>(kIpv6HeaderBytes + load_be16(data + 4));
  if (view.total_bytes > buffer.size()) return std::nullopt;
  view.protocol = data[6];
  view.dont_fragment = true;
  view.is_fragment = view.protocol == kIpv6Fragment;
  view.source = AddressKey::v6(data + 8);
  view.destination = AddressKey::v6(data + 24);
  if (view.source.is_v4() || view.destination.is_v4()) return std::nullopt;
  return view;
}

}  // namespace

std::optional<IpView> IpView::parse(ByteView buffer) {
  if (buffer.empty()) return std::nullopt;
  switch (buffer[0] >> 4) {
    case 4:
      return parse_v4(buffer);
    case 6:
      return parse_v6(buffer);
    default:
      return std::nullopt;
  }
}

std::size_t IpView::fragment_offset() const {
  return is_v4 ? std::size_t{load_be16(data + 6)} % (kOffset + 1) * 8 : 0;
}

}  // namespace causeway::packet
