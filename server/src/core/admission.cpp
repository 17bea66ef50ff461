#include "server/src/core/admission.hpp"

#include <algorithm>

namespace causeway::server {

std::string_view to_string(Admission admission) {
  switch (admission) {
    case Admission::admitted:
      return "admitted";
    case Admission::too_fast:
      return "too many new connections from this source";
    case Admission::source_full:
      return "too many unauthenticated connections from this source";
    case Admission::strangers_full:
      return "too many unauthenticated connections";
    case Admission::server_full:
      return "too many connections";
  }
  return "refused";
}

AdmissionControl::AdmissionControl(std::size_t most_connections) : most_connections_(most_connections) {}

Admission AdmissionControl::open(const net::IpAddress& address, SteadyTime now) {
  if (connections_ >= most_connections_) return Admission::server_full;
  // A tenth of the limit, but never less than one source may have: small limits would lock everybody out.
  if (strangers_ >= std::max(most_connections_ / 10, kStrangersPerSource)) return Admission::strangers_full;
  Source* source = find(address, now);
  if (!source || !source->opens.take(now)) return Admission::too_fast;
  if (source->strangers >= kStrangersPerSource) return Admission::source_full;
  ++source->strangers;
  ++strangers_;
  ++connections_;
  return Admission::admitted;
}

void AdmissionControl::authenticated(const net::IpAddress& address) {
  const auto found = sources_.find(key_of(address));
  if (found != sources_.end() && found->second.strangers > 0) --found->second.strangers;
  if (strangers_ > 0) --strangers_;
}

void AdmissionControl::closed(const net::IpAddress& address, bool was_authenticated) {
  if (!was_authenticated) authenticated(address);
  if (connections_ > 0) --connections_;
}

void AdmissionControl::failed(const net::IpAddress& address, SteadyTime now) {
  if (Source* source = find(address, now)) source->failures.take(now);
}

std::uint32_t AdmissionControl::wait_before_trying_ms(const net::IpAddress& address, SteadyTime now) {
  Source* source = find(address, now);
  if (!source) return 1000;
  return source->failures.has_one(now) ? 0 : source->failures.wait_ms();
}

void AdmissionControl::sweep(SteadyTime now) {
  swept_ = now;
  for (auto entry = sources_.begin(); entry != sources_.end();) {
    Source& source = entry->second;
    const bool as_new = source.strangers == 0 && source.opens.is_full(now) && source.failures.is_full(now);
    entry = as_new ? sources_.erase(entry) : std::next(entry);
  }
}

net::IpAddress AdmissionControl::key_of(const net::IpAddress& source) {
  return source.is_v4() ? source : net::Prefix::containing(source, 64).address;
}

AdmissionControl::Source* AdmissionControl::find(const net::IpAddress& address, SteadyTime now) {
  const auto key = key_of(address);
  if (const auto found = sources_.find(key); found != sources_.end()) return &found->second;
  // Once a second at most: a flood from many sources must not make each of them pay for a walk over all.
  if (sources_.size() >= kMaxSources && now - swept_ >= 1s) sweep(now);
  if (sources_.size() >= kMaxSources) return nullptr;
  return &sources_
              .emplace(key, Source{TokenBucket(kOpensPerSecond, kOpenBurst, now),
                                   TokenBucket(kFailuresPerSecond, kFailureBurst, now)})
              .first->second;
}

}  // namespace causeway::server
