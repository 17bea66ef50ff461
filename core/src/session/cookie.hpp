#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/blake2s.hpp"
#include "crypto/keys.hpp"
#include "net/endpoint.hpp"

namespace causeway::session {

using Cookie = crypto::Blake2sMac;

/// The receiver's half of mac1, mac2 and cookies (whitepaper §5.4.4, §5.4.7): proves with one hash that a
/// message was made for our public key, and under load that its sender receives where it says it is.
class MacChecker {
 public:
  MacChecker(const crypto::SessionPublicKey& local, RandomSource& random);

  /// `message` is an initiation or a response of right length.
  bool has_valid_mac1(ByteView message) const;
  bool has_valid_mac2(ByteView message, const net::Endpoint& from, Now now);
  /// The cookie reply to `message`, whose mac1 is valid.
  Bytes make_cookie_reply(ByteView message, const net::Endpoint& from, Now now);

 private:
  Cookie cookie_for(const net::Endpoint& from, Now now);

  RandomSource& random_;
  crypto::Blake2sHash mac1_key_;
  crypto::SymmetricKey cookie_seal_key_;
  crypto::SymmetricKey secret_;  ///< R_m of the whitepaper, renewed when older than kCookieRefreshTime
  std::optional<SteadyTime> secret_made_;
};

/// The sender's half, towards one peer: writes the macs and takes the peer's cookie replies.
class MacWriter {
 public:
  explicit MacWriter(const crypto::SessionPublicKey& remote);
  ~MacWriter() { wipe(cookie_); }
  MacWriter(const MacWriter&) = delete;
  MacWriter& operator=(const MacWriter&) = delete;

  /// Fills in the last 32 bytes of an initiation or response; mac2 stays zero without a fresh cookie.
  void write_macs(MutableByteView message, SteadyTime now);
  /// False: forged, or not an answer to the newest message; unchanged. A message gets at most one reply
  /// accepted.
  bool consume_reply(ByteView cookie_reply, SteadyTime now);

 private:
  crypto::Blake2sHash mac1_key_;
  crypto::SymmetricKey cookie_seal_key_;
  std::optional<crypto::Blake2sMac> newest_mac1_;
  Cookie cookie_{};
  std::optional<SteadyTime> cookie_received_;
};

}  // namespace causeway::session
