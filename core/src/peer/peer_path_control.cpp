#include "peer/peer.hpp"

namespace causeway::peer {

void Peer::on_path_message(const dataplane::PathMessageReceived&, Now now) { run(now); }

}  // namespace causeway::peer
