#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "dataplane/messages.hpp"
#include "history/path_history.hpp"
#include "link/server_link_fsm.hpp"
#include "node/actions.hpp"
#include "node/candidate_book.hpp"
#include "node/check_list_policy.hpp"
#include "node/friend_book.hpp"
#include "node/path_reporter.hpp"
#include "node/subscription_policy.hpp"
#include "node/transaction_table.hpp"
#include "peer/peer.hpp"
#include "session/handshake.hpp"
#include "store/node_state.hpp"

namespace causeway::node {

enum class NodeStatus : std::uint8_t {
  online,        ///< registered with the server now
  offline,       ///< the server is not reached; tunnels stay
  disconnected,  ///< left, or never joined
};
std::string_view to_string(NodeStatus status);

/// A whole virtual NIC without the world: owns peers, candidates and the server link, turns events into
/// actions. No socket, thread, clock or file: the daemon drives one, a simulation drives many. Control
/// thread.
class Node {
 public:
  struct Options {
    store::NodeKeys keys;
    store::NodeState state;           ///< as stored; the token inside is what start() joins with
    store::FriendState friends = {};  ///< as stored
    std::vector<store::KnownPeer> known_peers = {};  ///< as stored; every record is verified again
    std::string wished_name;
    std::vector<net::Endpoint> extra_stun_servers;    ///< from the configuration
    std::vector<peer::PeerDescription> static_peers;  ///< stock WireGuard
    std::optional<net::Prefix> static_prefix;         ///< with static_address: no server assigns ours
    std::optional<net::IpAddress> static_address;
    ice::Agent::Options ice;
    SubscriptionPolicy subscriptions = SubscriptionPolicy::friends;
    CheckListPolicy check_list = {};
    std::vector<store::PeerHistory> history = {};  ///< as stored
    bool reports = true;                           ///< tell the address server how paths do
    bool ipv6_inside = true;                       ///< false: take no IPv6 virtual address, and announce none
    unsigned data_loops = 1;                       ///< each peer's session belongs to one of them
    bool path_messages = true;                     ///< announce path messages; nothing without `compact`
    bool compact = true;       ///< announce compact messages, and use them with peers that do too
    bool aes_256_gcm = false;  ///< the same of AES-256-GCM in them
  };
  Node(Options options, RandomSource& random);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void start(Now now);
  /// Deregisters, ends every session; Left follows.
  void leave(Now now);
  /// Joins again with the stored enrolment, or with a new token (text). The error says what is wrong with it.
  Result<void> join(std::optional<std::string> token, Now now);
  /// SIGTERM: says goodbye to nobody; enrolment and address stay.
  void stop(Now now);

  // ---- world ----
  void on_bases_changed(peer::LocalBases bases, Now now);
  /// After on_bases_changed(), when anything of the machine's network is another than before, or the machine
  /// slept for `away`, which no steady clock saw: what was lost is sought at once, what works is verified.
  void on_network_changed(Duration away, Now now);
  void on_data_event(dataplane::Event&& event, bool under_load, Now now);
  /// Sending from the control thread failed because there is no way from this base to there.
  void on_send_failed(net::BaseId base, const net::Endpoint& to, Now now);
  void on_server_connected(ByteView exporter, Now now);
  void on_server_line(std::string_view line, Now now);
  void on_server_closed(std::string_view reason, Now now);
  void on_candidate_found(const std::string& source, net::BaseId base, ice::CandidateType type,
                          const net::Endpoint& address, Now now);
  void on_candidate_lost(const std::string& source, net::BaseId base, const net::Endpoint& address, Now now);
  void on_candidates_ranked(std::uint64_t generation, const std::vector<std::uint32_t>& priorities, Now now);
  void on_paths_scored(dataplane::PeerId peer, std::uint64_t round, const plugin::Host::PairRanking& ranking,
                       Now now);
  /// The priority stack changed: candidates and paths are ranked anew.
  void on_ranking_changed(Now now);
  /// Whether each choice of a path is told (TellChoice), beginning with how things stand.
  void tell_choices(bool is_telling, Now now);
  void on_timeout(Now now);
  std::optional<SteadyTime> next_timeout() const;

  /// Asks for a connection as a packet would (`causeway ping`). False: no peer of that name or address is
  /// known and it is no address of the network.
  bool request_connection(const net::IpAddress& virtual_address, Now now);
  /// Probes the selected path of this peer at once; its measurements show the answer.
  void probe(dataplane::PeerId peer, Now now);
  /// A transport address that the user knows to lead here; kept over restarts. The error says why it cannot
  /// be a candidate.
  Result<void> add_user_candidate(const net::Endpoint& address, Now now);
  Result<void> remove_user_candidate(const net::Endpoint& address, Now now);
  void set_extra_stun_servers(std::vector<net::Endpoint> servers, Now now);
  /// Another one than before is applied to the subscribers there are.
  void set_subscription_policy(SubscriptionPolicy policy, Now now);

  void set_check_list(CheckListPolicy policy, Now now);
  /// Whether the address server is told how paths do; false takes back what it was told.
  void set_reports(bool is_reporting, Now now);
  /// What the address server thinks of the paths to this peer.
  void set_hints(dataplane::PeerId peer, std::vector<path::HintFor> hints, Now now);

  /// Puts a user, named by himself or by a node of his, on our user's friend list, or takes him off and
  /// forgets his pins. With a key, only the keys so given are his. FriendAnswered with the returned ticket
  /// follows.
  std::uint64_t add_friend(std::string name, std::optional<crypto::IdentityPublicKey> key, Now now);
  std::uint64_t remove_friend(std::string name, Now now);

  std::optional<NodeAction> poll_action();

  // ---- views ----
  NodeStatus status() const;
  /// Where the server is and how to know it; nullopt without an enrolment.
  const std::optional<protocol::JoinToken>& enrolment() const { return enrolment_; }
  const link::ServerLinkFsm* link() const { return link_.get(); }
  const std::string& link_reason() const { return link_reason_; }
  const store::NodeState& state() const { return state_; }
  const FriendBook& friends() const { return friends_; }
  /// Null: nothing is remembered of paths.
  const history::PathHistory* history() const { return history_.get(); }
  const session::LocalKeys& session_keys() const { return session_keys_; }
  const crypto::IdentityPublicKey& identity() const { return identity_; }
  /// Ours, from the server or, while none has given one, the configuration.
  std::optional<net::IpAddress> virtual_address() const {
    return state_.virtual_address ? state_.virtual_address : options_.static_address;
  }
  std::optional<net::IpAddress> virtual_address6() const;
  /// What the server says of a peer: none when it has not said anything in this life of the node.
  struct Told {
    bool online = false;
    std::vector<ice::Candidate> candidates;
  };
  const Told* told(dataplane::PeerId peer) const;
  /// As our record announces them.
  std::vector<std::string> abilities() const;
  const CandidateBook& candidates() const { return candidates_; }
  const peer::LocalBases& bases() const { return bases_; }
  /// Those of the configuration first, then the address server's.
  std::vector<net::Endpoint> stun_servers() const;
  /// As the server told last, maybe before a restart, with credentials.
  const std::vector<protocol::TurnServer>& turn_servers() const { return state_.turn_servers; }
  const std::map<dataplane::PeerId, std::unique_ptr<peer::Peer>>& peers() const { return peers_; }
  /// By name or virtual address of either family; null if there is none.
  const peer::Peer* find_peer(std::string_view name_or_address) const;

  struct Counters {
    std::uint64_t stun_unclaimed = 0, handshakes_malformed = 0, handshakes_bad_mac1 = 0, cookies_sent = 0,
                  handshakes_not_authentic = 0, handshakes_unknown_peer = 0, handshakes_blocked = 0,
                  impostors = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  static constexpr std::size_t kMaxPeers = 10'000;
  /// An address that a packet waits for and no peer is known to have: the server has been asked.
  struct Lookup {
    std::string ufrag;
    SteadyTime until;
  };

  void configure_static_address();
  void make_link(Now now);
  void run(Now now);
  void obey_link(Now now);
  void obey_peer(peer::Peer& peer, Now now);
  void on_stun(dataplane::ControlDatagram&& datagram, Now now);
  void on_handshake(const dataplane::ControlDatagram& datagram, bool under_load, Now now);
  void on_link_state(const link::LinkStateChanged& changed);
  void on_registered(const link::Registered& registered);
  /// The peer that a description is about: made, updated or, when its keys changed, made anew. Null when
  /// refused.
  peer::Peer* admit(const link::NodeDescription& node, Now now);
  peer::Peer& add_peer(peer::PeerDescription description, Now now);
  plugin::FriendTier tier_of(const peer::Peer& peer) const;
  void ask_for_scores(const peer::Peer& peer, peer::ScorePaths&& ask);
  void block_impostor(const link::NodeDescription& node, const std::string& friend_user, Now now);
  void on_friends_told(const link::FriendsTold& told, Now now);
  void on_friend_change_answered(const link::FriendChangeAnswered& answer, Now now);
  std::uint64_t change_friend(std::string name, std::optional<crypto::IdentityPublicKey> key, bool listed,
                              Now now);
  void remove_blocked_peers(Now now);
  void remove_peer(dataplane::PeerId id, Now now);
  void remove_all_peers(Now now);
  void forget_lookup(const net::IpAddress& address);
  void index_ufrags(const peer::Peer& peer);
  // ---- node_memory.cpp ----
  struct StoredPeer {
    store::KnownPeer known;
    protocol::NodeRecord record;
  };
  std::vector<StoredPeer> verify_stored_peers(Now now);
  void restore_peers(std::vector<StoredPeer> stored, Now now);
  void keep_peers_soon(Now now);
  void save_peers(Now now);
  std::vector<store::KnownPeer> known_peers() const;
  void remove_unlisted(const std::vector<net::IpAddress>& listed, Now now);
  // ---- node_history.cpp ----
  void restore_history(Now now);
  void keep_history_soon(Now now);
  void save_history(Now now);
  // ---- node_reports.cpp ----
  void report_paths(Now now);
  void begin_reports(Now now);
  // ---- node_subscriptions.cpp ----
  /// Subscribes to a peer that we have a use for, or ends that.
  void refresh_subscription(const peer::Peer& peer, Now now);
  /// Who is a friend has changed: both directions are judged anew.
  void review_subscriptions(Now now);
  void answer_subscribers(const link::SubscribersAsk& ask, Now now);
  bool may_subscribe(const link::NodeDescription& node) const;
  void note_description(const peer::Peer& peer, const link::NodeDescription& node);
  void publish_forwarding();
  void publish_names();
  void configure_interface();
  /// Packets that wait for this node, by either of its addresses, get an ICMP error.
  void refuse_destination(const net::IpAddress& virtual_address);
  void publish_stun_servers();
  void rank_candidates();
  void save_state() { actions_.emplace_back(SaveState{state_}); }
  void save_friends() { actions_.emplace_back(SaveFriends{friends_.state()}); }
  peer::Peer* peer_at(const net::IpAddress& address);
  peer::Peer* peer_with(dataplane::PeerId id);

  Options options_;
  RandomSource& random_;
  store::NodeState state_;
  session::LocalKeys session_keys_;
  crypto::IdentityPublicKey identity_;
  session::TimestampSource timestamps_;
  session::IndexAllocator indices_;
  session::HandshakeInbox inbox_;
  peer::LocalBases bases_;
  peer::PeerContext peer_context_;
  std::optional<protocol::JoinToken> enrolment_;
  std::unique_ptr<link::ServerLinkFsm> link_;
  std::string link_reason_;
  bool joins_again_ = false;  ///< join() came while leave() was under way
  std::string link_failure_;  ///< the newest cause of an outage that was logged
  CandidateBook candidates_;
  TransactionTable transactions_;
  std::map<dataplane::PeerId, std::unique_ptr<peer::Peer>> peers_;
  std::unordered_map<crypto::SessionPublicKey, dataplane::PeerId> peer_by_key_;
  std::unordered_map<net::IpAddress, dataplane::PeerId> peer_by_address_;
  std::unordered_map<std::string, dataplane::PeerId> peer_by_ufrag_;
  std::map<net::IpAddress, Lookup> lookups_;
  std::map<dataplane::PeerId, Told> told_;
  std::map<dataplane::PeerId, protocol::SignedRecord> records_;  ///< of our network's nodes, as received
  link::SeenSerials stored_serials_;                             ///< of every record that was read back
  bool is_restoring_ = false;
  std::optional<SteadyTime> save_peers_at_, peers_saved_;
  std::unique_ptr<history::PathHistory> history_;
  std::optional<SteadyTime> save_history_at_, history_saved_;
  PathReporter reporter_{random_};
  FriendBook friends_;
  struct FriendWish {
    std::string name;
    std::optional<crypto::IdentityPublicKey> key;
    bool listed;
  };
  std::map<std::uint64_t, FriendWish> friend_wishes_;  ///< by ticket
  std::uint64_t next_ticket_ = 1;
  std::uint32_t next_peer_ = 1;
  std::vector<std::uint32_t> peers_of_loop_;  ///< how many; one for each data loop
  Counters counters_;
  std::deque<NodeAction> actions_;
};

}  // namespace causeway::node
