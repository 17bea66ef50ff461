#include <algorithm>

#include "relay_pool.hpp"
#include "text.hpp"
#include "turn_times.hpp"

// Which targets there are, which are worth an attempt, and when.
namespace transport_turn {

namespace {

// UDP is tried first: it costs the path the least. A stream follows when UDP to the same server is not
// answered in this time, TLS after plain TCP; and when UDP is answered, but gives no relay in this.
constexpr std::int64_t kTcpDelay = 500 * kMillisecond;
constexpr std::int64_t kTlsDelay = 750 * kMillisecond;
constexpr std::int64_t kAnsweredDelay = 2 * kSecond;

/// Attempts under way at a time on one base.
constexpr std::ptrdiff_t kMaxAttempts = 8;
constexpr std::size_t kMaxRedirections = 3;
/// After this without a relay, gathering is said to be done; attempts go on.
constexpr std::int64_t kGatheringLimit = 5 * kSecond;

bool is_usable_base(const cw_address& address) {
  return (address.family == 4 || address.family == 6) && !is_link_local(address) && !is_loopback(address);
}

}  // namespace

void RelayPool::set_servers(ServerList list, std::int64_t now) {
  for (const std::string& complaint : list.complaints)
    world_.log(CW_LOG_WARNING, complaint);
  list_ = std::move(list);
  rebuild(now);
  for (auto& target : targets_)
    if (!target->link) target->due = std::min(target->due, now);
  step(now);
}

void RelayPool::set_bases(std::vector<Base> bases, std::int64_t now) {
  std::erase_if(bases, [](const Base& base) { return !is_usable_base(base.address); });
  if (bases.size() > kMaxBases) bases.resize(kMaxBases);
  bases_ = std::move(bases);
  // The host has closed the links of bases that are gone.
  for (LinkId id = 0; id < links_.size(); ++id) {
    if (!links_[id]) continue;
    const std::uint32_t base = links_[id]->base.id;
    const bool is_there =
        std::any_of(bases_.begin(), bases_.end(), [&](const Base& other) { return other.id == base; });
    if (!is_there) forget(id);
  }
  rebuild(now);
  step(now);
}

/// Targets that stay keep their state and their link, so that a new NIC or new credentials disturb nothing.
void RelayPool::rebuild(std::int64_t now) {
  std::vector<std::unique_ptr<Target>> next;
  for (const Server& server : list_.servers) {
    for (const Base& base : bases_) {
      if (base.address.family != server.address.family) continue;
      for (const std::uint8_t family : {std::uint8_t{4}, std::uint8_t{6}}) {
        const auto old = std::find_if(targets_.begin(), targets_.end(), [&](const auto& target) {
          return target && target->base.id == base.id && is_same(target->base.address, base.address) &&
                 target->server.kind == server.kind && target->server.host == server.host &&
                 is_same(target->server.address, server.address) && target->family == family;
        });
        if (old != targets_.end()) {
          next.push_back(std::move(*old));
        } else {
          next.push_back(std::make_unique<Target>());
          next.back()->base = base;
          next.back()->family = family;
          next.back()->due = now;
        }
        next.back()->server = server;
      }
    }
  }
  for (auto& target : targets_) {
    if (!target || !target->link) continue;
    const LinkId id = *target->link;
    release(id, "the server is not configured any more", now);
  }
  targets_ = std::move(next);
  changed_at_ = now;
  is_done_ = false;
}

std::vector<const RelayPool::Link*> RelayPool::held(std::uint32_t base, std::uint8_t family) const {
  std::vector<const Link*> found;
  for (const auto& link : links_)
    if (link && link->target != nullptr && link->is_told && link->base.id == base && link->family == family)
      found.push_back(&*link);
  return found;
}

/// A relay from this target would be one more on another server, or a better one.
bool RelayPool::is_wanted(const Target& target, std::int64_t now) {
  const auto have = held(target.base.id, target.family);
  for (const Link* link : have)
    if (is_same_ip(link->target->server.address, target.server.address))
      return target.server.kind < link->server.kind;
  const std::size_t most = target.family == 4 ? kMaxRelaysV4 : kMaxRelaysV6;
  const bool is_better = std::any_of(
      have.begin(), have.end(), [&](const Link* link) { return target.server.kind < link->server.kind; });
  if (have.size() >= most && !is_better) return false;
  if (target.family == 6) {
    // Few servers have IPv6 to give, and quotas are small: asked for where IPv4 was given, in the same way.
    const auto relays = held(target.base.id, 4);
    return std::any_of(relays.begin(), relays.end(), [&](const Link* link) {
      return link->server.kind == target.server.kind &&
             is_same_ip(link->target->server.address, target.server.address);
    });
  }
  return !is_gated(target, now);
}

/// A stream waits for UDP to the same server.
bool RelayPool::is_gated(const Target& target, std::int64_t now) {
  if (target.server.kind == CW_LINK_UDP) return false;
  for (const auto& other : targets_) {
    const bool is_udp = other->server.kind == CW_LINK_UDP && other->base.id == target.base.id &&
                        other->family == target.family &&
                        is_same_ip(other->server.address, target.server.address);
    if (!is_udp || other->is_settled) continue;
    if (other->tried_since < 0) return true;
    const bool is_answered =
        other->link && links_[*other->link]->client && links_[*other->link]->client->was_answered();
    const std::int64_t open_at = other->tried_since + (is_answered                         ? kAnsweredDelay
                                                       : target.server.kind == CW_LINK_TCP ? kTcpDelay
                                                                                           : kTlsDelay);
    if (open_at <= now) continue;
    wake_at(open_at);
    return true;
  }
  return false;
}

void RelayPool::try_targets(std::int64_t now) {
  for (auto& target : targets_) {
    if (target->link) continue;
    if (target->due > now) {
      wake_at(target->due);
      continue;
    }
    if (!is_wanted(*target, now)) continue;
    const auto attempts = std::count_if(links_.begin(), links_.end(), [&](const auto& link) {
      return link && link->base.id == target->base.id && !link->is_told && !link->is_releasing;
    });
    const auto free = std::find(links_.begin(), links_.end(), std::nullopt);
    if (attempts >= kMaxAttempts || free == links_.end()) {
      wake_at(now + kSecond);
      continue;
    }
    try_target(*target, static_cast<LinkId>(free - links_.begin()), now);
  }
}

void RelayPool::try_target(Target& target, LinkId id, std::int64_t now) {
  if (target.tried_since < 0) target.tried_since = now;
  Link link;
  link.target = &target;
  link.base = target.base;
  link.server = target.server;
  if (target.alternate) link.server.address = *target.alternate;
  link.family = target.family;
  link.opened_at = now;
  if (!world_.open(id, target.base.id, link.server, list_.verify_tls))
    return fail(target, Failure::closed, "the link cannot be opened", now);
  links_[id] = std::move(link);
  target.link = id;
  wake_at(now + kOpenLimit);
}

void RelayPool::fail(Target& target, Failure failure, const std::string& reason, std::int64_t now) {
  const bool is_news = target.failure != failure || target.failures == 0;
  target.link.reset();
  target.alternate.reset();
  target.redirections.clear();
  target.is_settled = true;
  target.failure = failure;
  ++target.failures;
  target.due = now + patience(target);
  wake_at(target.due);
  const std::string text =
      concat({target.server.uri, " (", to_text(target.server.address), ") from ",
              to_text(target.base.address), ": ", to_text(failure), reason.empty() ? "" : ": ", reason});
  // That a server has no relayed address of IPv6 is ordinary.
  const bool is_ordinary = failure == Failure::not_supported && target.family == 6;
  world_.log(is_news && !is_ordinary ? CW_LOG_WARNING : CW_LOG_DEBUG, text);
}

/// 300: at once to the server named, a few times.
void RelayPool::follow(Target& target, const TurnClient::Ended& ended, std::int64_t now) {
  const cw_address to = ended.alternate.value_or(cw_address{});
  const bool was_there = is_same(to, target.server.address) ||
                         std::any_of(target.redirections.begin(), target.redirections.end(),
                                     [&](const cw_address& other) { return is_same(other, to); });
  if (to.family != target.base.address.family || was_there || target.redirections.size() == kMaxRedirections)
    return fail(target, Failure::misbehaved, "it sends us in circles", now);
  target.redirections.push_back(to);
  target.alternate = to;
  target.link.reset();
  target.due = now;
}

std::int64_t RelayPool::patience(const Target& target) {
  const bool has_relay = !held(target.base.id, 4).empty();
  std::int64_t first = 2 * kSecond;
  // As long as there is no relay at all, a server that comes back is to be found soon.
  std::int64_t most = has_relay ? 5 * kMinute : 30 * kSecond;
  switch (target.failure.value_or(Failure::silent)) {
    case Failure::silent:
    case Failure::closed:
    case Failure::capacity:
      break;
    case Failure::gone:
    case Failure::mismatch:
      if (target.failures <= 3) return 100 * kMillisecond;
      break;
    case Failure::quota:
      // What we gave back a moment ago (a restart, a reload) still counts for a second at coturn.
      if (target.failures <= 3) return 1500 * kMillisecond;
      first = kMinute;
      most = 5 * kMinute;
      break;
    case Failure::refused:
    case Failure::forbidden:
    case Failure::misbehaved:
    case Failure::redirected:
    case Failure::released:
      first = kMinute;
      most = 10 * kMinute;
      break;
    case Failure::not_supported:
      return 30 * kMinute;
  }
  const std::int64_t span = std::min(most, first << std::min(target.failures - 1, 10U));
  std::uint64_t random = 0;
  world_.random(reinterpret_cast<std::uint8_t*>(&random), sizeof random);
  // Clients of a server that went down together do not come back together.
  return span * 3 / 4 + static_cast<std::int64_t>(random % static_cast<std::uint64_t>(span / 2));
}

bool RelayPool::is_everything_tried(std::int64_t now) {
  if (now >= changed_at_ + kGatheringLimit) return true;
  for (const Base& base : bases_) {
    if (!held(base.id, 4).empty()) continue;
    const bool waits = std::any_of(targets_.begin(), targets_.end(), [&](const auto& target) {
      return target->base.id == base.id && target->family == 4 && !target->is_settled;
    });
    if (!waits) continue;
    wake_at(changed_at_ + kGatheringLimit);
    return false;
  }
  return true;
}

}  // namespace transport_turn
