#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "crypto/keys.hpp"
#include "crypto/x25519.hpp"
#include "session/local_keys.hpp"
#include "session/noise.hpp"

/// The two messages of Noise IKpsk2, as fields without WireGuard's framing, so that Noise's own vectors can
/// test them:
///
///     <- s                      known beforehand
///     -> e, es, s, ss           message 1, with the TAI64N stamp as payload
///     <- e, ee, se, psk         message 2, with an empty payload
///
/// Every function is pure but for its out-parameters; randomness comes in as ephemeral keys.
namespace causeway::session::ikpsk2 {

/// WireGuard's prologue.
inline constexpr std::string_view kIdentifier = "WireGuard v1 zx2c4 Jason@zx2c4.com";

struct TransportKeys {
  crypto::SymmetricKey from_initiator;
  crypto::SymmetricKey from_responder;
};

/// Writes message 1: `sealed_static` holds 48 bytes, `sealed_payload` payload.size() + 16. The returned state
/// reads the response. nullopt: `responder` is no usable public key.
std::optional<SymmetricState> write_message1(ByteView prologue, const LocalKeys& local,
                                             const crypto::SessionPublicKey& responder,
                                             const crypto::SessionKeys& ephemeral, ByteView payload,
                                             MutableByteView sealed_static, MutableByteView sealed_payload);

struct Message1 {
  SymmetricState state;
  crypto::SessionPublicKey initiator;
};
/// nullopt: not made for us, or forged. `payload` holds sealed_payload.size() - 16.
std::optional<Message1> read_message1(ByteView prologue, const LocalKeys& local,
                                      const crypto::SessionPublicKey& ephemeral, ByteView sealed_static,
                                      ByteView sealed_payload, MutableByteView payload);

/// `state` is that of message 1. nullopt: one of the initiator's keys is no usable point.
std::optional<TransportKeys> write_message2(SymmetricState state, const crypto::SessionPublicKey& initiator,
                                            const crypto::SessionPublicKey& initiator_ephemeral,
                                            const crypto::SessionKeys& ephemeral,
                                            const crypto::PresharedKey& preshared, ByteView payload,
                                            MutableByteView sealed_payload);

/// `state` is what write_message1() returned; by value, so that a forged response changes nothing.
std::optional<TransportKeys> read_message2(SymmetricState state, const LocalKeys& local,
                                           const crypto::SessionKeys& own_ephemeral,
                                           const crypto::SessionPublicKey& ephemeral,
                                           const crypto::PresharedKey& preshared, ByteView sealed_payload,
                                           MutableByteView payload);

}  // namespace causeway::session::ikpsk2
