#pragma once

#include <stun/stunagent.h>

#include <array>

#include "base/bytes.hpp"
#include "stun/message.hpp"

/// The seam to libnice's codec; included by sources of this folder alone.
namespace causeway::stun {

/// libnice gives error responses a reason phrase and pads attributes; twice our limit always suffices.
inline constexpr std::size_t kScratchBytes = 2 * kMaxMessageBytes;

/// One message under construction or under reading. Its StunAgent lives exactly as long: such an agent keeps
/// every request it finishes (at most 200) and the pointer to its key, so none is ever shared or kept.
/// Transaction ids are always given, since libnice would draw them from a generator that no simulation can
/// replay.
class CodecMessage {
 public:
  /// An empty message.
  CodecMessage(MessageClass message_class, const TransactionId& transaction);
  /// A copy of the first `bytes`, whose length field is set to fit; they passed walk_attributes().
  explicit CodecMessage(ByteView bytes);
  CodecMessage(const CodecMessage&) = delete;
  CodecMessage& operator=(const CodecMessage&) = delete;

  StunMessage* get() { return &message_; }
  void append_u64(StunAttribute type, std::uint64_t value);
  void append_endpoint(StunAttribute type, const net::Endpoint& endpoint);
  /// Appends MESSAGE-INTEGRITY (unless the password is empty), FINGERPRINT if wanted, and returns the
  /// message.
  Bytes finish(std::string_view password, bool with_fingerprint);

 private:
  StunAgent agent_;
  StunMessage message_{};
  std::array<std::uint8_t, kScratchBytes> buffer_;
};

/// MESSAGE-INTEGRITY at this offset is the one that `password` makes; compared in constant time.
bool has_right_integrity(ByteView datagram, std::size_t at, std::string_view password);
/// FINGERPRINT at this offset is right.
bool has_right_fingerprint(ByteView datagram, std::size_t at);

}  // namespace causeway::stun
