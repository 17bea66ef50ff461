#include "node/path_reporter.hpp"

#include <algorithm>
#include <utility>

namespace causeway::node {
namespace {

using protocol::PathReport;
using protocol::PathState;

std::uint32_t microseconds(Duration time) {
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 0, PathReport::kMaxTimeUs));
}

/// As a word that the server takes.
std::string transport_of(net::BaseId base, const peer::LocalBases& bases) {
  const auto at = bases.find(base);
  if (at == bases.end() || !at->second.relay || at->second.relay->transport.empty()) return "udp";
  return at->second.relay->transport.substr(0, protocol::kMaxReportedTransportBytes);
}

PathReport report_of(const peer::Peer& peer, const ice::PairView& pair, const peer::PeerPaths::Entry& entry,
                     const peer::LocalBases& bases, SteadyTime now) {
  PathReport report;
  report.peer = peer.description().virtual_address;
  report.local = pair.local.address.address;
  report.remote = pair.remote.address.address;
  report.local_type = ice::to_string(pair.local.type);
  report.remote_type = ice::to_string(pair.remote.type);
  report.transport = transport_of(entry.base, bases);
  const bool works = entry.is_valid && !entry.is_dead;
  report.state = !works                               ? PathState::lost
                 : peer.paths().selected() == pair.id ? PathState::selected
                                                      : PathState::valid;
  const path::Measurements& measured = entry.stats.measurements();
  if (measured.rtt) report.rtt_us = microseconds(*measured.rtt);
  if (measured.jitter) report.jitter_us = microseconds(*measured.jitter);
  report.loss_permille = static_cast<std::uint32_t>(std::clamp(measured.loss * 1000 + 0.5, 0.0, 1000.0));
  if (measured.rate_bytes_per_s)
    report.rate_bytes_per_s = std::min(*measured.rate_bytes_per_s, PathReport::kMaxRate);
  report.disconnects = std::min(measured.disconnects, PathReport::kMaxDisconnects);
  const auto worked = works ? std::chrono::floor<std::chrono::seconds>(now - entry.valid_since).count() : 0;
  report.working_s =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(worked, 0, PathReport::kMaxWorkingS));
  return report;
}

bool is_reported(const peer::Peer& peer) {
  return peer.description().kind == session::PeerKind::causeway && peer.agent() && peer.paths().selected() &&
         peer.state() == peer::PeerState::connected;
}

}  // namespace

std::vector<PathReport> reports_of(const peer::Peer& peer, const peer::LocalBases& bases, SteadyTime now,
                                   std::size_t most) {
  std::vector<PathReport> reports;
  if (!is_reported(peer)) return reports;
  for (const auto& [id, entry] : peer.paths().entries()) {
    const auto pair = peer.agent()->pair(id);
    if (!pair || !pair->local.address.address.is_usable_unicast() ||
        !pair->remote.address.address.is_usable_unicast())
      continue;
    reports.push_back(report_of(peer, *pair, entry, bases, now));
  }
  const auto place = [](const PathReport& report) {
    return report.state == PathState::selected ? 0 : report.state == PathState::valid ? 1 : 2;
  };
  std::stable_sort(reports.begin(), reports.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  // Ports are not told: of pairs that differ by them alone the better one stands for all.
  std::vector<PathReport> distinct;
  for (PathReport& report : reports) {
    const bool is_told = std::any_of(distinct.begin(), distinct.end(), [&](const PathReport& other) {
      return other.local == report.local && other.remote == report.remote;
    });
    if (!is_told && distinct.size() < most) distinct.push_back(std::move(report));
  }
  return distinct;
}

Duration PathReporter::about(Duration time) {
  return time * 3 / 4 + Duration(random_.below(static_cast<std::uint64_t>((time / 2).count())));
}

void PathReporter::wake_at(SteadyTime time) {
  if (!is_registered_) return;
  time = std::max(time, not_before_);
  if (!at_ || time < *at_) at_ = time;
}

void PathReporter::on_registered(SteadyTime now) {
  is_registered_ = true;
  not_before_ = now + Duration(random_.below(static_cast<std::uint64_t>(kReturn.count())));
  at_.reset();
  for (auto& [id, told] : told_)
    told.due = not_before_;
  if (!told_.empty()) wake_at(not_before_);
}

void PathReporter::stop() {
  is_registered_ = false;
  at_.reset();
}

void PathReporter::look_at(const peer::Peer& peer, SteadyTime now) {
  const auto selected = is_reported(peer) ? peer.paths().selected() : std::nullopt;
  const auto known = told_.find(peer.id());
  if (known == told_.end() && !selected) return;
  if (!selected) {
    told_.erase(known);
    return;
  }
  if (known != told_.end() && known->second.selected == selected) return;
  const SteadyTime due = now + about(kSettle);
  Told& told = told_[peer.id()];
  told.selected = selected;
  told.due = due;
  wake_at(due);
}

std::vector<PathReport> PathReporter::take(const Peers& peers, const peer::LocalBases& bases,
                                           SteadyTime now) {
  std::vector<PathReport> reports;
  if (!at_ || *at_ > now) return reports;
  at_.reset();
  not_before_ = now + kBetween;
  // Who has waited longest first: there may be more than one report can hold.
  std::vector<std::pair<SteadyTime, dataplane::PeerId>> due;
  for (const auto& [id, told] : told_)
    due.emplace_back(told.due, id);
  std::sort(due.begin(), due.end());
  for (const auto& [time, id] : due) {
    const auto peer = peers.find(id);
    if (time > now || peer == peers.end()) continue;
    auto of_peer = reports_of(*peer->second, bases, now, kMostPathsOfPeer);
    if (reports.size() + of_peer.size() > protocol::kMaxReportedPaths) break;
    told_[id].due = now + about(kEvery);
    std::move(of_peer.begin(), of_peer.end(), std::back_inserter(reports));
  }
  for (const auto& [id, told] : told_)
    wake_at(told.due);
  return reports;
}

}  // namespace causeway::node
