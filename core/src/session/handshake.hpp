#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_set>
#include <variant>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "net/endpoint.hpp"

namespace causeway::session {

/// Our static key with what is computed once from it.
struct LocalKeys {
  crypto::SessionSecretKey secret;
  crypto::SessionPublicKey public_key;
};

/// TAI64N, 12 bytes big-endian: 8 of seconds since 1970 TAI + 2^62, 4 of nanoseconds. Compares as bytes.
using Tai64n = std::array<std::uint8_t, 12>;

/// Issues stamps of max(wall, last + 1), so that a clock set back never blocks a node. The last one is stored
/// by the node (ahead in steps, so that not every handshake writes to disk).
class TimestampSource {
 public:
  explicit TimestampSource(Tai64n last_stored = {}) : last_(last_stored) {}
  Tai64n next(WallTime wall);
  const Tai64n& last() const { return last_; }

 private:
  Tai64n last_;
};

/// Receiver indices: random, never 0, unique in their low 24 bits among those not yet released.
class IndexAllocator {
 public:
  explicit IndexAllocator(RandomSource& random) : random_(random) {}
  std::uint32_t allocate();
  void release(std::uint32_t index);

 private:
  RandomSource& random_;
  std::unordered_set<std::uint32_t> low_bits_in_use_;
};

/// A type-1 message whose static key and timestamp have been decrypted: authentic if the peer of `remote` exists and
/// the timestamp is news to it. Carries the Noise state that a response continues.
struct ReceivedInitiation {
  crypto::SessionPublicKey remote;
  std::uint32_t sender_index = 0;
  Tai64n timestamp{};
  std::array<std::uint8_t, 32> chaining_key{};
  std::array<std::uint8_t, 32> hash{};
  crypto::SessionPublicKey remote_ephemeral;
};

enum class HandshakeDrop : std::uint8_t {
  malformed,         ///< wrong length or reserved bytes
  bad_mac1,          ///< not meant for our public key
  bad_mac2,          ///< under load and without a valid cookie (a cookie reply was made)
  not_authentic,     ///< a decryption failed
};

/// For a response or cookie reply: which of our handshakes it names.
struct ForHandshake {
  std::uint32_t receiver_index = 0;
  bool is_cookie_reply = false;
};
struct CookieReply { Bytes message; };  ///< send it back to where the message came from

using InboxVerdict = std::variant<ReceivedInitiation, ForHandshake, CookieReply, HandshakeDrop>;

/// First contact with handshake messages from anybody: lengths, mac1, cookies under load, and the decryption that
/// tells who speaks. Changes nothing but its cookie secret (renewed every 120 s). Control thread.
class HandshakeInbox {
 public:
  HandshakeInbox(const LocalKeys& local, RandomSource& random);
  ~HandshakeInbox();
  /// `message` begins with type 1, 2 or 3. `under_load` demands mac2 (whitepaper §5.3).
  InboxVerdict consume(ByteView message, const net::Endpoint& from, bool under_load, Now now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace causeway::session
