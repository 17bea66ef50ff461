#include <algorithm>
#include <limits>

#include "text.hpp"
#include "turn_client.hpp"
#include "turn_times.hpp"

// The allocation itself: asked for, kept, given back (RFC 8656 §7 and §8).
namespace transport_turn {

namespace {

/// While a Refresh is under way there is no time for another.
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::string describe(const Response& response) {
  return concat({"error ", std::to_string(response.error), response.error_text.empty() ? "" : ": ",
                 response.error_text});
}

Failure failure_of(int code) {
  switch (code) {
    case error_code::kUnauthenticated:
    case error_code::kWrongCredentials:
      return Failure::refused;
    case error_code::kForbidden:
      return Failure::forbidden;
    case error_code::kAllocationMismatch:
      return Failure::mismatch;
    case error_code::kQuotaReached:
      return Failure::quota;
    case error_code::kFamilyNotSupported:
    case error_code::kTransportNotSupported:
      return Failure::not_supported;
    default:
      return code >= 500 ? Failure::capacity : Failure::misbehaved;
  }
}

}  // namespace

void TurnClient::allocate(std::int64_t now) {
  Request request;
  request.method = Method::allocate;
  request.family = settings_.family;
  request.lifetime = kLifetimeSeconds;
  begin(request, 0, now);
}

void TurnClient::refresh(std::uint32_t lifetime, std::int64_t now) {
  Request request;
  request.method = Method::refresh;
  request.lifetime = lifetime;
  next_refresh_ = kNever;
  begin(request, 0, now);
}

void TurnClient::on_allocate(const Response& response, std::int64_t now) {
  if (state_ != State::allocating) return;
  if (!response.relayed || response.relayed->family != settings_.family)
    return end(Failure::misbehaved, "it gives no relayed address of the family that was asked for");
  // A server may well be in a private network; but what nobody can send to, or what would send peers to
  // themselves, is no address of a relay.
  if (!is_reachable(*response.relayed))
    return end(Failure::misbehaved,
               concat({"its relayed address ", to_text(*response.relayed), " is nobody's"}));
  if (!set_lifetime(response, now))
    return end(Failure::misbehaved, "its allocation ends before it can be used");
  state_ = State::allocated;
  Allocation allocation;
  allocation.relayed = *response.relayed;
  if (response.mapped && is_reachable(*response.mapped)) allocation.mapped = *response.mapped;
  output_.allocated = allocation;
  routes_changed_ = true;
}

/// False: it is next to nothing.
bool TurnClient::set_lifetime(const Response& response, std::int64_t now) {
  const std::uint32_t seconds = std::min(response.lifetime.value_or(kLifetimeSeconds), kMaxLifetimeSeconds);
  if (seconds < kMinLifetimeSeconds) return false;
  const std::int64_t lifetime = seconds * kSecond;
  expires_at_ = now + lifetime;
  next_refresh_ = now + std::min(settings_.is_stream ? kRefreshStream : kRefreshUdp, lifetime / 2);
  return true;
}

void TurnClient::on_allocate_error(const Response& response) {
  if (response.error == error_code::kTryAlternate) {
    if (!response.alternate || !is_reachable(*response.alternate))
      return end(Failure::misbehaved, "it sends us to a server that is nowhere");
    return end(Failure::redirected, concat({"to ", to_text(*response.alternate)}), response.alternate);
  }
  end(failure_of(response.error), describe(response));
}

void TurnClient::on_refresh(const Response& response, std::int64_t now) {
  if (state_ == State::releasing) return end(Failure::released, {});
  if (state_ != State::allocated) return;
  switch (response.error) {
    case 0:
      if (!set_lifetime(response, now)) end(Failure::gone, "the server has ended the allocation");
      return;
    case error_code::kAllocationMismatch:
      return end(Failure::gone, "the server has forgotten the allocation");
    case error_code::kUnauthenticated:
    case error_code::kWrongCredentials:
    case error_code::kForbidden:
      return on_credentials_refused();
    default:
      // It may do better next time; if not, the allocation runs out.
      next_refresh_ = now + (settings_.is_stream ? kRefreshStream : kRefreshUdp);
  }
}

/// The credentials ran out, or the server changed its mind. What we have stays until it ends by itself, so
/// that another allocation can take its place before.
void TurnClient::on_credentials_refused() {
  if (state_ != State::allocated) return;
  state_ = State::expiring;
  output_.is_running_out = true;
}

void TurnClient::release(std::int64_t now) {
  if (state_ == State::ended || state_ == State::releasing) return;
  const bool has_allocation = state_ == State::allocated;
  transactions_.clear();
  // Without one, or without credentials to say so, there is nothing to give back that the server would take.
  if (!has_allocation) return end(Failure::released, {});
  state_ = State::releasing;
  release_until_ = now + kReleaseLimit;
  refresh(0, now);
}

}  // namespace transport_turn
