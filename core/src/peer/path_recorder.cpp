#include "peer/path_recorder.hpp"

#include <algorithm>
#include <utility>

#include "history/path_figures.hpp"
#include "history/path_key.hpp"

namespace causeway::peer {
namespace {

/// Pairs that fail are looked for in every so many rounds: nothing waits for them.
constexpr unsigned kFailuresEvery = 5;

}  // namespace

std::optional<store::PathKey> PathRecorder::key_of(net::BaseId base, const net::IpAddress& remote) const {
  const auto at = bases_.find(base);
  if (at == bases_.end()) return std::nullopt;
  const LocalBase* nic = &at->second;
  store::PathKey key;
  key.transport = "udp";
  key.remote = history::remote_block(remote);
  if (const auto& relay = at->second.relay) {
    key.transport = relay->transport.substr(0, store::kMaxTransportBytes);
    key.relay = at->second.address.address;
    for (const auto& [id, other] : bases_) {
      if (!other.relay && other.address.address == relay->nic.address) nic = &other;
    }
    // A relay by a NIC that is no base: its address says which network it is on.
    if (nic->relay) {
      key.network = relay->nic.address.to_string();
      return key;
    }
  }
  key.network = history::network_name(nic->interface, nic->on_link, nic->gateway);
  return key;
}

void PathRecorder::observe(const Subject& subject, PeerPaths& paths, const ice::Agent& agent, Traffic traffic,
                           Now now) {
  if (observed_ && now.steady - *observed_ < kEvery) return;
  record(subject, paths, agent, traffic, now);
}

void PathRecorder::finish(const Subject& subject, PeerPaths& paths, const ice::Agent& agent, Traffic traffic,
                          Now now) {
  rounds_ = 0;
  record(subject, paths, agent, traffic, now);
  tracks_.clear();
  failed_.clear();
  observed_.reset();
  carrier_.reset();
}

void PathRecorder::forgive(const PeerPaths& paths) {
  for (auto& [pair, track] : tracks_) {
    if (const auto* entry = paths.find(pair)) track.disconnects = entry->stats.measurements().disconnects;
  }
}

void PathRecorder::record(const Subject& subject, PeerPaths& paths, const ice::Agent& agent, Traffic traffic,
                          Now now) {
  // After a pause of the process nobody knows what worked meanwhile.
  const Duration passed = observed_ ? std::min<Duration>(now.steady - *observed_, 2 * kEvery) : Duration{};
  const Duration window = observed_ ? now.steady - *observed_ : Duration{};
  observed_ = now.steady;

  std::optional<std::uint64_t> rate;
  const auto carrier = std::exchange(carrier_, paths.selected());
  const Traffic before = std::exchange(traffic_, traffic);
  if (carrier && carrier == carrier_ && window >= kEvery / 2) {
    const auto bytes = std::max(traffic.sent - before.sent, traffic.received - before.received);
    rate = static_cast<std::uint64_t>(static_cast<double>(bytes) /
                                      std::chrono::duration<double>(window).count());
    if (auto* entry = paths.find(*carrier)) entry->stats.on_rate(*rate, window);
  }
  if (!subject.store || !subject.identity) return pass_over(paths, agent);

  for (const auto& [pair, entry] : std::as_const(paths).entries()) {
    Track* track = track_of(pair, agent);
    if (!track) continue;
    record_path(subject, *track, entry, passed, now.wall);
    if (rate && *rate > 0 && pair == carrier)
      history::add_rate(subject.store->record(*subject.identity, track->key, now.wall),
                        static_cast<double>(*rate), now.wall);
  }
  if (rounds_++ % kFailuresEvery == 0) record_failures(subject, paths, agent, now.wall);
}

/// A store that comes later learns from then on.
void PathRecorder::pass_over(const PeerPaths& paths, const ice::Agent& agent) {
  for (const auto& [pair, entry] : paths.entries()) {
    Track* track = track_of(pair, agent);
    if (!track) continue;
    track->valid_since = {};
    track->answers = entry.stats.answers();
    track->losses = entry.stats.losses();
    track->disconnects = entry.stats.measurements().disconnects;
  }
}

PathRecorder::Track* PathRecorder::track_of(ice::PairId pair, const ice::Agent& agent) {
  if (const auto known = tracks_.find(pair); known != tracks_.end()) return &known->second;
  const auto view = agent.pair(pair);
  if (!view) return nullptr;
  auto key = key_of(view->local.base, view->remote.address.address);
  if (!key) return nullptr;
  Track& track = tracks_[pair];
  track.key = std::move(*key);
  track.local_type = ice::to_string(view->local.type);
  track.remote_type = ice::to_string(view->remote.type);
  return &track;
}

void PathRecorder::record_path(const Subject& subject, Track& track, const PeerPaths::Entry& entry,
                               Duration passed, WallTime now) const {
  const path::Measurements& measured = entry.stats.measurements();
  const bool is_newly_valid = entry.is_valid && entry.valid_since != track.valid_since;
  const bool is_news = entry.is_valid || entry.stats.answers() != track.answers ||
                       entry.stats.losses() != track.losses || measured.disconnects != track.disconnects;
  if (!is_news) return;
  store::PathRecord& record = subject.store->record(*subject.identity, track.key, now);
  history::add_probes(record, static_cast<double>(entry.stats.answers() - track.answers),
                      static_cast<double>(entry.stats.losses() - track.losses), measured.rtt, measured.jitter,
                      now);
  record.disconnects += measured.disconnects - track.disconnects;
  if (is_newly_valid) record.successes += 1;
  if (entry.is_valid && !entry.is_dead) history::add_working_time(record, passed, now);
  record.local_type = track.local_type;
  record.remote_type = track.remote_type;
  subject.store->set_name(*subject.identity, subject.name);
  if (entry.is_valid) track.valid_since = entry.valid_since;
  track.answers = entry.stats.answers();
  track.losses = entry.stats.losses();
  track.disconnects = measured.disconnects;
}

/// Where nothing worked the peer was not there, and its paths are not to blame.
void PathRecorder::record_failures(const Subject& subject, const PeerPaths& paths, const ice::Agent& agent,
                                   WallTime now) {
  if (tracks_.empty()) return;
  for (const ice::PairView& pair : agent.pairs()) {
    if (pair.state != ice::PairState::failed || paths.find(pair.id)) continue;
    auto key = key_of(pair.local.base, pair.remote.address.address);
    if (!key || std::find(failed_.begin(), failed_.end(), *key) != failed_.end()) continue;
    const bool has_worked = std::any_of(tracks_.begin(), tracks_.end(),
                                        [&](const auto& item) { return item.second.key == *key; });
    if (has_worked) continue;
    store::PathRecord& record = subject.store->record(*subject.identity, *key, now);
    history::fade(record, now);
    record.failures += 1;
    record.local_type = ice::to_string(pair.local.type);
    record.remote_type = ice::to_string(pair.remote.type);
    subject.store->set_name(*subject.identity, subject.name);
    failed_.push_back(std::move(*key));
  }
}

}  // namespace causeway::peer
