#include "stun_source.hpp"

#include <algorithm>
#include <cstring>

#include "server_list.hpp"

namespace candidates_stun {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;

// RFC 8489 §6.2.1: Rc requests, the wait doubles from RTO, the last one is Rm x RTO. Its RTO of 500 ms may be
// chosen smaller where it is known to be safe; NAT mappings of ours carry no load to speak of.
constexpr std::int64_t kRto = 250 * kMillisecond;
constexpr unsigned kRc = 7;
constexpr std::int64_t kRm = 16;
constexpr std::int64_t kTa = 50 * kMillisecond;  // RFC 8445 §14.2: pace of new transactions

// RFC 4787 REQ-5 asks NATs for 120 s, but 30 s are met; RFC 8445 §11 asks for no more than one keepalive per
// 15 s.
constexpr std::int64_t kKeepAliveFrom = 15 * kSecond;
constexpr std::int64_t kKeepAliveTo = 25 * kSecond;
constexpr std::int64_t kRetrySilent = 30 * kSecond;
constexpr std::int64_t kAskAgainAfter = 100 * kMillisecond;  // changes come in bursts: link, address, route

constexpr std::size_t kMaxBases = 32;
constexpr std::size_t kMaxServers = 8;
constexpr std::ptrdiff_t kMaxReportedPerBase = 4;

bool is_link_local(const cw_address& address) {
  return address.family == 6 ? address.octets[0] == 0xfe && (address.octets[1] & 0xc0) == 0x80
                             : address.octets[0] == 169 && address.octets[1] == 254;
}

bool is_loopback(const cw_address& address) {
  if (address.family == 4) return address.octets[0] == 127;
  static constexpr std::uint8_t kLoopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return std::memcmp(address.octets, kLoopback, sizeof kLoopback) == 0;
}

/// An address that somebody could send to. Private ones can: there may be a NAT behind a NAT.
bool is_reachable(const cw_address& address) {
  static constexpr std::uint8_t kZero[16] = {};
  const bool is_multicast = address.family == 4 ? address.octets[0] >= 224 : address.octets[0] == 0xff;
  const bool is_unspecified =
      address.family == 4 ? address.octets[0] == 0 : std::memcmp(address.octets, kZero, sizeof kZero) == 0;
  return address.port != 0 && !is_multicast && !is_unspecified && !is_loopback(address);
}

}  // namespace

void StunSource::set_bases(std::vector<Base> bases, std::int64_t now) {
  if (bases.size() > kMaxBases) bases.resize(kMaxBases);
  bases_ = std::move(bases);
  rebuild(now);
  ask_again(now);
}

void StunSource::set_servers(std::vector<cw_address> servers, std::int64_t now) {
  if (servers.size() > kMaxServers) servers.resize(kMaxServers);
  servers_ = std::move(servers);
  rebuild(now);
}

/// Queries that stay keep their state, so that a new NIC does not disturb the mappings of the others.
void StunSource::rebuild(std::int64_t now) {
  std::vector<Query> next;
  std::int64_t start = now;
  // By server first: one answer for every base comes before the second opinions.
  for (const cw_address& server : servers_) {
    for (const Base& base : bases_) {
      if (base.address.family != server.family || is_link_local(base.address) || is_loopback(base.address))
        continue;
      const auto old = std::find_if(queries_.begin(), queries_.end(), [&](const Query& query) {
        return query.base.id == base.id && is_same(query.base.address, base.address) &&
               is_same(query.server, server);
      });
      if (old != queries_.end()) {
        next.push_back(*old);
        continue;
      }
      Query query;
      query.base = base;
      query.server = server;
      query.due = start;
      start += kTa;
      next.push_back(query);
    }
  }
  queries_ = std::move(next);
  is_done_ = false;
  report_changes();
  on_time(now);
}

/// Being told of the bases means that something of the network changed: what is unanswered, or was answered
/// before, may have another answer. Paced, and not more often than kAskAgainAfter.
void StunSource::ask_again(std::int64_t now) {
  std::int64_t start = now;
  for (Query& query : queries_) {
    if (!query.begun || now - *query.begun < kAskAgainAfter) continue;
    query.requests = 0;
    query.due = start;
    start += kTa;
  }
  on_time(now);
}

void StunSource::on_time(std::int64_t now) {
  for (Query& query : queries_) {
    if (query.due <= now) step(query, now);
  }
  report_changes();
}

void StunSource::step(Query& query, std::int64_t now) {
  if (query.requests == kRc) {
    query.requests = 0;
    query.due = now + kRetrySilent;
    settle(query, std::nullopt);
    return;
  }
  if (query.requests == 0) {
    world_.random(query.id.data(), query.id.size());
    query.begun = now;
  }
  ++query.requests;
  query.due = now + (query.requests == kRc ? kRm * kRto : kRto << (query.requests - 1));
  const auto bytes = encode_binding_request(query.id);
  world_.send(query.base.id, query.server, bytes.data(), bytes.size());
}

void StunSource::on_datagram(std::uint32_t base, const cw_address& from, const std::uint8_t* bytes,
                             std::size_t size, std::int64_t now) {
  const auto response = parse_binding_response(bytes, size);
  if (!response) return;
  const auto query = std::find_if(queries_.begin(), queries_.end(), [&](const Query& candidate) {
    return candidate.requests > 0 && candidate.base.id == base && is_same(candidate.server, from) &&
           candidate.id == response->id;
  });
  if (query == queries_.end()) return;
  query->requests = 0;
  if (response->is_error || !response->mapped) {
    query->due = now + kRetrySilent;
    settle(*query, std::nullopt);
  } else {
    query->due = now + jitter(kKeepAliveFrom, kKeepAliveTo);
    const cw_address& mapped = *response->mapped;
    const bool makes_candidate = mapped.family == query->base.address.family && is_reachable(mapped) &&
                                 !is_same(mapped, query->base.address);  // RFC 8445 §5.1.3: redundant
    settle(*query, makes_candidate ? std::optional(mapped) : std::nullopt);
  }
  report_changes();
}

void StunSource::settle(Query& query, std::optional<cw_address> mapped) {
  query.was_tried = true;
  query.mapped = mapped;
}

bool StunSource::is_reported(std::uint32_t base, const cw_address& address) const {
  return std::any_of(reported_.begin(), reported_.end(), [&](const Report& report) {
    return report.base == base && is_same(report.address, address);
  });
}

/// Brings what was told in line with what the queries know: an address lives while one server confirms it.
void StunSource::report_changes() {
  const auto is_held = [&](const Report& report) {
    return std::any_of(queries_.begin(), queries_.end(), [&](const Query& query) {
      return query.base.id == report.base && query.mapped && is_same(*query.mapped, report.address);
    });
  };
  // New ones first: a changed mapping is never an instant without a candidate.
  const auto split = std::stable_partition(reported_.begin(), reported_.end(), is_held);
  const std::vector<Report> gone(split, reported_.end());
  reported_.erase(split, reported_.end());
  for (const Query& query : queries_) {
    if (!query.mapped || is_reported(query.base.id, *query.mapped)) continue;
    const auto count = std::count_if(reported_.begin(), reported_.end(),
                                     [&](const Report& report) { return report.base == query.base.id; });
    if (count >= kMaxReportedPerBase) continue;
    reported_.push_back({query.base.id, *query.mapped});
    world_.found(query.base.id, *query.mapped);
  }
  for (const Report& report : gone)
    world_.lost(report.base, report.address);

  const bool all_tried =
      std::all_of(queries_.begin(), queries_.end(), [](const Query& q) { return q.was_tried; });
  if (all_tried && !is_done_) {
    is_done_ = true;
    world_.done();
  }
}

std::optional<std::int64_t> StunSource::next_time() const {
  std::optional<std::int64_t> next;
  for (const Query& query : queries_)
    next = std::min(next.value_or(query.due), query.due);
  return next;
}

std::int64_t StunSource::jitter(std::int64_t from, std::int64_t to) {
  std::uint64_t value = 0;
  world_.random(reinterpret_cast<std::uint8_t*>(&value), sizeof value);
  return from + static_cast<std::int64_t>(value % static_cast<std::uint64_t>(to - from));
}

}  // namespace candidates_stun
