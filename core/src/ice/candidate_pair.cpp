#include "ice/candidate_pair.hpp"

namespace causeway::ice {

std::string_view to_string(PairState state) {
  switch (state) {
    case PairState::frozen:
      return "frozen";
    case PairState::waiting:
      return "waiting";
    case PairState::in_progress:
      return "in-progress";
    case PairState::succeeded:
      return "succeeded";
    case PairState::failed:
      break;
  }
  return "failed";
}

TransportProtocol counterpart(TransportProtocol local) {
  switch (local) {
    case TransportProtocol::tcp_active:
      return TransportProtocol::tcp_passive;
    case TransportProtocol::tcp_passive:
      return TransportProtocol::tcp_active;
    case TransportProtocol::udp:
    case TransportProtocol::tcp_simultaneous_open:
      break;
  }
  return local;
}

bool can_pair(const Candidate& local, const Candidate& remote) {
  const net::IpAddress& ours = local.base_address.address;
  const net::IpAddress& theirs = remote.address.address;
  // A relayed candidate's base may be of another family than its server's side: the relayed address counts.
  const net::IpAddress& sends = local.type == CandidateType::relayed ? local.address.address : ours;
  if (sends.family() != theirs.family() || counterpart(local.protocol) != remote.protocol) return false;
  return sends.is_v4() || sends.is_link_local() == theirs.is_link_local();
}

PairView CandidatePair::view(bool is_nominated) const {
  PairView made;
  made.id = id;
  made.local = mapped.value_or(local);
  made.remote = remote;
  made.state = state;
  made.priority = priority;
  made.is_valid = is_valid;
  made.was_valid = was_valid;
  made.is_nominated = is_nominated;
  made.rtt = rtt;
  made.answered = answered;
  made.valid_since = valid_since;
  return made;
}

}  // namespace causeway::ice
