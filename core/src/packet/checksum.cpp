#include "packet/checksum.hpp"

#include <bit>
#include <cstring>

#include "packet/tcp_udp.hpp"

// The loop below is all that a sender and a receiver of type-4 messages spend on checksums; wider vectors
// halve it and more. Sanitizers instrument the resolver that picks a clone, which then runs before they are
// set up.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CAUSEWAY_NO_CLONES
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__x86_64__)
#define CAUSEWAY_NO_CLONES
#endif
#ifdef CAUSEWAY_NO_CLONES
#define CAUSEWAY_CLONES
#else
#define CAUSEWAY_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif

namespace causeway::packet {
namespace {

/// Sum of `words` native 32-bit words: 64 bits never overflow here, and there is no carry chain to wait for.
CAUSEWAY_CLONES std::uint64_t sum_words(const std::uint8_t* data, std::size_t words) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < words; ++i) {
    std::uint32_t word;
    std::memcpy(&word, data + i * 4, 4);
    sum += word;
  }
  return sum;
}

std::uint16_t native_to_host(std::uint16_t value) {
  if constexpr (std::endian::native == std::endian::little) {
    return static_cast<std::uint16_t>(value << 8 | value >> 8);
  }
  return value;
}

std::uint16_t fold(std::uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

}  // namespace

void ChecksumSum::add(ByteView bytes) {
  const std::size_t words = bytes.size() / 4;
  sum_ += sum_words(bytes.data(), words);
  std::size_t at = words * 4;
  if (bytes.size() - at >= 2) {
    std::uint16_t word;
    std::memcpy(&word, bytes.data() + at, 2);
    sum_ += word;
    at += 2;
  }
  if (at < bytes.size()) add_word(static_cast<std::uint16_t>(bytes[at] << 8));
}

void ChecksumSum::add_word(std::uint16_t value) { sum_ += native_to_host(value); }

void ChecksumSum::add_pseudo_header(const std::uint8_t* ip_header, bool is_v4, std::uint8_t protocol,
                                    std::uint32_t l4_bytes) {
  add(is_v4 ? ByteView{ip_header + 12, 8} : ByteView{ip_header + 8, 32});
  add_word(protocol);
  add_word(static_cast<std::uint16_t>(l4_bytes >> 16));
  add_word(static_cast<std::uint16_t>(l4_bytes));
}

std::uint16_t ChecksumSum::partial() const { return native_to_host(fold(sum_)); }

std::uint16_t checksum(ByteView bytes) {
  ChecksumSum sum;
  sum.add(bytes);
  return sum.finished();
}

std::uint16_t update_checksum(std::uint16_t checksum, std::uint16_t old_word, std::uint16_t new_word) {
  const std::uint32_t sum =
      std::uint32_t{static_cast<std::uint16_t>(~checksum)} + static_cast<std::uint16_t>(~old_word) + new_word;
  return static_cast<std::uint16_t>(~fold(sum));
}

void write_ipv4_checksum(std::uint8_t* header, std::size_t header_bytes) {
  store_be16(header + 10, 0);
  store_be16(header + 10, checksum({header, header_bytes}));
}

void write_plain_ipv4_checksum(std::uint8_t* header) {
  std::uint64_t sum = 0;
  store_be16(header + 10, 0);
  for (std::size_t i = 0; i < 20; i += 4) {
    std::uint32_t word;
    std::memcpy(&word, header + i, 4);
    sum += word;
  }
  store_be16(header + 10, static_cast<std::uint16_t>(~native_to_host(fold(sum))));
}

bool is_l4_checksum_right(const IpView& packet) {
  const ByteView l4 = packet.payload();
  const std::size_t field = packet.protocol == kTcp ? kTcpChecksumOffset : kUdpChecksumOffset;
  if (l4.size() < field + 2) return false;
  if (packet.protocol == kUdp && load_be16(l4.data() + field) == 0) return false;
  ChecksumSum sum;
  sum.add_pseudo_header(packet.data, packet.is_v4, packet.protocol, static_cast<std::uint32_t>(l4.size()));
  sum.add(l4);
  return sum.finished() == 0;
}

bool complete_checksum(MutableByteView packet, std::size_t start, std::size_t offset) {
  if (start > packet.size() || packet.size() - start < offset + 2) return false;
  ChecksumSum sum;
  sum.add(packet.subspan(start));
  const std::uint16_t finished = sum.finished();
  // 0 would mean "no checksum" to UDP; 0xffff is the same number (RFC 768), and as good for TCP.
  store_be16(packet.data() + start + offset, finished == 0 ? 0xffff : finished);
  return true;
}

}  // namespace causeway::packet
