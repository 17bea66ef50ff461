#include "protocol/path_report.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/members.hpp"

namespace causeway::protocol {
namespace {

constexpr std::array<std::string_view, 4> kTypes{"host", "srflx", "prflx", "relay"};

Result<std::string> read_type(const Json& object, std::string_view key) {
  auto type = get_string(object, key);
  if (!type || std::find(kTypes.begin(), kTypes.end(), *type) == kTypes.end())
    return bad_member(key, "host, srflx, prflx or relay");
  return success(std::move(*type));
}

Result<PathState> read_state(const Json& object) {
  const auto told = get_string(object, "state").value_or("");
  for (const auto state : {PathState::valid, PathState::selected, PathState::lost}) {
    if (told == to_string(state)) return state;
  }
  return bad_member("state", "valid, selected or lost");
}

/// Missing is what `figure` was before.
template <class Figure>
Result<void> read_figure(const Json& object, std::string_view key, std::uint64_t most, Figure& figure) {
  if (!find_member(object, key)) return {};
  const auto read = get_integer<std::uint64_t>(object, key, 0, static_cast<std::int64_t>(most));
  if (!read) return bad_member(key, "a number from 0 to " + std::to_string(most));
  if constexpr (std::is_integral_v<Figure>) {
    figure = static_cast<Figure>(*read);
  } else {
    figure = static_cast<typename Figure::value_type>(*read);
  }
  return {};
}

std::optional<PathHint> read_hint(const Json& value) {
  const auto local = net::Prefix::parse(get_string(value, "local").value_or(""));
  const auto remote = net::Prefix::parse(get_string(value, "remote").value_or(""));
  const auto score = get_integer<std::uint32_t>(value, "score", 0, kMaxHintScore);
  const auto confidence = get_integer<std::uint32_t>(value, "confidence", 0, kMaxHintConfidence);
  if (!local || !remote || !score || !confidence) return std::nullopt;
  return PathHint{*local,
                  *remote,
                  get_string(value, "local_type") == "relay",
                  get_string(value, "remote_type") == "relay",
                  *score,
                  *confidence};
}

}  // namespace

std::string_view to_string(PathState state) {
  switch (state) {
    case PathState::valid:
      return "valid";
    case PathState::selected:
      return "selected";
    case PathState::lost:
      return "lost";
  }
  return "valid";
}

Json PathReport::to_json() const {
  Json value{{"peer", peer.to_string()},  {"local", local.to_string()},     {"remote", remote.to_string()},
             {"local_type", local_type},  {"remote_type", remote_type},     {"transport", transport},
             {"state", to_string(state)}, {"loss_permille", loss_permille}, {"disconnects", disconnects},
             {"working_s", working_s}};
  if (rtt_us) value["rtt_us"] = *rtt_us;
  if (jitter_us) value["jitter_us"] = *jitter_us;
  if (rate_bytes_per_s) value["rate_bytes_per_s"] = *rate_bytes_per_s;
  return value;
}

Result<PathReport> PathReport::parse(const Json& value) {
  PathReport made;
  for (const auto& [key, address] :
       {std::pair{"peer", &made.peer}, std::pair{"local", &made.local}, std::pair{"remote", &made.remote}}) {
    const auto read = read_virtual_address(value, key);
    if (!read) return read.error();
    *address = *read;
  }
  for (const auto& [key, type] :
       {std::pair{"local_type", &made.local_type}, std::pair{"remote_type", &made.remote_type}}) {
    auto read = read_type(value, key);
    if (!read) return read.error();
    *type = std::move(*read);
  }
  const auto is_printable = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
  made.transport = get_string(value, "transport").value_or("");
  if (made.transport.empty() || made.transport.size() > kMaxReportedTransportBytes ||
      !std::all_of(made.transport.begin(), made.transport.end(), is_printable))
    return bad_member("transport", "a word");
  const auto state = read_state(value);
  if (!state) return state.error();
  made.state = *state;
  for (const auto& read : {read_figure(value, "rtt_us", kMaxTimeUs, made.rtt_us),
                           read_figure(value, "jitter_us", kMaxTimeUs, made.jitter_us),
                           read_figure(value, "loss_permille", 1000, made.loss_permille),
                           read_figure(value, "rate_bytes_per_s", kMaxRate, made.rate_bytes_per_s),
                           read_figure(value, "disconnects", kMaxDisconnects, made.disconnects),
                           read_figure(value, "working_s", kMaxWorkingS, made.working_s)}) {
    if (!read) return read.error();
  }
  return made;
}

Json ReportParams::to_json() const {
  Json params{{"paths", Json::array()}};
  for (const PathReport& path : paths)
    params["paths"].push_back(path.to_json());
  return params;
}

Result<ReportParams> ReportParams::parse(const Json& params) {
  const Json* paths = get_array(params, "paths");
  if (!paths) return bad_member("paths", "an array of paths");
  if (paths->size() > kMaxReportedPaths)
    return Error{"paths: more than " + std::to_string(kMaxReportedPaths)};
  ReportParams made;
  for (const Json& entry : *paths) {
    auto path = PathReport::parse(entry);
    if (!path) return path.error();
    made.paths.push_back(std::move(*path));
  }
  return made;
}

Json PathHint::to_json() const {
  Json value{{"local", local.to_string()},
             {"remote", remote.to_string()},
             {"score", score},
             {"confidence", confidence}};
  if (is_local_relay) value["local_type"] = "relay";
  if (is_remote_relay) value["remote_type"] = "relay";
  return value;
}

Json hints_to_json(const std::vector<PathHint>& hints) {
  Json list = Json::array();
  for (const PathHint& hint : hints)
    list.push_back(hint.to_json());
  return list;
}

std::vector<PathHint> read_hints(const Json& list) {
  std::vector<PathHint> hints;
  if (!list.is_array()) return hints;
  for (const Json& entry : list) {
    if (hints.size() >= kMaxHints) break;
    if (auto hint = read_hint(entry)) hints.push_back(*hint);
  }
  return hints;
}

}  // namespace causeway::protocol
