#include "plugin/signature.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

namespace causeway::plugin {

namespace {

constexpr std::size_t kKeyBytes = 2 + 8 + 32;        // algorithm, key id, key
constexpr std::size_t kSignatureBytes = 2 + 8 + 64;  // algorithm, key id, signature
constexpr std::string_view kTrusted = "trusted comment: ";

static_assert(crypto_sign_PUBLICKEYBYTES == 32 && crypto_sign_BYTES == 64);

/// minisign writes key ids as a number, most significant digit first.
std::string text_of(ByteView id) {
  const Bytes reversed(id.rbegin(), id.rend());
  std::string text = to_hex(reversed);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_signed(ByteView signature, ByteView message, const SigningKey& key) {
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.key.data()) == 0;
}

}  // namespace

std::optional<SigningKey> parse_signing_key(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != kKeyBytes || (*bytes)[0] != 'E' || (*bytes)[1] != 'd') return std::nullopt;
  SigningKey key;
  std::copy_n(bytes->begin() + 2, key.id.size(), key.id.begin());
  std::copy_n(bytes->begin() + 10, key.key.size(), key.key.begin());
  return key;
}

Result<void> check_signature(ByteView file, std::string_view signature, std::span<const SigningKey> keys) {
  const Error no_signature{"its signature is not one of minisign's: sign it again (minisign -Sm FILE)"};
  take_line(signature);  // "untrusted comment: …", worth nothing
  const auto bytes = from_base64(take_line(signature));
  const std::string_view comment = take_line(signature);
  const auto over_all = from_base64(take_line(signature));
  if (!bytes || bytes->size() != kSignatureBytes || !comment.starts_with(kTrusted) || !over_all ||
      over_all->size() != crypto_sign_BYTES) {
    return no_signature;
  }
  const ByteView id = ByteView(*bytes).subspan(2, 8);
  const ByteView sealed = ByteView(*bytes).subspan(10);
  const bool is_hashed = (*bytes)[0] == 'E' && (*bytes)[1] == 'D';
  if (!is_hashed && !((*bytes)[0] == 'E' && (*bytes)[1] == 'd')) return no_signature;

  const auto key = std::find_if(keys.begin(), keys.end(), [&](const SigningKey& candidate) {
    return std::equal(id.begin(), id.end(), candidate.id.begin());
  });
  if (key == keys.end()) {
    return Error{
        fmt::format("signed by key {}, which the configuration does not trust (plugins.keys): add it, or "
                    "sign the file with a key of yours",
                    text_of(id))};
  }
  Bytes hash(crypto_generichash_BYTES_MAX);
  if (is_hashed) crypto_generichash(hash.data(), hash.size(), file.data(), file.size(), nullptr, 0);
  if (!is_signed(sealed, is_hashed ? ByteView(hash) : file, *key)) {
    return Error{fmt::format("its signature by key {} is of another file: take both from the same release",
                             text_of(id))};
  }
  // The second signature is over the first and the comment, which tells of time and file name.
  const ByteView words = as_bytes(comment.substr(kTrusted.size()));
  Bytes all(sealed.begin(), sealed.end());
  all.insert(all.end(), words.begin(), words.end());
  if (!is_signed(*over_all, all, *key))
    return Error{"the comment of its signature was changed: take the .minisig file anew"};
  return {};
}

}  // namespace causeway::plugin
