#include <algorithm>
#include <bitset>
#include <limits>

#include "turn_client.hpp"
#include "turn_times.hpp"

// Permissions (RFC 8656 §9, §10) and channels (§12). A peer gets both at once: either alone lets packets
// through, the channel with less around them. A permission belongs to an address, a channel to address and
// port.
namespace transport_turn {

namespace {

constexpr std::size_t kChannelCount = kLastChannel - kFirstChannel + 1;

}  // namespace

bool TurnClient::want_peer(const cw_address& given, std::int64_t now) {
  cw_address peer = without_port(given);
  peer.port = given.port;
  if (!is_reachable(peer) || peer.family != settings_.family) {
    ++counters_.refused_peers;
    return true;
  }
  ChannelWish& channel = channels_[peer];
  if (channel.is_wanted) return true;
  if (wanted_ == RouteTable::kMaxRoutes) {
    if (channel.number == 0 && !channel.is_asked) channels_.erase(peer);
    return false;
  }
  ++wanted_;
  channel.is_wanted = true;
  if (!channel.is_granted && !channel.is_asked) channel.next = now;
  if (channel.number == 0) channel.number = free_channel();
  PermissionWish& permission = permissions_[without_port(peer)];
  if (++permission.peers == 1 && !permission.is_granted && !permission.is_asked) permission.next = now;
  routes_changed_ = true;
  step_peers(now);
  return true;
}

void TurnClient::drop_peer(const cw_address& given, std::int64_t now) {
  cw_address peer = without_port(given);
  peer.port = given.port;
  const auto channel = channels_.find(peer);
  if (channel == channels_.end() || !channel->second.is_wanted) return;
  --wanted_;
  channel->second.is_wanted = false;
  const auto permission = permissions_.find(without_port(peer));
  if (permission != permissions_.end() && --permission->second.peers == 0) permissions_.erase(permission);
  routes_changed_ = true;
  expire_wishes(now);
}

/// The next number after the last one given, so that a number rests as long as possible; 0 if all are held.
std::uint16_t TurnClient::free_channel() {
  std::bitset<kChannelCount> held;
  for (const auto& [peer, wish] : channels_)
    if (wish.number != 0) held.set(wish.number - kFirstChannel);
  if (held.all()) return 0;
  do {
    last_channel_ =
        last_channel_ >= kLastChannel ? kFirstChannel : static_cast<std::uint16_t>(last_channel_ + 1);
  } while (held.test(last_channel_ - kFirstChannel));
  return last_channel_;
}

void TurnClient::step_peers(std::int64_t now) {
  if (state_ != State::allocated && state_ != State::expiring) return;
  expire_wishes(now);
  if (state_ == State::expiring) return;  // nothing more is granted
  for (auto& [ip, wish] : permissions_) {
    if (transactions_.size() >= kMaxTransactions) return;
    if (wish.is_asked || wish.next > now) continue;
    wish.is_asked = true;
    Request request;
    request.method = Method::create_permission;
    request.peer = ip;
    begin(request, 0, now);
  }
  for (auto& [peer, wish] : channels_) {
    if (transactions_.size() >= kMaxTransactions) return;
    if (!wish.is_wanted || wish.number == 0 || wish.is_asked || wish.next > now) continue;
    wish.is_asked = true;
    wish.held_until = now + kChannelLifetime + kChannelQuarantine;
    Request request;
    request.method = Method::channel_bind;
    request.peer = peer;
    request.channel = wish.number;
    begin(request, 0, now);
  }
}

/// `response` null: none came.
void TurnClient::on_peer_response(const Request& request, const Response* response, std::int64_t now) {
  if (response != nullptr && response->error == error_code::kAllocationMismatch)
    return end(Failure::gone, "the server has forgotten the allocation");
  const bool is_refused = response != nullptr && (response->error == error_code::kUnauthenticated ||
                                                  response->error == error_code::kWrongCredentials);
  if (request.method == Method::create_permission) {
    const auto permission = permissions_.find(*request.peer);
    if (permission != permissions_.end())
      settle(permission->second, response, kPermissionRefresh, kPermissionLifetime, now);
  } else {
    const auto channel = channels_.find(*request.peer);
    if (channel != channels_.end() && channel->second.number == request.channel) {
      ChannelWish& wish = channel->second;
      settle(wish, response, kChannelRefresh, kChannelLifetime, now);
      // The server knows the number for another peer, or the peer by another number (§12.1).
      if (response != nullptr && response->error == error_code::kBadRequest && !wish.is_granted)
        wish.number = free_channel();
    }
  }
  if (is_refused) on_credentials_refused();
}

void TurnClient::settle(Wish& wish, const Response* response, std::int64_t refresh, std::int64_t lifetime,
                        std::int64_t now) {
  wish.is_asked = false;
  if (response == nullptr) {
    wish.next = now + kRetryPeerSilent;
  } else if (response->error != 0) {
    ++counters_.refused_peers;
    wish.next = now + kRetryPeer;
  } else {
    wish.next = now + refresh;
    wish.expires = now + lifetime;
    routes_changed_ = routes_changed_ || !wish.is_granted;
    wish.is_granted = true;
  }
}

void TurnClient::expire_wishes(std::int64_t now) {
  const auto expire = [&](Wish& wish) {
    if (!wish.is_granted || wish.expires > now) return;
    wish.is_granted = false;
    routes_changed_ = true;
  };
  for (auto& entry : permissions_)
    expire(entry.second);
  for (auto& entry : channels_)
    expire(entry.second);
  // A number that was asked for stays with its peer as long as the server may know it.
  std::erase_if(channels_, [&](const auto& entry) {
    const ChannelWish& wish = entry.second;
    return !wish.is_wanted && !wish.is_asked && wish.held_until <= now;
  });
}

void TurnClient::publish_routes() {
  std::vector<Route> routes;
  std::vector<Permission> permissions;
  for (const auto& [peer, wish] : channels_)
    if (wish.is_wanted && wish.number != 0) routes.push_back({peer, wish.number, wish.is_granted});
  for (const auto& [ip, wish] : permissions_)
    permissions.push_back({ip, wish.is_granted});
  output_.routes =
      std::make_unique<const RouteTable>(std::move(routes), std::move(permissions), settings_.is_stream);
  routes_changed_ = false;
}

std::optional<std::int64_t> TurnClient::next_peer_time() const {
  std::optional<std::int64_t> next;
  const auto consider = [&](std::int64_t time) { next = std::min(next.value_or(time), time); };
  // When no more transactions fit, the end of one goes on with the peers.
  const bool may_ask = state_ == State::allocated && transactions_.size() < kMaxTransactions;
  for (const auto& [ip, wish] : permissions_) {
    if (wish.is_granted) consider(wish.expires);
    if (may_ask && !wish.is_asked) consider(wish.next);
  }
  for (const auto& [peer, wish] : channels_) {
    if (wish.is_granted) consider(wish.expires);
    if (may_ask && wish.is_wanted && wish.number != 0 && !wish.is_asked) consider(wish.next);
    if (!wish.is_wanted && !wish.is_asked) consider(wish.held_until);
  }
  return next;
}

}  // namespace transport_turn
