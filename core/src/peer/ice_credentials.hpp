#pragma once

#include <string>
#include <string_view>

#include "base/random.hpp"
#include "crypto/x25519.hpp"

namespace causeway::peer {

/// 16 ice-chars (96 bits) of randomness: names one ICE generation of this node towards one peer.
std::string make_ufrag(RandomSource& random);

/// 1 to 256 ice-chars. A peer that names itself otherwise is not ours, and its name is not to be stored.
bool is_ufrag(std::string_view text);

/// The two ends derive each other's ICE passwords instead of sending them: the server relays only ufrags and
/// so can neither forge nor answer checks. `shared` is X25519(static, static) of the two session keys; the
/// password of a node is 32 ice-chars of HKDF-BLAKE2s over it with info "causeway ice 1" ‖ owner's session
/// key ‖ owner's ufrag. It is fresh whenever the owner takes a new ufrag. docs/decisions/0001 says why the
/// other side's ufrag is not part of it.
std::string derive_password(const crypto::SharedSecret& shared, const crypto::SessionPublicKey& owner,
                            std::string_view ufrag);

}  // namespace causeway::peer
