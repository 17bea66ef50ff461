#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "crypto/aead.hpp"
#include "crypto/keys.hpp"

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
  std::size_t length = 0;  ///< plaintext bytes written, padding included; 0 is a keepalive
};

inline constexpr std::size_t kDataHeaderBytes = 16;  ///< type, reserved, receiver index, counter
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kPaddingMultiple = 16;
/// What a type-4 message is longer than its padded plaintext.
inline constexpr std::size_t kDataOverheadBytes = kDataHeaderBytes + kTagBytes;

/// One pair of transport keys with its send counter and replay window. Owned and used by one data loop alone.
/// Never allocates after construction.
class Keypair {
 public:
  explicit Keypair(const KeypairMaterial& material);
  ~Keypair();
  Keypair(const Keypair&) = delete;
  Keypair& operator=(const Keypair&) = delete;

  std::uint32_t local_index() const { return local_index_; }
  bool is_initiator() const { return is_initiator_; }
  SteadyTime created() const { return created_; }
  std::uint64_t messages_sent() const { return send_counter_; }

  /// False once REJECT_AFTER_TIME or REJECT_AFTER_MESSAGES is reached: nothing may be sealed any more.
  bool may_send(SteadyTime now) const;
  /// True once REKEY_AFTER_TIME (initiator only) or REKEY_AFTER_MESSAGES asks for a new handshake.
  bool wants_rekey_after_send(SteadyTime now) const;
  bool wants_rekey_after_receive(SteadyTime now) const;

  /// Length of the type-4 message that carries `plaintext_bytes`.
  static constexpr std::size_t sealed_bytes(std::size_t plaintext_bytes) {
    return kDataOverheadBytes +
           (plaintext_bytes + kPaddingMultiple - 1) / kPaddingMultiple * kPaddingMultiple;
  }
  /// Writes header, ciphertext (zero-padded to 16) and tag to `out`, which holds at least sealed_bytes() and
  /// does not overlap `plaintext`. Takes the next counter. Returns the bytes written; call only if
  /// may_send().
  std::size_t seal(ByteView plaintext, MutableByteView out);

  /// Opens a type-4 message into `out` (at least message.size() - kDataOverheadBytes; may not overlap). The
  /// window moves only when the tag was right. On any error `out` holds garbage and nothing has changed.
  Opened open(ByteView message, MutableByteView out, SteadyTime now);

 private:
  struct Ciphers;
  struct Window;
  std::uint32_t local_index_;
  std::uint32_t remote_index_;
  bool is_initiator_;
  SteadyTime created_;
  std::uint64_t send_counter_ = 0;
  std::unique_ptr<Ciphers> ciphers_;
  std::unique_ptr<Window> window_;
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
  /// The keypair that a message names by our index; null when it is none of the three.
  Keypair* receiver(std::uint32_t local_index);
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
