#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/endpoint.hpp"
#include "protocol/json.hpp"

/// What nodes tell the address server of their paths, and what it makes of all reports (docs/protocol.md §1).
namespace causeway::protocol {

inline constexpr std::size_t kMaxReportedPaths = 64;  // of one report
inline constexpr std::size_t kMaxHints = 16;          // for the paths to one node
inline constexpr std::size_t kMaxReportedTransportBytes = 32;
inline constexpr std::uint32_t kMaxHintScore = 1'000'000;
inline constexpr std::uint32_t kMaxHintConfidence = 1000;

enum class PathState : std::uint8_t {
  valid,     ///< it may be used, and is kept warm
  selected,  ///< it carries the data
  lost,      ///< it worked and does not any more, while another path to the same peer does
};
std::string_view to_string(PathState state);

/// One path, as the node at its one end sees it. Addresses are without ports. Figures that nobody measured
/// are left out.
struct PathReport {
  net::IpAddress peer;   ///< its virtual address
  net::IpAddress local;  ///< of the reporter as the peer sees it; on a relay: the relayed one
  net::IpAddress remote;
  std::string local_type;   ///< host, srflx, prflx or relay
  std::string remote_type;  ///< likewise
  std::string transport;    ///< "udp", "turn-udp", …
  PathState state = PathState::valid;
  std::optional<std::uint32_t> rtt_us = {};
  std::optional<std::uint32_t> jitter_us = {};
  std::uint32_t loss_permille = 0;                     ///< of its newest probes
  std::optional<std::uint64_t> rate_bytes_per_s = {};  ///< the most that it carried of late
  std::uint32_t disconnects = 0;
  std::uint32_t working_s = 0;  ///< for how long it has been valid

  static constexpr std::uint32_t kMaxTimeUs = 60'000'000;
  static constexpr std::uint64_t kMaxRate = 1'000'000'000'000;
  static constexpr std::uint32_t kMaxDisconnects = 1'000'000;
  static constexpr std::uint32_t kMaxWorkingS = 1'000'000'000;

  Json to_json() const;
  static Result<PathReport> parse(const Json& value);
  friend bool operator==(const PathReport&, const PathReport&) = default;
};

/// report. Of each (peer, local, remote) the newest counts; an empty list takes back all that this node
/// reported.
struct ReportParams {
  std::vector<PathReport> paths;  ///< at most kMaxReportedPaths

  Json to_json() const;
  static Result<ReportParams> parse(const Json& params);
};

/// What other nodes found on paths between these blocks.
struct PathHint {
  net::Prefix local;
  net::Prefix remote;
  bool is_local_relay = false;   ///< of relayed paths, by a relay of ours
  bool is_remote_relay = false;  ///< likewise, of the peer's
  std::uint32_t score = 0;       ///< 0..1,000,000
  std::uint32_t confidence = 0;  ///< 0..1000

  Json to_json() const;
  friend bool operator==(const PathHint&, const PathHint&) = default;
};

Json hints_to_json(const std::vector<PathHint>& hints);
/// Entries that are none, and those above kMaxHints, are left out.
std::vector<PathHint> read_hints(const Json& list);

}  // namespace causeway::protocol
