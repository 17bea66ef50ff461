#include "path/path_message.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "packet/compact_header.hpp"
#include "session/keypair.hpp"

namespace causeway::path {
namespace {

constexpr std::uint8_t kProbe = 1, kAnswer = 2, kOrder = 3;
constexpr std::uint8_t kIpv6Flag = 1, kVetoedFlag = 2;
constexpr std::size_t kUdpOverIpv4Bytes = 28, kUdpOverIpv6Bytes = 48;

template <class Integer>
void append(Bytes& bytes, Integer value) {
  for (std::size_t i = sizeof value; i > 0; --i)
    bytes.push_back(static_cast<std::uint8_t>(value >> 8 * (i - 1)));
}

void append(Bytes& bytes, const net::Endpoint& endpoint) {
  bytes.insert(bytes.end(), endpoint.address.data(), endpoint.address.data() + endpoint.address.size());
  append(bytes, endpoint.port);
}

Bytes begin(std::uint8_t kind) { return {packet::kCompactPathMessage, kind}; }

/// Takes from the front; once something is missing it is empty for good.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  template <class Integer>
  Integer integer() {
    Integer value = 0;
    for (const std::uint8_t byte : take(sizeof value))
      value = static_cast<Integer>(static_cast<std::uint64_t>(value) << 8 | byte);
    return value;
  }
  net::Endpoint endpoint(bool is_v6) {
    net::Endpoint endpoint;
    if (is_v6) {
      endpoint.address = net::IpAddress::v6(octets<16>());
    } else {
      endpoint.address = net::IpAddress::v4(octets<4>());
    }
    endpoint.port = integer<std::uint16_t>();
    return endpoint;
  }
  bool has_failed() const { return has_failed_; }
  bool is_at_end() const { return bytes_.empty(); }

 private:
  ByteView take(std::size_t count) {
    if (bytes_.size() < count) {
      has_failed_ = true;
      bytes_ = {};
      return {};
    }
    const ByteView taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  template <std::size_t N>
  std::array<std::uint8_t, N> octets() {
    std::array<std::uint8_t, N> octets{};
    const ByteView taken = take(N);
    std::copy(taken.begin(), taken.end(), octets.begin());
    return octets;
  }

  ByteView bytes_;
  bool has_failed_ = false;
};

std::optional<PathMessage> parse_order(Reader& reader) {
  Order order{.number = reader.integer<std::uint32_t>(), .pairs = {}};
  const std::size_t count = reader.integer<std::uint8_t>();
  if (count > kMostOrderedPairs) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    const auto flags = reader.integer<std::uint8_t>();
    if ((flags & ~(kIpv6Flag | kVetoedFlag)) != 0) return std::nullopt;
    OrderedPair pair;
    pair.local = reader.endpoint(flags & kIpv6Flag);
    pair.remote = reader.endpoint(flags & kIpv6Flag);
    pair.vetoed = flags & kVetoedFlag;
    if (reader.has_failed()) return std::nullopt;
    order.pairs.push_back(pair);
  }
  if (reader.has_failed() || !reader.is_at_end()) return std::nullopt;
  return order;
}

std::size_t outer_bytes(const net::Endpoint& remote) {
  return (remote.address.is_v4() ? kUdpOverIpv4Bytes : kUdpOverIpv6Bytes) + session::kCompactOverheadBytes;
}

}  // namespace

Bytes encode(const Probe& probe, std::size_t plaintext_bytes) {
  Bytes bytes = begin(kProbe);
  append(bytes, probe.id);
  bytes.resize(std::max(plaintext_bytes, kLeastProbeBytes));
  return bytes;
}

Bytes encode(const ProbeAnswer& answer) {
  Bytes bytes = begin(kAnswer);
  append(bytes, answer.id);
  append(bytes, answer.plaintext_bytes);
  assert(bytes.size() <= kLeastProbeBytes);
  return bytes;
}

Bytes encode(const Order& order) {
  assert(order.pairs.size() <= kMostOrderedPairs);
  Bytes bytes = begin(kOrder);
  append(bytes, order.number);
  bytes.push_back(static_cast<std::uint8_t>(order.pairs.size()));
  for (const OrderedPair& pair : order.pairs) {
    const bool is_v6 = !pair.local.address.is_v4();
    bytes.push_back(static_cast<std::uint8_t>((is_v6 ? kIpv6Flag : 0) | (pair.vetoed ? kVetoedFlag : 0)));
    append(bytes, pair.local);
    append(bytes, pair.remote);
  }
  return bytes;
}

std::optional<PathMessage> parse_path_message(ByteView beginning) {
  Reader reader(beginning);
  if (reader.integer<std::uint8_t>() != packet::kCompactPathMessage) return std::nullopt;
  const auto kind = reader.integer<std::uint8_t>();
  if (kind == kOrder) return parse_order(reader);
  if (kind == kProbe) {
    const Probe probe{reader.integer<std::uint64_t>()};
    if (beginning.size() < kLeastProbeBytes) return std::nullopt;
    return probe;
  }
  if (kind == kAnswer) {
    const ProbeAnswer answer{reader.integer<std::uint64_t>(), reader.integer<std::uint16_t>()};
    if (reader.has_failed() || !reader.is_at_end()) return std::nullopt;
    return answer;
  }
  return std::nullopt;
}

std::size_t plaintext_for(std::size_t ip_bytes, const net::Endpoint& remote) {
  const std::size_t outer = outer_bytes(remote);
  return std::max(ip_bytes > outer ? ip_bytes - outer : 0, kLeastProbeBytes);
}

std::size_t ip_bytes_of(std::size_t plaintext_bytes, const net::Endpoint& remote) {
  return plaintext_bytes + outer_bytes(remote);
}

}  // namespace causeway::path
