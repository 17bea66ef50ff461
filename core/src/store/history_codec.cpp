#include "store/history_codec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "store/object_reader.hpp"

namespace causeway::store {
namespace {

using Json = nlohmann::json;

/// More than any count, duration or rate can be; far from where doubles lose whole numbers.
constexpr double kMostFigure = 1e15;
/// The year 2200.
constexpr std::uint64_t kLatest = 7'258'118'400;
constexpr std::size_t kMaxPeerNameBytes = 256;

std::uint64_t seconds(WallTime at) {
  const auto count = std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
  return count < 0 ? 0 : std::min(static_cast<std::uint64_t>(count), kLatest);
}

WallTime read_time(ObjectReader& object, const char* name) {
  return WallTime(std::chrono::seconds(object.number(name, kLatest)));
}

/// Short and printable: it goes to terminals.
std::string read_text(ObjectReader& object, const char* name, std::size_t most) {
  std::string text = object.text(name);
  const bool is_printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c != 0x7f; });
  if (text.size() > most || !is_printable) throw BadMember{name};
  return text;
}

std::string read_type(ObjectReader& object, const char* name) {
  std::string type = object.text(name);
  for (const char* known : {"host", "srflx", "prflx", "relay"}) {
    if (type == known) return type;
  }
  throw BadMember{name};
}

PathRecord read_path(const Json& json) {
  ObjectReader object(json, "paths");
  PathRecord path;
  path.key.network = read_text(object, "network", kMaxNetworkNameBytes);
  path.key.transport = read_text(object, "transport", kMaxTransportBytes);
  path.key.relay = parse_optional<net::IpAddress>(object, "relay");
  path.key.remote = parse_or_throw<net::Prefix>(object.text("remote"), "remote");
  path.local_type = read_type(object, "local_type");
  path.remote_type = read_type(object, "remote_type");
  path.updated = read_time(object, "updated");
  path.worked = read_time(object, "worked");
  path.answers = object.figure("answers", kMostFigure);
  path.losses = object.figure("losses", kMostFigure);
  path.rtt_us = object.figure("rtt_us", kMostFigure);
  path.jitter_us = object.figure("jitter_us", kMostFigure);
  path.rate_bytes_per_s = object.figure("rate_bytes_per_s", kMostFigure);
  path.successes = object.figure("successes", kMostFigure);
  path.failures = object.figure("failures", kMostFigure);
  path.disconnects = object.figure("disconnects", kMostFigure);
  path.working_s = object.figure("working_s", kMostFigure);
  object.finish();
  return path;
}

PeerHistory read_peer(const Json& json) {
  ObjectReader object(json, "history");
  PeerHistory peer;
  const auto identity = crypto::IdentityPublicKey::from_base64(object.text("identity"));
  if (!identity) throw BadMember{"identity"};
  peer.identity = *identity;
  peer.name = read_text(object, "name", kMaxPeerNameBytes);
  const Json& paths = object.member("paths");
  if (!paths.is_array() || paths.size() > kMaxHistoryPathsPerPeer) throw BadMember{"paths"};
  for (const Json& entry : paths) {
    PathRecord path = read_path(entry);
    const bool is_twice = std::any_of(peer.paths.begin(), peer.paths.end(),
                                      [&](const PathRecord& other) { return other.key == path.key; });
    if (is_twice) throw BadMember{"paths"};
    peer.paths.push_back(std::move(path));
  }
  object.finish();
  return peer;
}

double figure(double value) { return std::clamp(value, 0.0, kMostFigure); }

Json to_json(const PathRecord& path) {
  return {{"network", path.key.network},
          {"transport", path.key.transport},
          {"relay", path.key.relay ? Json(path.key.relay->to_string()) : Json(nullptr)},
          {"remote", path.key.remote.to_string()},
          {"local_type", path.local_type},
          {"remote_type", path.remote_type},
          {"updated", seconds(path.updated)},
          {"worked", seconds(path.worked)},
          {"answers", figure(path.answers)},
          {"losses", figure(path.losses)},
          {"rtt_us", figure(path.rtt_us)},
          {"jitter_us", figure(path.jitter_us)},
          {"rate_bytes_per_s", figure(path.rate_bytes_per_s)},
          {"successes", figure(path.successes)},
          {"failures", figure(path.failures)},
          {"disconnects", figure(path.disconnects)},
          {"working_s", figure(path.working_s)}};
}

}  // namespace

Json encode(const std::vector<PeerHistory>& history) {
  Json list = Json::array();
  for (const PeerHistory& peer : history) {
    Json paths = Json::array();
    for (const PathRecord& path : peer.paths)
      paths.push_back(to_json(path));
    list.push_back(
        {{"identity", peer.identity.to_base64()}, {"name", peer.name}, {"paths", std::move(paths)}});
  }
  return list;
}

Result<std::vector<PeerHistory>> decode_history(const Json& content) {
  try {
    if (!content.is_array() || content.size() > kMaxHistoryPeers) throw BadMember{"history"};
    std::vector<PeerHistory> history;
    std::set<crypto::IdentityPublicKey> seen;
    std::size_t paths = 0;
    for (const Json& entry : content) {
      history.push_back(read_peer(entry));
      paths += history.back().paths.size();
      if (paths > kMaxHistoryPaths || !seen.insert(history.back().identity).second)
        throw BadMember{"history"};
    }
    return history;
  } catch (const BadMember& bad) {
    return Error{fmt::format("\"{}\" is missing or not as causewayd writes it", bad.name)};
  }
}

}  // namespace causeway::store
