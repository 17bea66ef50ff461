#pragma once

#include <cstddef>
#include <cstdint>

/// The figures of a TURN client, in nanoseconds.
namespace transport_turn {

inline constexpr std::int64_t kMillisecond = 1'000'000;
inline constexpr std::int64_t kSecond = 1'000 * kMillisecond;
inline constexpr std::int64_t kMinute = 60 * kSecond;

// RFC 8489 §6.2.1: Rc requests over UDP, the wait doubles from RTO, the last one is Rm x RTO; §6.2.2: over a
// stream one request, and as long a wait in all.
inline constexpr std::int64_t kRto = 500 * kMillisecond;
inline constexpr unsigned kRc = 7;
inline constexpr std::int64_t kRm = 16;
inline constexpr std::int64_t kStreamLimit = 39'500 * kMillisecond;

// RFC 8656 §7.2: the default, and more than twice as much as a server is asked for.
inline constexpr std::uint32_t kLifetimeSeconds = 600;
inline constexpr std::uint32_t kMaxLifetimeSeconds = 3600;
/// An allocation that is shorter than this is no use: the server plays with us.
inline constexpr std::uint32_t kMinLifetimeSeconds = 10;

// The lifetime would let us refresh every few minutes. Over UDP a NAT in between forgets us after 30 s (RFC
// 4787 REQ-5 asks for 2 minutes, not all give them), and a server that has restarted is noticed by nothing
// else: so the refresh is the keepalive. A stream ends by itself when the server restarts.
inline constexpr std::int64_t kRefreshUdp = 20 * kSecond;
inline constexpr std::int64_t kRefreshStream = 60 * kSecond;

// RFC 8656 §9: a permission lasts 5 minutes; §12: a channel 10, and its number must not be given to another
// peer for 5 more.
inline constexpr std::int64_t kPermissionLifetime = 5 * kMinute;
inline constexpr std::int64_t kPermissionRefresh = 4 * kMinute;
inline constexpr std::int64_t kChannelLifetime = 10 * kMinute;
inline constexpr std::int64_t kChannelRefresh = 8 * kMinute;
inline constexpr std::int64_t kChannelQuarantine = 5 * kMinute;
/// The server would not have it; it may have another mind later.
inline constexpr std::int64_t kRetryPeer = 60 * kSecond;
inline constexpr std::int64_t kRetryPeerSilent = 1 * kSecond;

inline constexpr std::int64_t kReleaseLimit = 2 * kSecond;
inline constexpr std::size_t kMaxTransactions = 32;
/// 401 and 438 for one request, before the server counts as one that leads in circles.
inline constexpr unsigned kMaxRenewals = 4;

/// For a connection, TLS included.
inline constexpr std::int64_t kOpenLimit = 15 * kSecond;
/// A relay that a better one has replaced is kept for so long, until its paths have been replaced, too.
inline constexpr std::int64_t kGrace = 2 * kMinute;

}  // namespace transport_turn
