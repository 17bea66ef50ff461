#include <nlohmann/json.hpp>

#include "node/node_report.hpp"

namespace causeway::node {
namespace {

using Json = nlohmann::json;

const char* list_state(const store::Friend& known) {
  if (!known.listed) return "not listed";
  return known.mutual ? "mutual" : "waiting";
}

/// The peer of this identity; null if there is none now.
const peer::Peer* peer_of(const Node& node, const crypto::IdentityPublicKey& identity) {
  for (const auto& [id, peer] : node.peers()) {
    if (peer->description().identity == identity) return peer.get();
  }
  return nullptr;
}

Json pin_report(const Node& node, const store::Friend& known, const store::Pin& pin) {
  const peer::Peer* peer = peer_of(node, pin.identity);
  bool is_given = pin.given;
  for (const store::Pin& other : known.pins)
    is_given |= other.given && other.identity == pin.identity;
  return {{"name", pin.name},
          {"virtual_address", pin.address ? Json(pin.address->to_string()) : Json(nullptr)},
          {"identity", pin.identity.to_base64()},
          {"pinned", is_given ? "by key" : "on first sight"},
          {"state", peer ? Json(peer::to_string(peer->state())) : Json(nullptr)},
          {"reason", peer ? peer->state_reason() : ""}};
}

/// A node that stands in the place of a friend's, so that `causeway friends` shows why there is silence.
Json impostor_report(const peer::Peer& peer) {
  const auto& description = peer.description();
  return {{"name", description.name},
          {"virtual_address", description.virtual_address.to_string()},
          {"identity", description.identity ? Json(description.identity->to_base64()) : Json(nullptr)},
          {"pinned", "no"},
          {"state", peer::to_string(peer.state())},
          {"reason", peer.state_reason()}};
}

bool is_shown_elsewhere(const store::Friend& known, const store::Pin& pin) {
  if (!pin.given) return false;
  for (const store::Pin& other : known.pins) {
    if (!other.given && other.identity == pin.identity) return true;
  }
  return false;
}

}  // namespace

Json friend_report(const Node& node, const store::Friend& known) {
  Json nodes = Json::array();
  for (const store::Pin& pin : known.pins) {
    if (!is_shown_elsewhere(known, pin)) nodes.push_back(pin_report(node, known, pin));
  }
  for (const auto& [id, peer] : node.peers()) {
    if (peer->state() == peer::PeerState::blocked && peer->description().user == known.user)
      nodes.push_back(impostor_report(*peer));
  }
  return {{"name", known.user},
          {"state", list_state(known)},
          {"listed", known.listed},
          {"mutual", known.listed && known.mutual},
          {"nodes", std::move(nodes)}};
}

Json friends_report(const Node& node) {
  Json list = Json::array();
  for (const store::Friend& known : node.friends().state().friends)
    list.push_back(friend_report(node, known));
  return list;
}

}  // namespace causeway::node
