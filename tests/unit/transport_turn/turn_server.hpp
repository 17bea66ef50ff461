#pragma once

#include <openssl/hmac.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "transport-turn/address.hpp"
#include "transport-turn/turn_codec.hpp"

/// A TURN server made of byte arrays, independent of the codec under test: it reads what it needs by hand and
/// seals with OpenSSL. Tests bend its answers. (That the real protocol is met, interop.coturn_turn shows.)
namespace transport_turn::test {

inline cw_address at(const char* text) { return *parse_address(text); }

/// A peer of whoever asks.
inline const cw_address kBob = at("198.51.100.77:4500");

inline std::uint16_t read16(const Bytes& bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}

/// A STUN message that grows by attributes.
class Builder {
 public:
  Builder(std::uint16_t type, const TransactionId& id) {
    const std::uint8_t front[] = {
        static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type), 0, 0, 0x21, 0x12, 0xa4, 0x42};
    bytes_.resize(20);
    std::copy(std::begin(front), std::end(front), bytes_.begin());
    std::copy(id.begin(), id.end(), bytes_.begin() + 8);
  }
  Builder& raw(std::uint16_t type, const Bytes& value) {
    put16(type);
    put16(value.size());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    while (bytes_.size() % 4 != 0)
      bytes_.push_back(0);
    set_length(bytes_.size() - 20);
    return *this;
  }
  Builder& text(std::uint16_t type, const std::string& value) {
    return raw(type, {value.begin(), value.end()});
  }
  Builder& number(std::uint16_t type, std::uint32_t value) {
    return raw(type, {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
                      static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)});
  }
  Builder& address(std::uint16_t type, const cw_address& address, bool is_xored = true) {
    const std::size_t octets = address.family == 4 ? 4 : 16;
    Bytes value{0, static_cast<std::uint8_t>(address.family == 4 ? 1 : 2),
                static_cast<std::uint8_t>(address.port >> 8), static_cast<std::uint8_t>(address.port)};
    value.insert(value.end(), address.octets, address.octets + octets);
    if (is_xored) {
      value[2] ^= bytes_[4];
      value[3] ^= bytes_[5];
      for (std::size_t i = 0; i < octets; ++i)
        value[4 + i] ^= bytes_[4 + i];
    }
    return raw(type, value);
  }
  Builder& error(int code, const std::string& reason = "") {
    Bytes value{0, 0, static_cast<std::uint8_t>(code / 100), static_cast<std::uint8_t>(code % 100)};
    value.insert(value.end(), reason.begin(), reason.end());
    return raw(0x0009, value);
  }
  Builder& seal(const Key& key) {
    set_length(bytes_.size() - 20 + 24);
    Bytes mac(20);
    unsigned size = 20;
    HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), bytes_.data(), bytes_.size(), mac.data(),
         &size);
    return raw(0x0008, mac);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  void put16(std::size_t value) {
    bytes_.push_back(static_cast<std::uint8_t>(value >> 8));
    bytes_.push_back(static_cast<std::uint8_t>(value));
  }
  void set_length(std::size_t length) {
    bytes_[2] = static_cast<std::uint8_t>(length >> 8);
    bytes_[3] = static_cast<std::uint8_t>(length);
  }
  Bytes bytes_;
};

/// A request as the server sees it.
struct Asked {
  std::uint16_t method = 0;
  TransactionId id{};
  std::map<std::uint16_t, Bytes> attributes;
  Bytes bytes;

  static Asked parse(const Bytes& bytes) {
    Asked asked;
    asked.bytes = bytes;
    asked.method = read16(bytes, 0);
    std::copy_n(bytes.begin() + 8, 12, asked.id.begin());
    for (std::size_t at = 20; at + 4 <= bytes.size();) {
      const std::size_t length = read16(bytes, at + 2);
      asked.attributes[read16(bytes, at)] =
          Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                bytes.begin() + static_cast<std::ptrdiff_t>(at + 4 + length));
      at += 4 + (length + 3) / 4 * 4;
    }
    return asked;
  }
  bool has(std::uint16_t type) const { return attributes.count(type) != 0; }
  std::string text(std::uint16_t type) const {
    const Bytes& value = attributes.at(type);
    return {value.begin(), value.end()};
  }
  std::uint32_t number(std::uint16_t type) const {
    const Bytes& value = attributes.at(type);
    return static_cast<std::uint32_t>(read16(value, 0)) << 16 | read16(value, 2);
  }
  cw_address peer() const {
    const Bytes& value = attributes.at(0x0012);
    cw_address address{};
    address.family = value[1] == 1 ? 4 : 6;
    address.port = static_cast<std::uint16_t>(read16(value, 2) ^ read16(bytes, 4));
    for (std::size_t i = 4; i < value.size(); ++i)
      address.octets[i - 4] = static_cast<std::uint8_t>(value[i] ^ bytes[i]);
    return address;
  }
};

constexpr std::uint16_t kAllocate = 0x0003, kRefresh = 0x0004, kCreatePermission = 0x0008,
                        kChannelBind = 0x0009;
constexpr std::uint16_t kSuccess = 0x0100, kError = 0x0110;

class TurnServer {
 public:
  std::string realm = "lab.example";
  std::string nonce = "nonce-1";
  std::string username = "alice";
  std::string password = "secret";
  cw_address relayed = at("203.0.113.9:50000");
  cw_address mapped = at("198.51.100.1:40000");
  std::uint32_t lifetime = 600;
  bool wants_credentials = true;
  /// Taken first: an answer of the test's own for this request; nullopt: the ordinary one.
  std::function<std::optional<Bytes>(TurnServer&, const Asked&)> instead;

  std::vector<Asked> asked;
  bool has_allocation = false;

  Key key() const { return long_term_key(username, realm, password); }

  Bytes answer(const Bytes& request) {
    asked.push_back(Asked::parse(request));
    const Asked& now = asked.back();
    if (instead)
      if (auto other = instead(*this, now)) return *other;
    return ordinary(now);
  }
  Bytes ordinary(const Asked& now) {
    if (wants_credentials) {
      if (!now.has(0x0008)) return refuse(now, 401).text(0x0014, realm).text(0x0015, nonce).bytes();
      if (now.text(0x0015) != nonce) return refuse(now, 438).text(0x0014, realm).text(0x0015, nonce).bytes();
      if (now.text(0x0006) != username || !is_authentic(now))
        return refuse(now, 401).text(0x0014, realm).text(0x0015, nonce).bytes();
    }
    if (now.method != kAllocate && !has_allocation) return refuse(now, 437).seal(key()).bytes();
    switch (now.method) {
      case kAllocate: {
        has_allocation = true;
        Builder reply = succeed(now);
        reply.address(0x0016, relayed).address(0x0020, mapped).number(0x000d, lifetime);
        return sealed(reply);
      }
      case kRefresh: {
        const std::uint32_t given = now.number(0x000d) == 0 ? 0 : lifetime;
        if (given == 0) has_allocation = false;
        return sealed(succeed(now).number(0x000d, given));
      }
      default:
        return sealed(succeed(now));
    }
  }
  static Builder refuse(const Asked& now, int code) {
    return Builder(static_cast<std::uint16_t>(now.method | kError), now.id).error(code, "no");
  }
  static Builder succeed(const Asked& now) {
    return {static_cast<std::uint16_t>(now.method | kSuccess), now.id};
  }
  Bytes sealed(Builder reply) const { return wants_credentials ? reply.seal(key()).bytes() : reply.bytes(); }

  std::size_t count(std::uint16_t method) const {
    std::size_t found = 0;
    for (const Asked& one : asked)
      found += one.method == method ? 1 : 0;
    return found;
  }

 private:
  /// MESSAGE-INTEGRITY, found by hand.
  bool is_authentic(const Asked& now) const {
    for (std::size_t at = 20; at + 24 <= now.bytes.size();) {
      if (read16(now.bytes, at) == 0x0008) {
        Bytes front(now.bytes.begin(), now.bytes.begin() + static_cast<std::ptrdiff_t>(at));
        const std::size_t length = at - 20 + 24;
        front[2] = static_cast<std::uint8_t>(length >> 8);
        front[3] = static_cast<std::uint8_t>(length);
        Bytes mac(20);
        unsigned size = 20;
        const Key secret = key();
        HMAC(EVP_sha1(), secret.data(), 16, front.data(), front.size(), mac.data(), &size);
        return mac == now.attributes.at(0x0008);
      }
      at += 4 + (read16(now.bytes, at + 2) + std::size_t{3}) / 4 * 4;
    }
    return false;
  }
};

}  // namespace transport_turn::test
