#pragma once

#include <vector>

#include "ice/candidate.hpp"
#include "protocol/candidate.hpp"

/// ICE's candidates to those of messages and back. Only UDP ones cross: a message doesn't tell active from
/// passive TCP.
namespace causeway::link {

/// At most kMaxCandidates, those of the highest priority; foundations and priorities forced into their wire
/// range.
std::vector<protocol::WireCandidate> to_wire(const std::vector<ice::Candidate>& candidates);
std::vector<ice::Candidate> from_wire(const std::vector<protocol::WireCandidate>& candidates);

}  // namespace causeway::link
