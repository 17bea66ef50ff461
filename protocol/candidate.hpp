#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/endpoint.hpp"
#include "protocol/json.hpp"

namespace causeway::protocol {

inline constexpr std::size_t kMaxCandidates = 32;
inline constexpr std::uint32_t kMaxPriority = 0x7fffffff;  ///< RFC 8445 §5.1.2: 1 to 2**31 - 1

/// A candidate as messages carry it. Types are text here, so that a server passes on what it does not know
/// how to use.
struct WireCandidate {
  std::string type;      ///< host, srflx, prflx or relay
  std::string protocol;  ///< udp or tcp
  net::Endpoint address;
  std::string foundation;  ///< 1 to 32 ice-chars
  std::uint32_t priority = 1;

  Json to_json() const;
  static Result<WireCandidate> parse(const Json& value);
  friend bool operator==(const WireCandidate&, const WireCandidate&) = default;
};

/// Entries that are no usable candidate (malformed, loopback, multicast, port 0 …) are dropped and counted; a
/// list that is no array or longer than kMaxCandidates is refused as a whole.
struct WireCandidateList {
  std::vector<WireCandidate> candidates;
  std::size_t dropped = 0;

  static Result<WireCandidateList> parse(const Json& value);
};

Json candidates_to_json(const std::vector<WireCandidate>& candidates);

}  // namespace causeway::protocol
