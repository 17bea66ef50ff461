#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "crypto/aead.hpp"
#include "crypto/keys.hpp"
#include "session/replay_window.hpp"

namespace causeway::session {

/// What a finished handshake hands to the data loop: all that a keypair is made of (WireGuard whitepaper
/// §5.4.5).
struct KeypairMaterial {
  std::uint32_t local_index = 0;   ///< receiver index in messages for us; unique in its low 24 bits
  std::uint32_t remote_index = 0;  ///< receiver index in messages from us
  crypto::SymmetricKey send_key;
  crypto::SymmetricKey receive_key;
  bool is_initiator = false;
  SteadyTime created{};
  std::optional<crypto::AeadAlgorithm> compact;  ///< compact messages with this AEAD, none: type 4 only
};

enum class OpenError : std::uint8_t {
  none,
  malformed,    ///< shorter than header and tag, or of another type
  bad_tag,      ///< not sealed with this key
  replayed,     ///< seen before, or behind the window
  key_expired,  ///< older than REJECT_AFTER_TIME or over REJECT_AFTER_MESSAGES
};

struct Opened {
  OpenError error = OpenError::none;
  std::size_t length = 0;     ///< plaintext bytes written, padding included; 0 is a keepalive
  std::uint64_t counter = 0;  ///< the packet number, of messages that were good
};

inline constexpr std::size_t kDataHeaderBytes = 16;  ///< type, reserved, receiver index, counter
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kPaddingMultiple = 16;
/// What a type-4 message is longer than its padded plaintext.
inline constexpr std::size_t kDataOverheadBytes = kDataHeaderBytes + kTagBytes;

// A compact message, between Causeway nodes that both announce it, integers little-endian:
//
//   0          1                     4                     8
//  +----------+---------------------+---------------------+----------------------+----------------+
//  | 0x80     | receiver index,     | packet number,      | sealed: header       | tag (16 bytes) |
//  |          | low 24 bits         | low 32 bits         | replacement, L4 part |                |
//  +----------+---------------------+---------------------+----------------------+----------------+
//
// No associated data: the number is in the nonce and the index selects the key. Its keys are derived from the
// transport keys, so that the two formats never share a key, and it counts by itself.
inline constexpr std::uint8_t kCompactType = 0x80;
inline constexpr std::size_t kCompactMessageHeaderBytes = 8;
inline constexpr std::size_t kCompactOverheadBytes = kCompactMessageHeaderBytes + kTagBytes;
/// The bits of a receiver index that a compact message carries.
inline constexpr std::uint32_t kCompactIndexMask = 0xffffff;
/// Whose session this message claims to be of; only for messages of at least kCompactOverheadBytes.
inline std::uint32_t compact_index(ByteView message) {
  return std::uint32_t{message[1]} | std::uint32_t{message[2]} << 8 | std::uint32_t{message[3]} << 16;
}

/// One pair of transport keys with the send counters and replay windows of both formats. Owned and used by
/// one data loop alone. Never allocates after construction.
class Keypair {
 public:
  explicit Keypair(const KeypairMaterial& material);
  ~Keypair();
  Keypair(const Keypair&) = delete;
  Keypair& operator=(const Keypair&) = delete;

  std::uint32_t local_index() const { return local_index_; }
  bool is_initiator() const { return is_initiator_; }
  SteadyTime created() const { return created_; }
  std::uint64_t messages_sent() const;

  /// False once REJECT_AFTER_TIME or REJECT_AFTER_MESSAGES is reached: nothing may be sealed any more.
  bool may_send(SteadyTime now) const;
  /// True once REKEY_AFTER_TIME (initiator only) or REKEY_AFTER_MESSAGES asks for a new handshake.
  bool wants_rekey_after_send(SteadyTime now) const;
  bool wants_rekey_after_receive(SteadyTime now) const;

  /// Length of the type-4 message that carries `plaintext_bytes`, padded to 16 but, like WireGuard's, never
  /// beyond `most_padded` (what the path carries).
  static constexpr std::size_t sealed_bytes(std::size_t plaintext_bytes, std::size_t most_padded = SIZE_MAX) {
    const std::size_t padded = (plaintext_bytes + kPaddingMultiple - 1) / kPaddingMultiple * kPaddingMultiple;
    return kDataOverheadBytes + std::max(plaintext_bytes, std::min(padded, most_padded));
  }
  /// Writes header, ciphertext (zero-padded) and tag to `out`, which holds at least sealed_bytes() and
  /// does not overlap `plaintext`. Takes the next counter. Returns the bytes written; call only if
  /// may_send().
  std::size_t seal(ByteView plaintext, MutableByteView out, std::size_t most_padded = SIZE_MAX);

  /// Opens a type-4 message into `out` (at least message.size() - kDataOverheadBytes; may not overlap). The
  /// window moves only when the tag was right. On any error `out` holds garbage and nothing has changed.
  Opened open(ByteView message, MutableByteView out, SteadyTime now);

  /// Which format the peer is to be sent: compact if both announced it, unless the newest authentic message
  /// under this keypair was of type 4 (its sender knows less of us than we of it). The same with the cipher:
  /// whoever wants AES hears ChaCha20, too, and then answers with it.
  bool sends_compact() const { return sends_compact_; }
  /// Both as above, for compact messages; without padding, and for seal_compact() only if sends_compact().
  static constexpr std::size_t compact_bytes(std::size_t plaintext_bytes) {
    return kCompactOverheadBytes + plaintext_bytes;
  }
  std::size_t seal_compact(ByteView plaintext, MutableByteView out);
  Opened open_compact(ByteView message, MutableByteView out, SteadyTime now);

 private:
  /// One message format: its ciphers, send counter and replay window.
  struct Format {
    Format(crypto::AeadAlgorithm algorithm, const crypto::SymmetricKey& send,
           const crypto::SymmetricKey& receive)
        : sealer(algorithm, send), opener(algorithm, receive) {}
    crypto::AeadSealer sealer;
    crypto::AeadOpener opener;
    std::uint64_t counter = 0;
    ReplayWindow<8192> seen;
  };
  Opened open(Format& format, std::uint64_t counter, ByteView sealed, MutableByteView out, SteadyTime now);
  Opened open_compact_as(Format& format, ByteView message, MutableByteView out, SteadyTime now);

  std::uint32_t local_index_;
  std::uint32_t remote_index_;
  bool is_initiator_;
  bool sends_compact_ = false;
  SteadyTime created_;
  std::unique_ptr<Format> stock_;
  std::unique_ptr<Format> aes_, chacha_;  ///< of compact messages; null where the material asks for none
  Format* compact_ = nullptr;             ///< the one of the two that seals
};

/// The previous, current and next keypair of one peer, with WireGuard's rules of which one sends: an
/// initiator's keypair is current at once; a responder's waits as `next` until the first authentic message
/// proves that the initiator has it too. Data-loop owned.
class KeypairSlots {
 public:
  /// Returns the local index of the keypair this one pushed out, so that its owner can forget it. With two
  /// pushed out (possible when an unconfirmed next exists) the second is in `*second`.
  std::optional<std::uint32_t> install(const KeypairMaterial& material, std::optional<std::uint32_t>* second);
  /// The keypair that seals now; null when there is none that may send.
  Keypair* sender(SteadyTime now);
  /// The one that would, whatever the time; null without any.
  const Keypair* newest() const { return current_ ? current_.get() : next_.get(); }
  /// The keypair that a message names by our index; null when it is none of the three.
  Keypair* receiver(std::uint32_t local_index);
  /// The same by the low 24 bits.
  Keypair* compact_receiver(std::uint32_t index);
  /// To be called after each successful open. True when this made a waiting keypair the current one: the peer
  /// has confirmed the handshake. `*dropped` gets the index of the keypair that went away, if one did.
  bool on_opened(std::uint32_t local_index, std::optional<std::uint32_t>* dropped);
  void erase_all();
  /// Calls `visit(local_index)` for each keypair held.
  template <class Visit>
  void for_each_index(Visit&& visit) const {
    for (const auto* slot : {&previous_, &current_, &next_}) {
      if (*slot) visit((*slot)->local_index());
    }
  }

 private:
  std::unique_ptr<Keypair> previous_, current_, next_;
};

}  // namespace causeway::session
