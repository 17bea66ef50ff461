#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace causeway::server {

std::array<std::uint8_t, 32> sha256(ByteView bytes);
/// The password of a time-limited TURN user: base64(HMAC-SHA1(secret, username)), as coturn's use-auth-secret
/// has it.
std::string turn_password(std::string_view secret, std::string_view username);

}  // namespace causeway::server
