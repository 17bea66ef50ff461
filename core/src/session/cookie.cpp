#include "session/cookie.hpp"

#include <algorithm>
#include <cassert>

#include "crypto/aead.hpp"
#include "session/limits.hpp"
#include "session/wire.hpp"

namespace causeway::session {
namespace {

crypto::Blake2sHash labelled_key(std::string_view label, const crypto::SessionPublicKey& key) {
  return crypto::blake2s({as_bytes(label), key.bytes});
}

crypto::Blake2sHash mac1_key(const crypto::SessionPublicKey& receiver) {
  return labelled_key("mac1----", receiver);
}

crypto::SymmetricKey cookie_seal_key(const crypto::SessionPublicKey& receiver) {
  crypto::SymmetricKey key;
  key.bytes = labelled_key("cookie--", receiver);
  return key;
}

}  // namespace

MacChecker::MacChecker(const crypto::SessionPublicKey& local, RandomSource& random)
    : random_(random), mac1_key_(mac1_key(local)), cookie_seal_key_(cookie_seal_key(local)) {}

bool MacChecker::has_valid_mac1(ByteView message) const {
  const auto parts = wire::mac_parts(message);
  return equal_constant_time(parts.mac1, crypto::blake2s_mac16(mac1_key_, {parts.before_mac1}));
}

bool MacChecker::has_valid_mac2(ByteView message, const net::Endpoint& from, Now now) {
  const auto parts = wire::mac_parts(message);
  return equal_constant_time(parts.mac2, crypto::blake2s_mac16(cookie_for(from, now), {parts.before_mac2}));
}

Bytes MacChecker::make_cookie_reply(ByteView message, const net::Endpoint& from, Now now) {
  wire::CookieReply reply;
  reply.receiver_index = wire::sender_index(message);
  random_.fill(reply.nonce);
  crypto::xchacha20_poly1305_seal(cookie_seal_key_, reply.nonce, wire::mac_parts(message).mac1,
                                  cookie_for(from, now), reply.sealed_cookie);
  return wire::encode(reply);
}

Cookie MacChecker::cookie_for(const net::Endpoint& from, Now now) {
  if (!secret_made_ || now.steady - *secret_made_ >= kCookieRefreshTime) {
    random_.fill(secret_.bytes);
    secret_made_ = now.steady;
  }
  const std::array<std::uint8_t, 2> port{static_cast<std::uint8_t>(from.port >> 8),
                                         static_cast<std::uint8_t>(from.port)};
  return crypto::blake2s_mac16(secret_.bytes, {ByteView{from.address.data(), from.address.size()}, port});
}

MacWriter::MacWriter(const crypto::SessionPublicKey& remote)
    : mac1_key_(mac1_key(remote)), cookie_seal_key_(cookie_seal_key(remote)) {}

void MacWriter::write_macs(MutableByteView message, SteadyTime now) {
  const std::size_t mac2_at = message.size() - wire::kMacBytes;
  const std::size_t mac1_at = mac2_at - wire::kMacBytes;
  newest_mac1_ = crypto::blake2s_mac16(mac1_key_, {message.first(mac1_at)});
  std::copy(newest_mac1_->begin(), newest_mac1_->end(), message.subspan(mac1_at).begin());
  crypto::Blake2sMac mac2{};
  if (cookie_received_ && now - *cookie_received_ < kCookieUseTime) {
    mac2 = crypto::blake2s_mac16(cookie_, {message.first(mac2_at)});
  }
  std::copy(mac2.begin(), mac2.end(), message.subspan(mac2_at).begin());
}

bool MacWriter::consume_reply(ByteView cookie_reply, SteadyTime now) {
  const auto reply = wire::parse_cookie_reply(cookie_reply);
  if (!reply || !newest_mac1_) return false;
  Cookie cookie;
  if (!crypto::xchacha20_poly1305_open(cookie_seal_key_, reply->nonce, *newest_mac1_, reply->sealed_cookie,
                                       cookie)) {
    return false;
  }
  cookie_ = cookie;
  cookie_received_ = now;
  newest_mac1_.reset();
  return true;
}

}  // namespace causeway::session
