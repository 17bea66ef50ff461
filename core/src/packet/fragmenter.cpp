#include "packet/fragmenter.hpp"

#include <algorithm>
#include <cstring>

#include "packet/checksum.hpp"

namespace causeway::packet {
namespace {

constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::uint8_t kOptionCopied = 0x80;
constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNop = 1;

}  // namespace

std::optional<Fragmenter> Fragmenter::make(MutableByteView packet, const IpView& view,
                                           std::size_t most_bytes) {
  if (!view.is_v4 || view.dont_fragment || most_bytes < std::size_t{view.header_bytes} + 8)
    return std::nullopt;
  Fragmenter made;
  made.packet_ = packet.first(view.total_bytes);
  made.header_bytes_ = view.header_bytes;
  made.payload_bytes_ = view.total_bytes - view.header_bytes;
  made.piece_bytes_ = (most_bytes - view.header_bytes) / 8 * 8;
  made.flags_and_offset_ = load_be16(packet.data() + 6);
  std::memcpy(made.header_.data(), packet.data(), view.header_bytes);
  return made;
}

MutableByteView Fragmenter::next() {
  const std::size_t piece = std::min(piece_bytes_, payload_bytes_ - begin_);
  std::uint8_t* fragment = packet_.data() + begin_;
  std::memcpy(fragment, header_.data(), header_bytes_);
  const bool is_last = begin_ + piece == payload_bytes_;
  const auto flags = static_cast<std::uint16_t>(flags_and_offset_ + begin_ / 8);
  store_be16(fragment + 2, static_cast<std::uint16_t>(header_bytes_ + piece));
  store_be16(fragment + 6, is_last ? flags : flags | kMoreFragments);
  write_ipv4_checksum(fragment, header_bytes_);
  if (begin_ == 0) forget_options_not_copied();
  begin_ += piece;
  return {fragment, header_bytes_ + piece};
}

/// RFC 791 §3.1: options without the copied bit are in the first fragment only. They become padding, so that
/// every header has the same length.
void Fragmenter::forget_options_not_copied() {
  std::size_t at = kIpv4HeaderBytes;
  while (at < header_bytes_ && header_[at] != kOptionEnd) {
    if (header_[at] == kOptionNop) {
      ++at;
      continue;
    }
    if (at + 1 >= header_bytes_ || header_[at + 1] < 2 || header_[at + 1] > header_bytes_ - at) return;
    const std::size_t length = header_[at + 1];
    if (!(header_[at] & kOptionCopied))
      std::fill_n(header_.begin() + static_cast<long>(at), length, kOptionNop);
    at += length;
  }
}

}  // namespace causeway::packet
