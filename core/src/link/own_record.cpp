#include "link/own_record.hpp"

#include <algorithm>
#include <utility>

#include "protocol/rpc.hpp"

namespace causeway::link {
namespace {

constexpr Duration kLifetime = std::chrono::hours(24 * 30);
constexpr Duration kRenewal = std::chrono::hours(24);
/// A record whose remaining life is off by more was signed while the wall clock was wrong.
constexpr Duration kClockSlack = std::chrono::hours(1);
constexpr std::uint64_t kLeap = std::uint64_t{1} << 32;
constexpr std::uint64_t kMaxSerial = protocol::kMaxRequestId;  // 2^53 - 1

std::uint64_t unix_seconds(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0));
}

}  // namespace

OwnRecord::OwnRecord(const crypto::IdentitySecretKey& identity,
                     const crypto::IdentityPublicKey& identity_public,
                     const crypto::SessionPublicKey& session_key, std::string network,
                     std::vector<std::string> abilities, std::uint64_t serial)
    : identity_(identity) {
  record_.network = std::move(network);
  record_.identity = identity_public;
  record_.session_key = session_key;
  record_.abilities = std::move(abilities);
  record_.serial = serial;
}

bool OwnRecord::describe(const std::string& name, std::vector<net::IpAddress> virtual_addresses, Now now) {
  if (signed_ && record_.name == name && record_.virtual_addresses == virtual_addresses) return false;
  record_.name = name;
  record_.virtual_addresses = std::move(virtual_addresses);
  sign(now);
  return true;
}

void OwnRecord::leap_serial(Now now) {
  record_.serial = std::min(record_.serial + kLeap, kMaxSerial - 1);
  if (signed_) sign(now);
}

bool OwnRecord::renew_if_due(Now now) {
  if (!signed_) return false;
  const Duration left = record_.expires - now.wall;
  const bool clock_was_set = left < kLifetime - kRenewal - kClockSlack || left > kLifetime + kClockSlack;
  if (*renewal_ > now.steady && !clock_was_set) return false;
  sign(now);
  return true;
}

std::optional<protocol::SignedRecord> OwnRecord::current(Now now) {
  renew_if_due(now);
  return signed_;
}

void OwnRecord::sign(Now now) {
  // Not below the wall clock, so that a lost state directory does not leave us below our own past.
  record_.serial = std::min(std::max(record_.serial + 1, unix_seconds(now.wall)), kMaxSerial);
  record_.expires = std::chrono::floor<std::chrono::seconds>(now.wall + kLifetime);
  signed_ = protocol::sign(record_, identity_);
  renewal_ = now.steady + kRenewal;
}

}  // namespace causeway::link
