#include "ice/candidate.hpp"
#include "input.hpp"
#include "link/candidate_conversion.hpp"
#include "protocol/candidate.hpp"
#include "protocol/json.hpp"

// A list of candidates as a hostile node writes it, up to what the ICE agent is given.
CAUSEWAY_FUZZ_TARGET(candidates) {
  const auto json = protocol::parse_json(as_text(input.rest()));
  if (!json) return;
  const auto list = protocol::WireCandidateList::parse(*json);
  if (!list) return;
  require(list->candidates.size() <= protocol::kMaxCandidates, "too many candidates");
  const auto given = link::from_wire(list->candidates);
  for (const ice::Candidate& candidate : given) {
    require(ice::is_usable_candidate(candidate), "a candidate that nobody may make us send to");
  }
  require(link::from_wire(link::to_wire(given)).size() == given.size(), "candidates change by being written");
}
