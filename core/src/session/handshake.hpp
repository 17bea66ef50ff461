#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "net/endpoint.hpp"
#include "session/index_allocator.hpp"
#include "session/local_keys.hpp"
#include "session/noise.hpp"
#include "session/timestamp.hpp"

namespace causeway::session {

/// A type-1 message whose static key and timestamp have been decrypted: authentic if the peer of `remote`
/// exists and the timestamp is news to it. Carries the Noise state that a response continues.
struct ReceivedInitiation {
  crypto::SessionPublicKey remote;
  std::uint32_t sender_index = 0;
  Tai64n timestamp{};
  SymmetricState noise;
  crypto::SessionPublicKey remote_ephemeral;
};

enum class HandshakeDrop : std::uint8_t {
  malformed,      ///< wrong length, type or reserved bytes
  bad_mac1,       ///< not meant for our public key
  bad_mac2,       ///< under load and without a valid cookie; HandshakeInbox gives a CookieReply in its place
  not_authentic,  ///< a decryption failed
};
std::string_view to_string(HandshakeDrop drop);

/// For a response or cookie reply: which of our handshakes it names.
struct ForHandshake {
  std::uint32_t receiver_index = 0;
  bool is_cookie_reply = false;
};
/// Under load, and the message carries no valid cookie: send this back to where it came from.
struct CookieReply {
  Bytes message;
};

using InboxVerdict = std::variant<ReceivedInitiation, ForHandshake, CookieReply, HandshakeDrop>;

/// First contact with handshake messages from anybody: lengths, mac1, cookies under load, and the decryption
/// that tells who speaks. Changes nothing but its cookie secret (renewed every 120 s). Control thread.
class HandshakeInbox {
 public:
  /// Both are borrowed and outlive the inbox.
  HandshakeInbox(const LocalKeys& local, RandomSource& random);
  ~HandshakeInbox();
  /// Any bytes; `under_load` demands mac2 (whitepaper §5.3).
  InboxVerdict consume(ByteView message, const net::Endpoint& from, bool under_load, Now now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace causeway::session
