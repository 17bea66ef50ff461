#pragma once

// WireGuard's four messages (whitepaper §5.4), integers little-endian, 32 bits a line.
//
//  1 handshake initiation, 148 bytes            2 handshake response, 92 bytes
//   0                   1 2 3                     0                   1 2 3
//  +-------+-----------------------+             +-------+-----------------------+
//  | 1     | reserved, zero        |  0          | 2     | reserved, zero        |  0
//  +-------+-----------------------+             +-------+-----------------------+
//  | sender index                  |  4          | sender index                  |  4
//  +-------------------------------+             +-------------------------------+
//  | ephemeral public key          |             | receiver index                |  8
//  | (32 bytes)                    |  8          +-------------------------------+
//  +-------------------------------+             | ephemeral public key          |
//  | sealed static public key      |             | (32 bytes)                    | 12
//  | (32 + 16 bytes)               | 40          +-------------------------------+
//  +-------------------------------+             | sealed nothing (16 bytes)     | 44
//  | sealed TAI64N stamp           |             +-------------------------------+
//  | (12 + 16 bytes)               | 88          | mac1 (16 bytes)               | 60
//  +-------------------------------+             +-------------------------------+
//  | mac1 (16 bytes)               | 116         | mac2 (16 bytes)               | 76
//  +-------------------------------+             +-------------------------------+
//  | mac2 (16 bytes)               | 132
//  +-------------------------------+
//
//  3 cookie reply, 64 bytes                     4 transport data, 32 bytes and more
//  +-------+-----------------------+             +-------+-----------------------+
//  | 3     | reserved, zero        |  0          | 4     | reserved, zero        |  0
//  +-------+-----------------------+             +-------+-----------------------+
//  | receiver index                |  4          | receiver index                |  4
//  +-------------------------------+             +-------------------------------+
//  | nonce (24 bytes)              |  8          | counter (64 bits)             |  8
//  +-------------------------------+             +-------------------------------+
//  | sealed cookie (16 + 16 bytes) | 32          | sealed inner packet, padded   | 16
//  +-------------------------------+             | to 16 bytes, and its tag      |
//                                                +-------------------------------+
//
// mac1 covers all before it and is keyed by the receiver's public key; mac2 covers all before it, mac1
// included, and is keyed by the receiver's newest cookie (zero without one).

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace causeway::session::wire {

enum class MessageType : std::uint8_t { initiation = 1, response = 2, cookie_reply = 3, data = 4 };

inline constexpr std::size_t kInitiationBytes = 148;
inline constexpr std::size_t kResponseBytes = 92;
inline constexpr std::size_t kCookieReplyBytes = 64;
inline constexpr std::size_t kDataHeaderBytes = 16;
inline constexpr std::size_t kMacBytes = 16;

struct Initiation {
  std::uint32_t sender_index = 0;
  std::array<std::uint8_t, 32> ephemeral{};
  std::array<std::uint8_t, 48> sealed_static{};
  std::array<std::uint8_t, 28> sealed_timestamp{};
};

struct Response {
  std::uint32_t sender_index = 0;
  std::uint32_t receiver_index = 0;
  std::array<std::uint8_t, 32> ephemeral{};
  std::array<std::uint8_t, 16> sealed_nothing{};
};

struct CookieReply {
  std::uint32_t receiver_index = 0;
  std::array<std::uint8_t, 24> nonce{};
  std::array<std::uint8_t, 32> sealed_cookie{};
};

struct DataHeader {
  std::uint32_t receiver_index = 0;
  std::uint64_t counter = 0;
};

/// The type, if `message` begins with one and three zero bytes, and has the length of its type (data: at
/// least header and tag). Nothing but this is needed before the parse functions; they ask again.
std::optional<MessageType> type_of(ByteView message);

std::optional<Initiation> parse_initiation(ByteView message);
std::optional<Response> parse_response(ByteView message);
std::optional<CookieReply> parse_cookie_reply(ByteView message);
std::optional<DataHeader> parse_data_header(ByteView message);

/// Both macs are zero: MacWriter (cookie.hpp) fills them in.
Bytes encode(const Initiation& message);
Bytes encode(const Response& message);
Bytes encode(const CookieReply& message);
/// `out` has kDataHeaderBytes.
void write(const DataHeader& header, MutableByteView out);

/// Who sent an initiation or response: the index that a cookie reply to it names.
std::uint32_t sender_index(ByteView handshake_message);

/// The tail of an initiation or response (of right length): what each mac covers, and the mac.
struct MacParts {
  ByteView before_mac1, mac1, before_mac2, mac2;
};
MacParts mac_parts(ByteView handshake_message);

}  // namespace causeway::session::wire
