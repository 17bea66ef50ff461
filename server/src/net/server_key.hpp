#pragma once

#include <string>

#include "base/result.hpp"
#include "protocol/join_token.hpp"

namespace causeway::server {

/// A new P-256 key in PEM. P-256 because its handshakes cost the least of the common kinds.
std::string make_private_key();
/// A self-signed certificate of that key for 20 years; nodes look at the key alone, by its pin.
std::string make_certificate(const std::string& private_key_pem, const std::string& host);
/// SHA-256 of the key's SubjectPublicKeyInfo.
Result<protocol::KeyPin> pin_of(const std::string& private_key_pem);

}  // namespace causeway::server
