#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "crypto/x25519.hpp"
#include "dataplane/messages.hpp"
#include "ice/agent.hpp"
#include "net/endpoint.hpp"
#include "peer/local_base.hpp"
#include "peer/path_choice.hpp"
#include "peer/path_control.hpp"
#include "peer/path_recorder.hpp"
#include "peer/peer_memory.hpp"
#include "peer/peer_paths.hpp"
#include "plugin/host.hpp"
#include "session/handshake.hpp"
#include "session/session.hpp"

namespace causeway::peer {

enum class PeerState : std::uint8_t {
  idle,         ///< known, nothing asked of it
  connecting,   ///< checks or handshake under way
  connected,    ///< a session and a path
  unreachable,  ///< checks failed; the next packet tries again
  blocked,      ///< refused: its identity changed
};
std::string_view to_string(PeerState state);

/// Who a peer is; changes only by a new node record.
struct PeerDescription {
  session::PeerKind kind = session::PeerKind::causeway;
  std::string name;
  net::IpAddress virtual_address;
  std::optional<net::IpAddress> virtual_address6;  ///< as its record announces it
  std::vector<net::Prefix>
      allowed_ips;  ///< inner addresses that are the peer's; its virtual address for our nodes
  crypto::SessionPublicKey session_key;
  std::optional<crypto::IdentityPublicKey> identity;  ///< none for stock WireGuard
  crypto::PresharedKey preshared;
  std::optional<Duration> persistent_keepalive;
  std::optional<net::Endpoint> endpoint;  ///< stock WireGuard: where to start
  std::string user = {};  ///< whose node it is, as the server says; of a blocked one, whose place it takes
  bool compact = false;   ///< abilities, as its record has them
  bool aes_256_gcm = false;
  bool path_messages = false;
};

/// What all peers of a node share; borrowed, outlives them.
struct PeerContext {
  const session::LocalKeys& keys;
  crypto::IdentityPublicKey identity;
  session::TimestampSource& timestamps;
  session::IndexAllocator& indices;
  RandomSource& random;
  const LocalBases& bases;
  ice::Agent::Options ice;
  bool server_is_online = false;  ///< kept by the node: offers reach the peer
  bool compact = false;           ///< our abilities, as our record has them
  bool aes_256_gcm = false;
  std::optional<net::IpAddress> virtual_address = {}, virtual_address6 = {};  ///< ours; kept by the node
  bool path_messages = false;                                                 ///< one more ability of ours
  history::PathHistory* history = nullptr;  ///< none: nothing is remembered of paths
  bool keeps_check_list = true;             ///< false: nor of the pairs that worked
  bool tells_choices = false;               ///< kept by the node: somebody records them
};

// ---- what a peer asks of its node ----
struct SendDatagram {
  net::BaseId base;
  net::Endpoint to;
  Bytes bytes;
  std::optional<stun::TransactionId> transaction;  ///< its response comes back to this peer
};
/// Tell the peer, through the server, our ufrag and candidates.
struct Offer {
  std::string ufrag;
};
/// The peer is let go: no more offers on its behalf.
struct WithdrawOffer {};
/// memory() is another one.
struct MemoryChanged {};
struct ScorePaths {
  std::uint64_t round;
  std::vector<path::PathView> paths;
  std::vector<std::uint32_t> dead;  ///< those on which data is lost
};
struct PeerStateChanged {
  PeerState state;
  std::string reason;
};
using PeerAction = std::variant<SendDatagram, dataplane::Command, Offer, WithdrawOffer, MemoryChanged,
                                ScorePaths, PeerStateChanged, std::shared_ptr<const PathChoice>>;

/// One peer: its ICE agent, its session, its paths, and the rules by which the three work together. Sans-I/O;
/// control thread; owned by the node.
class Peer {
 public:
  /// `loop`: the data loop that owns its session.
  Peer(dataplane::PeerId id, PeerDescription description, PeerContext& context, std::uint8_t loop = 0);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// What was kept of it over a restart of this node; before the first wish.
  void recall(PeerMemory memory);

  // ---- wishes ----
  /// Somebody here wants to reach it. `ufrag`: the one already offered while the peer was unknown.
  void connect(Now now, std::optional<std::string> ufrag = std::nullopt);
  /// The peer, or the server on its behalf, gave its credentials and candidates for us.
  void on_offer(const std::string& ufrag, const std::vector<ice::Candidate>& candidates, Now now);
  /// The server did not pass our offer on, or has forgotten it: the next wish of either side makes it again.
  void on_offer_refused() { is_offer_refused_ = true; }
  /// More of its candidates (trickle); nothing if it is not being reached.
  void add_remote_candidates(const std::vector<ice::Candidate>& candidates, Now now);
  /// All of our candidates as they stand; new ones are added and offered (trickle).
  void set_local_candidates(const std::vector<ice::Candidate>& candidates, Now now);
  /// Its newest record says so. A session made for other abilities is renewed.
  void set_abilities(bool compact, bool aes_256_gcm, Now now);
  void set_path_messages(bool path_messages, Now now);
  /// As its newest record announces it: one more address that is the peer's, with a header that is left out.
  void set_virtual_address6(const std::optional<net::IpAddress>& address, Now now);
  /// The base is gone from PeerContext::bases, or a new one came.
  void on_bases_changed(Now now);
  /// Addresses or routes of this machine changed, or it slept for `away`: what worked may have ended, and
  /// what had ended may work. Everything that ever worked is probed at once.
  void on_network_changed(Duration away, Now now);
  void probe_selected(Now now);
  /// Ends checks, session and path, keeps the description.
  void release(std::string_view reason, Now now);
  /// As release(), and nothing of it is answered or believed any more.
  void block(std::string_view reason, Now now);

  // ---- from the network ----
  void on_stun(net::BaseId base, const net::Endpoint& from, ByteView message, Now now);
  void on_initiation(const session::ReceivedInitiation& initiation, net::BaseId base,
                     const net::Endpoint& from, Now now);
  /// A response or cookie reply for a handshake of this session.
  void on_handshake_answer(ByteView message, bool is_cookie_reply, net::BaseId base,
                           const net::Endpoint& from, Now now);

  // ---- from the data loop ----
  void on_session_wanted(Now now);
  void on_keypair_confirmed(std::uint32_t local_index, Now now);
  void on_moved(net::BaseId base, const net::Endpoint& remote, Now now);
  void on_path_failed(const dataplane::DataPath& path, Now now);
  void on_size_refused(net::BaseId base, const net::Endpoint& remote, Now now);
  void on_path_message(const dataplane::PathMessageReceived& message, Now now);

  // ---- from the priority stack ----
  void on_scores(std::uint64_t round, const plugin::Host::PairRanking& ranking, Now now);
  /// The stack changed: score again.
  void rescore(Now now);
  /// PeerContext::tells_choices was set.
  void begin_telling(Now now);
  /// What the address server thinks of its paths, in place of what it thought before.
  void set_hints(std::vector<path::HintFor> hints, Now now);

  void on_timeout(Now now);
  std::optional<SteadyTime> next_timeout() const;
  std::optional<PeerAction> poll_action();

  // ---- views ----
  dataplane::PeerId id() const { return id_; }
  const PeerDescription& description() const { return description_; }
  PeerState state() const { return state_; }
  const std::string& state_reason() const { return state_reason_; }
  const ice::Agent* agent() const { return agent_.get(); }
  const PeerPaths& paths() const { return paths_; }
  const PathControl& path_control() const { return path_control_; }
  /// A session was agreed on and not let go; compact(): the cipher of its compact messages, none: type 4.
  bool has_keypair() const { return agreed_.has_value(); }
  std::optional<crypto::AeadAlgorithm> compact() const { return agreed_ ? agreed_->compact : std::nullopt; }
  const std::optional<dataplane::DataPath>& data_path() const { return data_path_; }
  const dataplane::PeerCounters& counters() const { return *counters_; }
  std::uint8_t loop() const { return loop_; }
  const std::string& scored_by() const { return scored_by_; }
  WallTime created() const { return created_; }
  /// What is worth keeping over a restart of this node.
  PeerMemory memory() const;
  /// Our ufrags that a check of the peer may name.
  std::vector<std::string> ufrags() const;
  bool owns_handshake_index(std::uint32_t index) const { return session_.owns_handshake_index(index); }
  std::optional<SteadyTime> last_handshake() const { return session_.last_handshake(); }

 private:
  void start_agent(std::string ufrag, Now now);
  void drop_agent(Now now);
  void forget_session(Now now);
  void try_remembered_paths(Now now);
  void add_remembered_paths(Now now);
  bool is_known_by_former_ufrag(ByteView message) const;
  std::vector<std::string> former_ufrags() const;
  void request_session(Now now);
  void offer_again();
  void run(Now now);
  void obey_agent(Now now);
  void obey_session(Now now);
  void renew_outdated_session(Now now);
  void reselect(Now now);
  void nominate_when_settled(Now now);
  // ---- peer_choices.cpp ----
  void tell_choice(path::PathChooser::Input input, std::optional<ice::PairId> before,
                   const path::Selection& selection, Now now);
  void tell(PathChoice choice);
  // ---- peer_history.cpp ----
  bool is_remembered() const;
  std::vector<path::PathView> views(Now now) const;
  PathRecorder::Subject history_subject() const;
  PathRecorder::Traffic traffic() const;
  void observe_paths(Now now);
  void try_what_was_good(Now now);
  void set_data_path(const std::optional<dataplane::DataPath>& path,
                     const std::optional<dataplane::DataPath>& companion = std::nullopt);
  // ---- peer_path_control.cpp ----
  void run_path_control(Now now);
  void obey_path_control(Now now);
  void refresh_data_path();
  bool may_control_paths(Now now) const;
  void recheck_if_cut_off(Now now);
  void set_state(PeerState state, std::string_view reason);
  void update_state(Now now);
  void send_handshake(Bytes message);
  void ask_for_scores(Now now);
  std::optional<dataplane::DataPath> path_of(ice::PairId pair) const;
  std::uint16_t nic_mtu(net::BaseId base) const;
  dataplane::DataPath make_path(net::BaseId base, const net::Endpoint& remote) const;
  void route_stock_peer();
  void on_authentic_from(net::BaseId base, const net::Endpoint& remote);
  void set_remote_ufrag(const std::string& ufrag, Now now);

  /// What a keypair is made for beside its keys. Both ends derive the same from the two records.
  struct Agreement {
    std::optional<crypto::AeadAlgorithm> compact;
    std::optional<dataplane::VirtualPair> v4, v6;
    friend bool operator==(const Agreement&, const Agreement&) = default;
  };
  Agreement agreement() const;

  dataplane::PeerId id_;
  PeerDescription description_;
  PeerContext& context_;
  crypto::SharedSecret shared_secret_;  ///< X25519 of the two static keys, for ICE passwords
  session::Session session_;
  std::shared_ptr<dataplane::PeerCounters> counters_;
  std::uint8_t loop_;
  std::unique_ptr<ice::Agent> agent_;
  bool is_offer_refused_ = false;  ///< the peer may not know the agent's ufrag
  PeerMemory memory_;              ///< as recalled, and of the agents before this one
  bool is_recalling_ = false;      ///< the agent was made while no server could introduce us
  bool wants_session_ = false;     ///< a session is asked for as soon as there is a path
  std::vector<ice::Candidate> local_candidates_;
  PeerPaths paths_;
  PathControl path_control_{paths_, context_.random};
  PathRecorder recorder_{context_.bases};
  std::vector<path::HintFor> hints_;
  PeerState state_ = PeerState::idle;
  std::string state_reason_;
  std::string scored_by_;
  WallTime created_{};
  std::optional<dataplane::DataPath> data_path_;
  std::optional<dataplane::DataPath> companion_;  ///< gets a copy of all data, while data_path_ is in doubt
  bool has_been_connected_ = false;
  std::optional<SteadyTime> rechecked_at_;
  std::optional<net::Endpoint>
      endpoint_;  ///< stock WireGuard: as configured, then where it was heard from last
  std::optional<dataplane::DataPath> handshake_route_;  ///< where the newest authentic handshake came from
  std::optional<Agreement> agreed_;                     ///< of the newest keypair
  std::uint64_t score_round_ = 0;
  std::optional<SteadyTime> score_at_, reselect_at_, nominate_at_, initiate_at_, tick_at_, connecting_until_;
  std::deque<PeerAction> actions_;
};

}  // namespace causeway::peer
