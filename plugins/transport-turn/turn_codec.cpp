#include "turn_codec.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stun/stunagent.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <stdexcept>

namespace transport_turn {

namespace {

// Attributes that libnice's header does not name for TURN as it became, and those that a response may carry.
constexpr auto kRequestedAddressFamily = static_cast<StunAttribute>(0x0017);
constexpr std::uint16_t kMessageIntegritySha256 = 0x001c;
constexpr std::uint16_t kFingerprint = 0x8028;
constexpr std::size_t kIntegrityBytes = 4 + 20;
constexpr std::size_t kFingerprintBytes = 4 + 4;
constexpr std::size_t kMaxErrorTextBytes = 128;
constexpr std::uint8_t kUdp = 17;  // RFC 8656 §18.6: the IP protocol number

/// Header, user name, realm and nonce at their limits, and the rest.
constexpr std::size_t kScratchBytes = 4096;

std::uint16_t read16(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }
std::uint32_t read32(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(read16(at)) << 16 | read16(at + 2);
}

/// One message under construction. A StunAgent keeps up to 200 requests and the pointer to their key, so each
/// message has its own; transaction ids are ours, because libnice's come from a generator that no simulation
/// can replay.
class Message {
 public:
  Message(StunMethod method, const TransactionId& id) {
    bind();
    StunTransactionId whole{kMagicCookie >> 24, kMagicCookie >> 16 & 0xff, kMagicCookie >> 8 & 0xff,
                            kMagicCookie & 0xff};
    std::copy(id.begin(), id.end(), whole + 4);
    stun_message_init(&message_, STUN_REQUEST, method, whole);
  }
  /// A copy of the beginning of a message, its length set to fit.
  explicit Message(ByteView bytes) {
    bind();
    assert(bytes.size() >= kStunHeaderBytes && bytes.size() <= buffer_.size());
    std::copy(bytes.begin(), bytes.end(), buffer_.begin());
    const std::size_t length = bytes.size() - kStunHeaderBytes;
    buffer_[2] = static_cast<std::uint8_t>(length >> 8);
    buffer_[3] = static_cast<std::uint8_t>(length);
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  void append(StunAttribute type, std::uint32_t value) {
    done(stun_message_append32(&message_, type, value));
  }
  void append(StunAttribute type, std::string_view text) {
    done(stun_message_append_bytes(&message_, type, text.data(), text.size()));
  }
  void append(StunAttribute type, const cw_address& address) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (address.family == 4) {
      auto& in = reinterpret_cast<sockaddr_in&>(storage);
      in.sin_family = AF_INET;
      in.sin_port = htons(address.port);
      std::memcpy(&in.sin_addr, address.octets, 4);
      size = sizeof in;
    } else {
      auto& in = reinterpret_cast<sockaddr_in6&>(storage);
      in.sin6_family = AF_INET6;
      in.sin6_port = htons(address.port);
      std::memcpy(&in.sin6_addr, address.octets, 16);
      size = sizeof in;
    }
    done(stun_message_append_xor_addr(&message_, type, &storage, size));
  }
  Bytes finish(const Key* key, bool with_fingerprint) {
    if (with_fingerprint)
      agent_.usage_flags =
          static_cast<StunAgentUsageFlags>(agent_.usage_flags | STUN_AGENT_USAGE_USE_FINGERPRINT);
    const std::size_t size =
        stun_agent_finish_message(&agent_, &message_, key ? key->data() : nullptr, key ? key->size() : 0);
    return {buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size)};
  }

 private:
  // Short-term: the agent takes the key as it is. Its own way to the long-term key trims quotation marks.
  void bind() {
    stun_agent_init(&agent_, STUN_ALL_KNOWN_ATTRIBUTES, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS);
    message_.agent = &agent_;
    message_.buffer = buffer_.data();
    message_.buffer_len = buffer_.size();
  }
  static void done(StunMessageReturn result) {
    if (result != STUN_MESSAGE_RETURN_SUCCESS) throw std::length_error("a TURN request became too long");
  }

  StunAgent agent_;
  StunMessage message_{};
  std::array<std::uint8_t, kScratchBytes> buffer_{};
};

/// RFC 8489 §14.1 and §14.2. `key`: magic cookie and transaction id, or null for a plain one.
std::optional<cw_address> parse_address(ByteView value, const std::uint8_t* key) {
  if (value.size() < 4) return std::nullopt;
  const std::size_t octets = value[1] == 1 ? 4 : value[1] == 2 ? 16 : 0;
  if (octets == 0 || value.size() != 4 + octets) return std::nullopt;
  cw_address address{};
  address.family = octets == 4 ? 4 : 6;
  address.port = read16(value.data() + 2);
  std::memcpy(address.octets, value.data() + 4, octets);
  if (key != nullptr) {
    address.port = static_cast<std::uint16_t>(address.port ^ read16(key));
    for (std::size_t i = 0; i < octets; ++i)
      address.octets[i] ^= key[i];
  }
  return address;
}

/// RFC 8489 §14: an attribute below 0x8000 that is not understood spoils the response. Known ones that change
/// nothing for us may stand in it.
bool is_understood(std::uint16_t type) {
  static constexpr std::uint16_t kKnown[] = {0x0001, 0x0004, 0x0005, 0x0006, 0x0008, 0x0009, 0x000a, 0x000b,
                                             0x000c, 0x000d, 0x0010, 0x0012, 0x0014, 0x0015, 0x0016, 0x0017,
                                             0x0018, 0x0019, 0x001a, 0x001c, 0x001d, 0x0020, 0x0021, 0x0022};
  return type >= 0x8000 || std::find(std::begin(kKnown), std::end(kKnown), type) != std::end(kKnown);
}

std::string printable(ByteView value) {
  std::string text;
  for (const std::uint8_t byte : value.first(std::min(value.size(), kMaxErrorTextBytes)))
    text.push_back(byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '?');
  return text;
}

/// False: the attribute is malformed.
bool read_attribute(std::uint16_t type, ByteView value, const std::uint8_t* key, Response& out) {
  const auto set_address = [&](std::optional<cw_address>& field, const std::uint8_t* mask) {
    if (field) return true;  // the first of a kind counts (§14)
    field = parse_address(value, mask);
    return field.has_value();
  };
  const auto set_text = [&](std::string& field) {
    if (value.size() > kMaxRealmBytes) return false;
    if (field.empty()) field.assign(value.begin(), value.end());
    return true;
  };
  switch (type) {
    case STUN_ATTRIBUTE_XOR_RELAYED_ADDRESS:
      return set_address(out.relayed, key);
    case STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS:
      return set_address(out.mapped, key);
    case STUN_ATTRIBUTE_ALTERNATE_SERVER:
      return set_address(out.alternate, nullptr);
    case STUN_ATTRIBUTE_REALM:
      return set_text(out.realm);
    case STUN_ATTRIBUTE_NONCE:
      return set_text(out.nonce);
    case STUN_ATTRIBUTE_LIFETIME:
      if (value.size() != 4) return false;
      if (!out.lifetime) out.lifetime = read32(value.data());
      return true;
    case STUN_ATTRIBUTE_ERROR_CODE:
      if (value.size() < 4) return false;
      if (out.error == 0) {
        out.error = (value[2] & 7) * 100 + value[3];
        out.error_text = printable(value.subspan(4));
      }
      return true;
    default:
      return is_understood(type);
  }
}

bool has_right_fingerprint(ByteView bytes, std::size_t at) {
  const Bytes expected = Message(bytes.first(at)).finish(nullptr, true);
  return expected.size() == at + kFingerprintBytes &&
         std::equal(expected.end() - 4, expected.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at) + 4);
}

std::optional<Method> known_method(std::uint16_t type) {
  // §5: the class bits lie between those of the method.
  const auto method = static_cast<Method>((type & 0xf) | (type & 0xe0) >> 1 | (type & 0x3e00) >> 2);
  switch (method) {
    case Method::allocate:
    case Method::refresh:
    case Method::create_permission:
    case Method::channel_bind:
      return method;
  }
  return std::nullopt;
}

}  // namespace

Key long_term_key(std::string_view username, std::string_view realm, std::string_view password) {
  std::string text(username);
  text.append(":").append(realm).append(":").append(password);
  Key key{};
  std::size_t size = key.size();
  if (EVP_Q_digest(nullptr, "MD5", nullptr, text.data(), text.size(), key.data(), &size) != 1)
    throw std::runtime_error("OpenSSL has no MD5, which TURN's credentials are made with");
  OPENSSL_cleanse(text.data(), text.size());
  return key;
}

Bytes encode(const Request& request, const Authentication* authentication) {
  Message message(static_cast<StunMethod>(request.method), request.id);
  if (request.method == Method::allocate) {
    message.append(STUN_ATTRIBUTE_REQUESTED_TRANSPORT, std::uint32_t{kUdp} << 24);
    // RFC 8656 §7.1: absent means IPv4, which servers older than RFC 6156 understand, too.
    if (request.family == 6) message.append(kRequestedAddressFamily, std::uint32_t{2} << 24);
  }
  if (request.channel != 0)
    message.append(STUN_ATTRIBUTE_CHANNEL_NUMBER, std::uint32_t{request.channel} << 16);
  if (request.lifetime) message.append(STUN_ATTRIBUTE_LIFETIME, *request.lifetime);
  if (request.peer) message.append(STUN_ATTRIBUTE_XOR_PEER_ADDRESS, *request.peer);
  if (authentication == nullptr) return message.finish(nullptr, true);
  message.append(STUN_ATTRIBUTE_USERNAME, authentication->username);
  message.append(STUN_ATTRIBUTE_REALM, authentication->realm);
  message.append(STUN_ATTRIBUTE_NONCE, authentication->nonce);
  return message.finish(&authentication->key, true);
}

std::optional<Response> parse_response(ByteView bytes) {
  if (bytes.size() < kStunHeaderBytes || bytes.size() > kScratchBytes - 64 || bytes.size() % 4 != 0 ||
      read16(bytes.data() + 2) != bytes.size() - kStunHeaderBytes || read32(bytes.data() + 4) != kMagicCookie)
    return std::nullopt;
  const std::uint16_t type = read16(bytes.data());
  const auto method = (type & 0xc000) == 0 ? known_method(type) : std::nullopt;
  const bool is_error = (type & 0x0110) == 0x0110;
  if (!method || (type & 0x0100) == 0) return std::nullopt;  // not known, or no response

  Response response{*method, {}, 0, {}, {}, {}, {}, {}, {}, {}, 0};
  std::copy_n(bytes.begin() + 8, response.id.size(), response.id.begin());
  const std::uint8_t* key = bytes.data() + 4;
  bool is_sealed = false;  // behind an integrity attribute only FINGERPRINT counts (§14.5)
  for (std::size_t at = kStunHeaderBytes; at < bytes.size();) {
    if (bytes.size() - at < 4) return std::nullopt;
    const std::uint16_t attribute = read16(bytes.data() + at);
    const std::size_t length = read16(bytes.data() + at + 2);
    const std::size_t padded = (length + 3) & ~std::size_t{3};
    if (bytes.size() - at - 4 < padded) return std::nullopt;
    const ByteView value = bytes.subspan(at + 4, length);
    if (attribute == kFingerprint) {
      if (length != 4 || at + kFingerprintBytes != bytes.size() || !has_right_fingerprint(bytes, at))
        return std::nullopt;
    } else if (attribute == STUN_ATTRIBUTE_MESSAGE_INTEGRITY && !is_sealed) {
      if (length != 20) return std::nullopt;
      response.integrity_at = at;
      is_sealed = true;
    } else if (attribute == kMessageIntegritySha256) {
      is_sealed = true;
    } else if (!is_sealed && !read_attribute(attribute, value, key, response)) {
      return std::nullopt;
    }
    at += 4 + padded;
  }
  if (is_error != (response.error != 0)) return std::nullopt;
  return response;
}

bool has_right_integrity(ByteView bytes, std::size_t at, const Key& key) {
  if (at < kStunHeaderBytes || at + kIntegrityBytes > bytes.size() || at > kScratchBytes - 64) return false;
  const Bytes expected = Message(bytes.first(at)).finish(&key, false);
  return expected.size() == at + kIntegrityBytes &&
         CRYPTO_memcmp(expected.data() + at + 4, bytes.data() + at + 4, 20) == 0;
}

void seal(Bytes& message, const Key& key) { message = Message(message).finish(&key, false); }

}  // namespace transport_turn
