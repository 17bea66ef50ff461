#include "link/candidate_conversion.hpp"

#include <algorithm>

#include "protocol/name.hpp"

namespace causeway::link {

std::vector<protocol::WireCandidate> to_wire(const std::vector<ice::Candidate>& candidates) {
  std::vector<protocol::WireCandidate> wire;
  for (const ice::Candidate& candidate : candidates) {
    // A list that holds an unusable address could be refused as a whole.
    if (candidate.protocol != ice::TransportProtocol::udp || candidate.address.port == 0 ||
        !candidate.address.address.is_usable_unicast()) {
      continue;
    }
    wire.push_back({std::string(ice::to_string(candidate.type)), "udp", candidate.address,
                    protocol::is_ice_chars(candidate.foundation, 1, 32) ? candidate.foundation : "1",
                    std::clamp<std::uint32_t>(candidate.priority, 1, protocol::kMaxPriority)});
  }
  std::stable_sort(wire.begin(), wire.end(),
                   [](const auto& a, const auto& b) { return a.priority > b.priority; });
  if (wire.size() > protocol::kMaxCandidates) wire.resize(protocol::kMaxCandidates);
  return wire;
}

std::vector<ice::Candidate> from_wire(const std::vector<protocol::WireCandidate>& candidates) {
  std::vector<ice::Candidate> made;
  for (const protocol::WireCandidate& wire : candidates) {
    const auto type = ice::parse_candidate_type(wire.type);
    if (!type || wire.protocol != "udp") continue;
    ice::Candidate candidate;
    candidate.type = *type;
    candidate.address = wire.address;
    candidate.foundation = wire.foundation;
    candidate.priority = wire.priority;
    made.push_back(std::move(candidate));
  }
  return made;
}

}  // namespace causeway::link
