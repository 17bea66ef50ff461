#include "node/path_report.hpp"

#include <nlohmann/json.hpp>

namespace causeway::node {
namespace {

using Json = nlohmann::json;

std::vector<path::PeerOpinion::OurPair> named_pairs(const peer::Peer& peer) {
  return peer.agent() ? peer.paths().named_pairs(*peer.agent()) : std::vector<path::PeerOpinion::OurPair>{};
}

}  // namespace

Json orders_report(const peer::Peer& peer, Now now) {
  const auto row = [](const net::Endpoint& local, const net::Endpoint& remote, bool vetoed) {
    return Json{{"local", local.to_string()}, {"remote", remote.to_string()}, {"vetoed", vetoed}};
  };
  Json own = Json::array();
  if (peer.agent()) {
    for (const path::OrderedPair& pair : peer.paths().order_to_tell(*peer.agent()))
      own.push_back(row(pair.local, pair.remote, pair.vetoed));
  }
  Json theirs = nullptr;
  const path::PeerOpinion& opinion = peer.paths().opinion();
  if (opinion.order()) {
    theirs = Json::array();
    for (const path::OrderedPair& pair : opinion.order()->pairs)
      theirs.push_back(row(pair.remote, pair.local, pair.vetoed));
  }
  return {{"own", std::move(own)},
          {"peer", std::move(theirs)},
          {"standing", path::to_string(opinion.standing(named_pairs(peer), now.steady))},
          {"enabled", peer.path_control().is_enabled()}};
}

void add_path_facts(Json& row, const peer::Peer& peer, const ice::PairView& pair, Now now) {
  const auto id = static_cast<std::uint32_t>(pair.id);
  const auto own_place = peer.paths().own_order().place_of(id);
  const auto places = peer.paths().opinion().places(named_pairs(peer), now.steady);
  const auto place = places.find(id);
  const bool is_placed = place != places.end() && own_place.has_value();
  row["own_place"] = own_place ? Json(*own_place) : Json(nullptr);
  row["peer_place"] = is_placed ? Json(place->second.place) : Json(nullptr);
  row["peer_vetoed"] = is_placed && place->second.vetoed;
  const auto* entry = peer.paths().find(pair.id);
  row["dead"] = entry && entry->is_dead;
  row["deaths"] = entry ? entry->deaths : 0u;
  row["mtu"] = entry ? Json(entry->mtu.mtu()) : Json(nullptr);
  row["mtu_proven"] = entry && entry->mtu.is_proven();
}

}  // namespace causeway::node
