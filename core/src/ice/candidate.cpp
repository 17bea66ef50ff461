#include "ice/candidate.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace causeway::ice {
namespace {

constexpr std::array<std::pair<CandidateType, std::string_view>, 4> kTypeNames{{
    {CandidateType::host, "host"},
    {CandidateType::peer_reflexive, "prflx"},
    {CandidateType::server_reflexive, "srflx"},
    {CandidateType::relayed, "relay"},
}};

/// RFC 8445 §5.1.2.2.
std::uint32_t type_preference(CandidateType type) {
  switch (type) {
    case CandidateType::host:
      return 126;
    case CandidateType::peer_reflexive:
      return 110;
    case CandidateType::server_reflexive:
      return 100;
    case CandidateType::relayed:
      break;
  }
  return 0;
}

}  // namespace

std::string_view to_string(CandidateType type) {
  for (const auto& [value, name] : kTypeNames) {
    if (value == type) return name;
  }
  return "unknown";
}

std::optional<CandidateType> parse_candidate_type(std::string_view text) {
  for (const auto& [value, name] : kTypeNames) {
    if (name == text) return value;
  }
  return std::nullopt;
}

std::uint32_t recommended_priority(CandidateType type, std::uint16_t local_preference) {
  constexpr std::uint32_t kComponent = 1;
  return type_preference(type) << 24 | std::uint32_t{local_preference} << 8 | (256 - kComponent);
}

std::uint32_t peer_reflexive_priority(std::uint32_t base_priority) {
  return type_preference(CandidateType::peer_reflexive) << 24 | (base_priority & 0x00ffffff);
}

std::uint64_t pair_priority(std::uint32_t controlling, std::uint32_t controlled) {
  const std::uint64_t low = std::min(controlling, controlled);
  const std::uint64_t high = std::max(controlling, controlled);
  return (low << 32) + 2 * high + (controlling > controlled ? 1 : 0);
}

bool is_usable_candidate(const Candidate& candidate) {
  // RFC 6544 §4.5: an active TCP candidate has no port of its own; the discard port stands there.
  const bool has_port = candidate.address.port != 0 || candidate.protocol == TransportProtocol::tcp_active;
  return has_port && candidate.address.address.is_usable_unicast() && candidate.priority >= 1 &&
         candidate.priority <= kMaxPriority;
}

}  // namespace causeway::ice
