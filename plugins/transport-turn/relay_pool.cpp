#include "relay_pool.hpp"

#include <algorithm>
#include <utility>

#include "text.hpp"
#include "turn_times.hpp"

// Links: from the attempt to the relay, and to its end. What to attempt is in relay_targets.cpp.
namespace transport_turn {

namespace {

const char* name_of(std::uint32_t kind) {
  return kind == CW_LINK_UDP ? "UDP" : kind == CW_LINK_TCP ? "TCP" : "TLS";
}

}  // namespace

void RelayPool::on_link(std::uint32_t id, bool is_open, std::string_view reason, std::int64_t now) {
  if (is_drained_ || id >= links_.size() || !links_[id]) return;
  Link& link = *links_[id];
  if (!is_open) {
    const bool was_relay = link.is_told;
    Target* target = link.target;
    const std::string text(reason);
    if (was_relay) world_.log(CW_LOG_WARNING, concat({"the link to ", link.server.uri, " ended: ", text}));
    forget(id);
    if (target != nullptr) fail(*target, was_relay ? Failure::gone : Failure::closed, text, now);
  } else if (!link.is_open) {
    link.is_open = true;
    link.client = std::make_unique<TurnClient>(
        TurnClient::Settings{link.server.kind != CW_LINK_UDP, link.family, link.server.credentials},
        [this](std::uint8_t* bytes, std::size_t size) { world_.random(bytes, size); });
    link.client->start(now);
    collect(id, now);
  }
  step(now);
}

void RelayPool::on_message(std::uint32_t id, ByteView bytes, std::int64_t now) {
  if (is_drained_ || id >= links_.size() || !links_[id] || !links_[id]->client) return;
  links_[id]->client->on_message(bytes, now);
  collect(id, now);
  step(now);
}

void RelayPool::want_peer(std::uint32_t id, const cw_address& peer, std::int64_t now) {
  if (is_drained_ || id >= links_.size() || !links_[id] || !links_[id]->client) return;
  if (!links_[id]->client->want_peer(peer, now))
    world_.log(CW_LOG_WARNING, concat({"too many peers on one relay; ", to_text(peer), " is left out"}));
  collect(id, now);
  step(now);
}

void RelayPool::drop_peer(std::uint32_t id, const cw_address& peer, std::int64_t now) {
  if (is_drained_ || id >= links_.size() || !links_[id] || !links_[id]->client) return;
  links_[id]->client->drop_peer(peer, now);
  collect(id, now);
  step(now);
}

void RelayPool::on_time(std::int64_t now) { step(now); }

void RelayPool::drain(std::int64_t now) {
  is_drained_ = true;
  wake_.reset();
  for (LinkId id = 0; id < links_.size(); ++id) {
    if (!links_[id]) continue;
    if (links_[id]->client) {
      links_[id]->client->release(now);
      for (const Bytes& message : links_[id]->client->take().messages)
        world_.send(id, message);
    }
    world_.close(id);
    forget(id);
  }
}

void RelayPool::step(std::int64_t now) {
  if (is_drained_) return;
  wake_.reset();
  for (LinkId id = 0; id < links_.size(); ++id)
    if (links_[id]) step_link(id, now);
  try_targets(now);
  if (!is_done_ && is_everything_tried(now)) {
    is_done_ = true;
    world_.done();
  }
  for (const auto& link : links_) {
    if (!link) continue;
    if (!link->client) wake_at(link->opened_at + kOpenLimit);
    if (link->client && link->client->next_time()) wake_at(*link->client->next_time());
    if (link->target == nullptr && !link->is_releasing) wake_at(link->retire_at);
  }
}

void RelayPool::step_link(LinkId id, std::int64_t now) {
  Link& link = *links_[id];
  if (!link.client) {
    if (now >= link.opened_at + kOpenLimit) on_end(id, {Failure::silent, "no connection", {}}, now);
    return;
  }
  if (link.target == nullptr && !link.is_releasing && now >= link.retire_at)
    return release(id, "another relay has taken its place", now);
  const auto next = link.client->next_time();
  if (!next || *next > now) return;
  link.client->on_time(now);
  collect(id, now);
}

/// Carries out what the client asks for.
void RelayPool::collect(LinkId id, std::int64_t now) {
  TurnClient::Output output = links_[id]->client->take();
  for (const Bytes& message : output.messages)
    world_.send(id, message);
  if (output.allocated) keep(id, *output.allocated, now);
  if (!links_[id]) return;
  if (output.routes && links_[id]->is_told) world_.publish(id, std::move(output.routes));
  if (output.is_running_out) replace(id, now);
  if (output.ended) on_end(id, *output.ended, now);
}

void RelayPool::keep(LinkId id, const TurnClient::Allocation& allocation, std::int64_t now) {
  Link& link = *links_[id];
  if (link.target == nullptr || is_redundant(link)) {
    if (link.target != nullptr) link.target->is_settled = true;
    return release(id, "not needed", now);
  }
  link.target->failures = 0;
  link.target->failure.reset();
  link.target->is_settled = true;
  link.target->redirections.clear();
  link.is_told = true;
  world_.log(CW_LOG_INFO, concat({"relay ", to_text(allocation.relayed), " of ", link.server.uri, " (",
                                  to_text(link.server.address), ", ", name_of(link.server.kind), ") from ",
                                  to_text(link.base.address)}));
  world_.allocated(id, link.server.kind, allocation);
  trim(link, now);
}

/// Others came first that are as good.
bool RelayPool::is_redundant(const Link& link) const {
  const auto have = held(link.base.id, link.family);
  for (const Link* other : have)
    if (is_same_ip(other->target->server.address, link.target->server.address))
      return other->server.kind <= link.server.kind;
  const std::size_t most = link.family == 4 ? kMaxRelaysV4 : kMaxRelaysV6;
  return have.size() >= most && std::all_of(have.begin(), have.end(), [&](const Link* other) {
           return other->server.kind <= link.server.kind;
         });
}

/// Retires what the newest relay makes superfluous.
void RelayPool::trim(const Link& newest, std::int64_t now) {
  const auto is_sibling = [&](const Link& other) {
    return &other != &newest && other.is_told && other.base.id == newest.base.id &&
           other.family == newest.family;
  };
  for (auto& link : links_) {
    if (!link || !is_sibling(*link)) continue;
    if (link->target == nullptr) {
      link->retire_at = std::min(link->retire_at, now + kGrace);
    } else if (is_same_ip(link->target->server.address, newest.target->server.address)) {
      detach(*link, now + kGrace);
    }
  }
  const std::size_t most = newest.family == 4 ? kMaxRelaysV4 : kMaxRelaysV6;
  if (held(newest.base.id, newest.family).size() <= most) return;
  Link* worst = nullptr;
  for (auto& link : links_)
    if (link && is_sibling(*link) && link->target != nullptr &&
        (worst == nullptr || link->server.kind > worst->server.kind))
      worst = &*link;
  if (worst != nullptr) detach(*worst, now + kGrace);
}

/// The server takes no more requests with the link's credentials: another allocation, with newer ones, while
/// this one lasts.
void RelayPool::replace(LinkId id, std::int64_t now) {
  Link& link = *links_[id];
  Target* target = link.target;
  if (target == nullptr) return;
  const bool has_newer = target->server.credentials != link.server.credentials;
  detach(link, link.client->expires_at());
  if (has_newer) {
    target->due = now;
  } else {
    fail(*target, Failure::refused, "the credentials have run out", now);
  }
}

void RelayPool::on_end(LinkId id, const TurnClient::Ended& ended, std::int64_t now) {
  const Link& link = *links_[id];
  Target* target = link.target;
  const bool was_relay = link.is_told;
  const cw_address server = link.server.address;
  forget(id);
  world_.close(id);
  if (target == nullptr) return;
  if (ended.failure == Failure::redirected) return follow(*target, ended, now);
  if (was_relay) {
    // What is true of streams and UDP is found out anew.
    for (auto& other : targets_) {
      if (other->base.id != target->base.id || !is_same_ip(other->server.address, server)) continue;
      other->tried_since = -1;
      other->is_settled = false;
    }
  }
  fail(*target, ended.failure, ended.reason, now);
  if (was_relay) target->is_settled = false;
}

/// From now on nobody counts on it; it is given back at `retire_at`.
void RelayPool::detach(Link& link, std::int64_t retire_at) {
  if (link.target != nullptr) link.target->link.reset();
  link.target = nullptr;
  link.retire_at = retire_at;
  wake_at(retire_at);
}

void RelayPool::release(LinkId id, std::string_view reason, std::int64_t now) {
  Link& link = *links_[id];
  detach(link, now);
  if (!link.client) {
    forget(id);
    world_.close(id);
    return;
  }
  if (link.is_releasing) return;
  link.is_releasing = true;
  if (std::exchange(link.is_told, false)) {
    world_.publish(id, nullptr);
    world_.lost(id, reason);
  }
  link.client->release(now);
  collect(id, now);
}

void RelayPool::forget(LinkId id) {
  Link& link = *links_[id];
  if (link.target != nullptr) link.target->link.reset();
  if (link.is_told) world_.publish(id, nullptr);
  if (link.client) ended_counters_ += link.client->counters();
  links_[id].reset();
}

ClientCounters RelayPool::counters() const {
  ClientCounters sum = ended_counters_;
  for (const auto& link : links_)
    if (link && link->client) sum += link->client->counters();
  return sum;
}

void RelayPool::wake_at(std::int64_t time) { wake_ = std::min(wake_.value_or(time), time); }

}  // namespace transport_turn
