#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "ice/agent.hpp"
#include "path/path_message.hpp"
#include "path/path_watch.hpp"
#include "peer/peer_paths.hpp"

namespace causeway::peer {

/// What two nodes do about their paths inside the session (docs/paths.md): probes that answer for data, the
/// watch over the path in use, the search for each path's MTU, dead paths that may come back, and the
/// exchange of orders. It joins the deciders of core/src/path; the peer sends its messages and selects.
/// Control thread; owned by the peer.
class PathControl {
 public:
  /// To be sealed and sent by this pair.
  struct Message {
    ice::PairId pair;
    Bytes plaintext;
  };
  /// `paths` and `random` are borrowed and outlive it.
  PathControl(PeerPaths& paths, RandomSource& random);

  /// Whether both ends can, and a session is there. Without it nothing is sent, and no path counts as dead.
  void set_enabled(bool enabled, SteadyTime now);
  bool is_enabled() const { return is_enabled_; }
  /// A new keypair: the peer may have restarted and forgotten everything.
  void on_new_keypair(SteadyTime now);
  /// A pair turned valid.
  void on_validated(ice::PairId pair, SteadyTime now);
  /// A check of ICE on a valid pair was lost.
  void on_check_lost(ice::PairId pair, SteadyTime now);
  /// The kernel takes no datagrams of the present MTU any more.
  void on_size_refused(net::BaseId base, const net::Endpoint& remote, SteadyTime now);
  /// The agent that named the pairs is gone.
  void clear();

  /// A path message came to this base. It may change the selection.
  void on_message(ByteView beginning, std::size_t plaintext_bytes, net::BaseId base,
                  const net::Endpoint& from, SteadyTime now);
  void on_timeout(const path::PathWatch::Traffic& traffic, SteadyTime now);
  std::optional<SteadyTime> next_timeout() const;
  /// To be called often: tells the peer our order if it is another one, or due to be told again.
  void tell_order(const ice::Agent& agent, SteadyTime now);

  std::optional<Message> poll_message();
  /// Something happened since the last call that the choice of a path, its MTU or its companion depends on.
  bool take_changed();
  /// The path that data goes by as well, while there is doubt about the selected one.
  std::optional<ice::PairId> companion() const;

  struct Counters {
    std::uint64_t probes_sent = 0, probes_answered = 0;  ///< ours
    std::uint64_t answers_sent = 0;
    std::uint64_t answers_unknown = 0;  ///< to nothing that we asked, late by far, or by another path
    std::uint64_t probes_refused = 0;   ///< not on a valid pair, or too many
    std::uint64_t orders_received = 0, orders_overtaken = 0;
    std::uint64_t malformed = 0;
    std::uint64_t paths_lost = 0, sizes_lost = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  enum class Purpose : std::uint8_t { watch, mtu, revival };
  struct Sent {
    ice::PairId pair;
    std::uint16_t ip_bytes;
    Purpose purpose;
    SteadyTime at;
  };
  struct Revival {
    SteadyTime next{};
    SteadyTime asked{};
    unsigned answered = 0;  ///< in a row
    unsigned sent = 0;
    bool awaits = false;
  };

  void on_probe(const path::Probe& probe, std::size_t plaintext_bytes, net::BaseId base,
                const net::Endpoint& from, SteadyTime now);
  void on_answer(const path::ProbeAnswer& answer, net::BaseId base, const net::Endpoint& from,
                 SteadyTime now);
  void send_probe(ice::PairId pair, std::uint16_t ip_bytes, Purpose purpose, SteadyTime now);
  void run_watch(const path::PathWatch::Traffic& traffic, SteadyTime now);
  void search_mtu(SteadyTime now);
  std::optional<SteadyTime> next_search() const;
  bool search_mtu_of(ice::PairId pair, PeerPaths::Entry& entry, SteadyTime now);
  void revive(SteadyTime now);
  void revive_soon(SteadyTime now);
  /// There is no path, or one that the peer has left: any that answers is better.
  bool is_in_need() const { return !paths_.selected() || paths_.is_selected_withdrawn(); }
  void on_revival_answer(ice::PairId pair, PeerPaths::Entry& entry, std::uint16_t ip_bytes, SteadyTime now);
  void forget_probes(SteadyTime now);
  std::vector<path::PathWatch::PathId> others() const;
  bool may_answer(SteadyTime now);

  PeerPaths& paths_;
  RandomSource& random_;
  bool is_enabled_ = false;
  bool has_changed_ = false;
  std::optional<ice::PairId> told_companion_;  ///< as of the last take_changed()
  path::PathWatch watch_;
  std::map<std::uint64_t, Sent> sent_;  ///< by probe id
  std::deque<std::uint64_t> sent_in_order_;
  std::map<ice::PairId, Revival> revivals_;  ///< of dead paths
  double answer_budget_;
  SteadyTime budget_at_{};
  std::uint32_t order_number_;
  std::vector<path::OrderedPair> told_;
  unsigned times_told_ = 0;
  std::optional<SteadyTime> tell_at_;
  std::deque<Message> messages_;
  Counters counters_;
};

}  // namespace causeway::peer
