#pragma once

#include <cstdint>

#include "base/time.hpp"

/// WireGuard's constants (whitepaper §6.1), by its names.
namespace causeway::session {

inline constexpr Duration kRekeyAfterTime = 120s;
inline constexpr Duration kRejectAfterTime = 180s;
inline constexpr Duration kRekeyAttemptTime = 90s;
inline constexpr Duration kRekeyTimeout = 5s;
inline constexpr Duration kKeepaliveTimeout = 10s;
/// Added to the above where both ends would else act at the same moment: 0 to this.
inline constexpr Duration kRekeyTimeoutJitter = 333ms;
inline constexpr std::uint64_t kRekeyAfterMessages = std::uint64_t{1} << 60;
inline constexpr std::uint64_t kRejectAfterMessages = UINT64_MAX - (std::uint64_t{1} << 13);
/// A cookie is good for this long after its secret was made (§5.4.7); whoever got one stops using it earlier,
/// because it was under way for a while.
inline constexpr Duration kCookieRefreshTime = 120s;
inline constexpr Duration kCookieUseTime = kCookieRefreshTime - 5s;
/// More initiations per second than 50 from one peer are refused (Linux: INITIATIONS_PER_SECOND).
inline constexpr Duration kInitiationInterval = 20ms;

}  // namespace causeway::session
