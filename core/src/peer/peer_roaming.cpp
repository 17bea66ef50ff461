// What a change of this machine's network, or a sleep, means for one peer (spec V7).

#include "peer/peer.hpp"
#include "session/limits.hpp"

namespace causeway::peer {

void Peer::on_network_changed(Duration away, Now now) {
  if (state_ == PeerState::blocked) return;
  // Keys grow old while we sleep (whitepaper §6.2: no key is used for longer than this), and the peer has
  // forgotten them by then.
  if (away >= session::kRejectAfterTime && agreed_) forget_session(now);
  if (agent_) {
    if (away >= context_.ice.consent_timeout) {
      agent_->expire_consent(now);
      obey_agent(now);
      recorder_.forgive(paths_);
    }
    for (const ice::PairView& pair : agent_->pairs()) {
      if (pair.is_valid || pair.was_valid) agent_->probe(pair.id, now);
    }
    add_remembered_paths(now);
    rechecked_at_.reset();
    recheck_if_cut_off(now);
  }
  if (away >= session::kRejectAfterTime && state_ == PeerState::connected) request_session(now);
  run(now);
}

}  // namespace causeway::peer
