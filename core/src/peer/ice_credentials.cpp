#include "peer/ice_credentials.hpp"

#include <array>

#include "base/bytes.hpp"
#include "crypto/hkdf.hpp"

namespace causeway::peer {
namespace {

// RFC 8839 §5.4: ALPHA / DIGIT / "+" / "/".
constexpr std::string_view kIceChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kUfragChars = 16;
constexpr std::size_t kPasswordChars = 32;

template <std::size_t N>
std::string to_ice_chars(const std::array<std::uint8_t, N>& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes)
    text += kIceChars[byte % kIceChars.size()];  // 256 = 4 x 64: no bias
  return text;
}

}  // namespace

std::string make_ufrag(RandomSource& random) {
  std::array<std::uint8_t, kUfragChars> bytes;
  random.fill(bytes);
  return to_ice_chars(bytes);
}

bool is_ufrag(std::string_view text) {
  return !text.empty() && text.size() <= 256 && text.find_first_not_of(kIceChars) == std::string_view::npos;
}

std::string derive_password(const crypto::SharedSecret& shared, const crypto::SessionPublicKey& owner,
                            std::string_view ufrag) {
  std::string info = "causeway ice 1";
  info += as_text(owner.bytes);
  info += ufrag;
  std::array<std::uint8_t, kPasswordChars> bytes;
  crypto::hkdf_blake2s(shared.bytes, info, bytes);
  const std::string password = to_ice_chars(bytes);
  wipe(bytes);
  return password;
}

}  // namespace causeway::peer
