// `causeway explain PEER`: why this path, and what would make it another one.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/node_report.hpp"
#include "node/path_report.hpp"
#include "path/path_selector.hpp"

namespace causeway::node {
namespace {

using Json = nlohmann::json;

Json milliseconds(std::optional<Duration> duration) {
  return duration ? Json(to_milliseconds(*duration)) : Json(nullptr);
}

std::string thousands(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (auto at = static_cast<int>(digits.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

/// What keeps a path that is not in use from being it. `row` and `in_use` have what add_path_facts() says.
struct Rival {
  const Json& row;
  const peer::PeerPaths::Entry& entry;
  bool is_withdrawn = false;
};

double seconds_of_dwell_left(const peer::Peer& peer, Now now) {
  const auto since = peer.paths().selected_since();
  if (!since) return 0;
  return std::max(0.0, std::chrono::duration<double>(*since + path::kMinimumDwell - now.steady).count());
}

/// For a path that works and is not in use, by the rules of select_path() in their order.
std::string what_it_takes(const peer::Peer& peer, const Rival& rival, const Json* in_use,
                          const peer::PeerPaths::Entry* used, Now now) {
  const path::Score& score = rival.entry.score;
  if (!in_use || !used) return "it is taken at the next decision";
  if (rival.entry.is_dead)
    return "data is lost on it, though checks may pass: it must answer data-sized probes again";
  if (rival.is_withdrawn) return "the peer has left that network: it must name this path again";
  if (score.vetoed) return "the priority stack vetoes it";
  if (rival.row["peer_vetoed"] == true) return "the peer vetoes it, or loses data on it";
  if (rival.entry.stats.losses_in_a_row() >= path::kSuspectLosses)
    return "its last checks were lost: it must answer one";
  const bool is_controlled = peer.agent()->role() == ice::Role::controlled;
  if (is_controlled && peer.paths().nominated() == peer.paths().selected())
    return "the other side decides (it is controlling): this node follows what it nominates";
  const bool is_agreed = rival.row["peer_place"].is_number() && (*in_use)["peer_place"].is_number();
  if (is_agreed) {
    const auto sum = [](const Json& row) {
      return row["own_place"].get<int>() + row["peer_place"].get<int>();
    };
    if (sum(rival.row) > sum(*in_use) ||
        (sum(rival.row) == sum(*in_use) && rival.row["own_place"] > (*in_use)["own_place"])) {
      return fmt::format(
          "both sides' places of it sum to {}, of the path in use to {}: the lower sum wins, ours in a tie",
          sum(rival.row), sum(*in_use));
    }
  } else if (const std::int64_t missing = used->score.score + path::kSwitchMargin - score.score;
             missing > 0) {
    return fmt::format(
        "it would need {} more score: the path in use has {}, and to be worth a change takes {} more",
        thousands(missing), thousands(used->score.score), thousands(path::kSwitchMargin));
  }
  if (const double left = seconds_of_dwell_left(peer, now); left > 0)
    return fmt::format("it takes over in {:.1f} s: a path in use is kept for {} s at least", left,
                       std::chrono::duration_cast<std::chrono::seconds>(path::kMinimumDwell).count());
  return "it is taken at the next decision";
}

std::string why_not_usable(const ice::PairView& pair, const peer::PeerPaths::Entry* entry) {
  if (entry && pair.was_valid)
    return "it worked once: it is probed each second, and is back with the first answer";
  switch (pair.state) {
    case ice::PairState::frozen:
      return "it waits for the check of a similar pair";
    case ice::PairState::waiting:
      return "its check is due";
    case ice::PairState::in_progress:
      return "its check is under way";
    case ice::PairState::succeeded:
      return "its check was answered";
    case ice::PairState::failed:
      return "no check was answered: a NAT or firewall in between drops them";
  }
  return "";
}

Json nothing_measured() {
  return {{"rtt_ms", nullptr},  {"jitter_ms", nullptr}, {"loss", nullptr},         {"score", nullptr},
          {"score_reason", ""}, {"vetoed", false},      {"layers", Json::array()}, {"would_take", ""}};
}

Json pair_report(const peer::Peer& peer, const ice::PairView& pair, Now now) {
  const auto* entry = peer.paths().find(pair.id);
  Json row{{"local", pair.local.base_address.to_string()},
           {"remote", pair.remote.address.to_string()},
           {"local_type", ice::to_string(pair.local.type)},
           {"remote_type", ice::to_string(pair.remote.type)},
           {"state", ice::to_string(pair.state)},
           {"valid", pair.is_valid},
           {"selected", peer.paths().selected() == pair.id},
           {"nominated", pair.is_nominated},
           {"priority", pair.priority}};
  row.update(nothing_measured());
  if (entry) {
    const auto& measured = entry->stats.measurements();
    row["rtt_ms"] = milliseconds(measured.rtt);
    row["jitter_ms"] = milliseconds(measured.jitter);
    if (measured.probes > 0) row["loss"] = measured.loss;
    row["score"] = entry->score.score;
    row["score_reason"] = entry->score.reason;
    row["vetoed"] = entry->score.vetoed;
    for (const path::Score::Layer& layer : entry->score.layers) {
      row["layers"].push_back({{"name", layer.name},
                               {"weight", layer.weight_per_mille},
                               {"score", layer.score},
                               {"vetoed", layer.vetoed},
                               {"reason", layer.reason}});
    }
  }
  add_path_facts(row, peer, pair, now);
  return row;
}

Json pairs_report(const peer::Peer& peer, Now now) {
  Json rows = Json::array();
  const ice::Agent* agent = peer.agent();
  if (!agent) return rows;
  const auto pairs = agent->pairs();
  const Json* in_use = nullptr;
  for (const ice::PairView& pair : pairs)
    rows.push_back(pair_report(peer, pair, now));
  const peer::PeerPaths::Entry* used =
      peer.paths().selected() ? peer.paths().find(*peer.paths().selected()) : nullptr;
  for (const Json& row : rows) {
    if (row["selected"] == true) in_use = &row;
  }
  const auto named = peer.paths().named_pairs(*agent);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    Json& row = rows[i];
    const auto* entry = peer.paths().find(pairs[i].id);
    if (row["selected"] == true) continue;
    if (!entry || !pairs[i].is_valid) {
      row["would_take"] = why_not_usable(pairs[i], entry);
      continue;
    }
    const bool withdrawn = std::any_of(named.begin(), named.end(), [&](const auto& ours) {
      return ours.id == static_cast<std::uint32_t>(pairs[i].id) && peer.paths().opinion().has_withdrawn(ours);
    });
    row["would_take"] = what_it_takes(peer, {row, *entry, withdrawn}, in_use, used, now);
  }
  return rows;
}

/// A stock WireGuard device: no pairs, no choice.
Json configured_route(const peer::Peer& peer, const peer::LocalBases& bases) {
  const auto& path = peer.data_path();
  if (!path) return Json::array();
  const auto base = bases.find(path->base);
  Json row{{"local", base == bases.end() ? Json(nullptr) : Json(base->second.address.to_string())},
           {"remote", path->remote.to_string()},
           {"local_type", "host"},
           {"remote_type", "host"},
           {"state", "configured"},
           {"valid", true},
           {"selected", true},
           {"nominated", false},
           {"priority", nullptr}};
  row.update(nothing_measured());
  return Json::array({std::move(row)});
}

/// What would change the choice as a whole.
std::string outlook(const peer::Peer& peer, Now now) {
  if (peer.description().kind == session::PeerKind::wireguard) {
    return peer.data_path()
               ? "it stays with the endpoint it was heard from last: an authentic packet from elsewhere, or "
                 "another configured endpoint, changes that"
               : "no endpoint is known: configure one, or let the device speak first";
  }
  switch (peer.state()) {
    case peer::PeerState::idle:
      return "nothing asks for this peer: the first packet to it makes pairs and checks them";
    case peer::PeerState::blocked:
      return "nothing is sent to a blocked peer: `causeway peers` says what to do";
    case peer::PeerState::unreachable:
      return "the next packet tries again; `causeway netcheck` at both ends says what their networks let "
             "through";
    case peer::PeerState::connecting:
      return "checks are under way: the first pair that works is taken";
    case peer::PeerState::connected:
      break;
  }
  if (peer.paths().valid_count() <= 1) return "no other pair works: if this one fails, all are checked anew";
  const double left = seconds_of_dwell_left(peer, now);
  if (left > 0)
    return fmt::format("a merely better path has to wait {:.1f} s more; a path that fails is left at once",
                       left);
  return "a path that fails, or that the peer leaves, is left at once; a better one must be clearly better";
}

}  // namespace

Json explain_report(const Node& node, const peer::Peer& peer, Now now) {
  const ice::Agent* agent = peer.agent();
  const auto since = peer.paths().selected_since();
  const bool is_stock = peer.description().kind == session::PeerKind::wireguard;
  const auto rule = is_stock && peer.data_path() ? path::SwitchReason::configured : peer.paths().reason();
  const auto last_handshake = peer.last_handshake();
  return {{"peer", peer.description().name},
          {"virtual_address", peer.description().virtual_address.to_string()},
          {"kind", is_stock ? "wireguard" : "causeway"},
          {"state", peer::to_string(peer.state())},
          {"state_reason", peer.state_reason()},
          {"role", !agent                                    ? ""
                   : agent->role() == ice::Role::controlling ? "controlling"
                                                             : "controlled"},
          {"stack", peer.scored_by()},
          {"rule", path::to_string(rule)},
          {"rule_text", path::describe(rule)},
          {"since", since ? Json(format_rfc3339(now.wall - (now.steady - *since))) : Json(nullptr)},
          {"last_handshake",
           last_handshake ? Json(format_rfc3339(now.wall - (now.steady - *last_handshake))) : Json(nullptr)},
          {"dwell_left_s", since ? Json(seconds_of_dwell_left(peer, now)) : Json(nullptr)},
          {"switch_margin", path::kSwitchMargin},
          {"outlook", outlook(peer, now)},
          {"orders", orders_report(peer, now)},
          {"pairs", is_stock ? configured_route(peer, node.bases()) : pairs_report(peer, now)}};
}

}  // namespace causeway::node
