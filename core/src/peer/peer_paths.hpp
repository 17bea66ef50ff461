#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "ice/agent.hpp"
#include "path/orders.hpp"
#include "path/path_chooser.hpp"
#include "path/path_mtu.hpp"
#include "path/path_selector.hpp"
#include "path/path_stats.hpp"

namespace causeway::peer {

/// All paths of one peer: what ICE says is valid, what was measured of each, how the priority stack scores
/// them, and which one is selected. It decides by path::PathChooser; the peer acts. Control thread.
class PeerPaths {
 public:
  struct Entry {
    bool is_valid = false;
    SteadyTime valid_since{};
    net::BaseId base = net::BaseId::none;  ///< where its datagrams leave and arrive
    net::Endpoint remote;
    path::PathStats stats;
    path::Score score;
    path::PathMtu mtu;
    bool is_dead = false;  ///< data is lost on it, although checks may pass: not to be used
    unsigned deaths = 0;   ///< of late
    SteadyTime died_at{};
  };

  void on_validated(const ice::PairView& pair, std::uint16_t nic_mtu, SteadyTime now);
  void on_invalidated(ice::PairId pair);
  void on_measured(ice::PairId pair, Duration rtt);
  void on_probe_lost(ice::PairId pair);
  void set_nominated(ice::PairId pair) { nominated_ = pair; }
  void set_scores(const std::vector<path::Score>& scores);
  /// Forgets everything: the agent that named the pairs is gone.
  void clear();
  /// Data is lost on this path.
  void on_data_lost(ice::PairId pair, SteadyTime now);
  /// Its losses do not tell whether it is to be left: somebody who knows better does. Others are told by ICE.
  void set_watched(bool is_watched) { is_watched_ = is_watched; }

  /// Those on which data is lost.
  std::vector<std::uint32_t> dead() const;
  /// What there is to choose from.
  path::PathChooser::Input choice(ice::Role role, const ice::Agent& agent, SteadyTime now) const;
  /// Re-decides by choice(); afterwards selected() is what the returned selection says.
  path::Selection choose(path::PathChooser::Input input, SteadyTime now);
  path::Selection reselect(ice::Role role, const ice::Agent& agent, SteadyTime now) {
    return choose(choice(role, agent, now), now);
  }

  std::optional<ice::PairId> selected() const {
    const auto selected = chooser_.selected();
    return selected ? std::optional{ice::PairId{*selected}} : std::nullopt;
  }
  /// The peer left the network of the selected path, as of the last choice.
  bool is_selected_withdrawn() const { return chooser_.is_selected_withdrawn(); }
  std::optional<ice::PairId> nominated() const { return nominated_; }
  std::optional<SteadyTime> selected_since() const { return chooser_.selected_since(); }
  path::SwitchReason reason() const { return chooser_.reason(); }
  const path::PathChooser& chooser() const { return chooser_; }
  std::size_t valid_count() const;
  const Entry* find(ice::PairId pair) const;
  Entry* find(ice::PairId pair);
  /// A valid one.
  std::optional<ice::PairId> find(net::BaseId base, const net::Endpoint& remote) const;
  std::map<ice::PairId, Entry>& entries() { return entries_; }
  const std::map<ice::PairId, Entry>& entries() const { return entries_; }
  path::PeerOpinion& opinion() { return opinion_; }
  const path::PeerOpinion& opinion() const { return opinion_; }
  const path::OwnOrder& own_order() const { return chooser_.own_order(); }
  /// Valid ones by the two addresses that both ends know, as orders name them.
  std::vector<path::PeerOpinion::OurPair> named_pairs(const ice::Agent& agent) const;
  /// What we tell the peer of them.
  std::vector<path::OrderedPair> order_to_tell(const ice::Agent& agent) const;
  /// The valid paths as the priority stack is shown them.
  std::vector<path::PathView> views(const ice::Agent& agent) const;

 private:
  std::map<ice::PairId, Entry> entries_;
  path::PathChooser chooser_;
  std::optional<ice::PairId> nominated_;
  std::optional<SteadyTime> connected_since_;
  path::PeerOpinion opinion_;
  bool is_watched_ = false;
};

}  // namespace causeway::peer
