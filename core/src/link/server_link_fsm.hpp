#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "ice/candidate.hpp"
#include "link/node_verifier.hpp"
#include "net/endpoint.hpp"
#include "protocol/join_token.hpp"
#include "protocol/messages.hpp"

namespace causeway::link {

enum class LinkState : std::uint8_t {
  idle,        ///< not wanted (left, or no enrolment)
  waiting,     ///< between tries
  connecting,  ///< TCP and TLS
  authenticating,
  registering,
  online,   ///< registered
  leaving,  ///< deregister sent
  refused,  ///< the server said no for good (token or identity): tries stop until the next start()
};

// ---- what the link asks of its driver ----
struct OpenConnection {
  std::string host;
  std::uint16_t port = 0;
};  ///< TCP, then TLS 1.3 with the token's pins
struct SendLine {
  std::string line;
};                          ///< without the LF
struct CloseConnection {};  ///< no on_closed() follows
// ---- what it tells the node ----
struct LinkStateChanged {
  LinkState state;
  std::string reason;
};
struct Registered {
  net::IpAddress virtual_address;
  net::Prefix on_link;
  std::optional<net::Prefix> on_link6;  ///< none: the network has no IPv6 inside
  std::string name;
  std::vector<net::Endpoint> stun_servers;
  std::vector<std::string> friends = {};
};
/// The TURN servers with the newest credentials for us, in place of those told before: after each
/// registration and whenever the server renews the credentials.
struct TurnServersTold {
  std::vector<protocol::TurnServer> servers;
};
struct PeerDescribed {
  NodeDescription node;
};  ///< reply to query or connect, or peer.changed
/// The peer's credentials for us, by reply or notification; candidates are those for us.
struct PeerOffered {
  NodeDescription node;
  std::string ufrag;
};
struct PeerGone {
  net::IpAddress virtual_address;
  bool for_good = false;
};  ///< for_good: left or revoked, not just offline
struct PeerUnreachable {
  net::IpAddress virtual_address;
  std::string reason;
  bool is_nobody = false;  ///< not just offline: no node that we may reach has the address
};
/// Nodes that want to hear of our changes; the answer is to name all of them.
struct SubscribersAsk {
  std::vector<NodeDescription> nodes;
  std::vector<net::IpAddress> disbelieved;  ///< not who they say they are, to be refused
};
/// All nodes that the server lists, offline ones too: one walk over the directory is complete.
struct DirectoryListed {
  std::vector<net::IpAddress> addresses;
};
/// The friend list of our user as the server has it: after each registration and each change.
struct FriendsTold {
  std::string user;
  std::vector<std::string> friends;
  std::vector<std::string> pending;  ///< those of them who have not listed us
  bool friends_only = false;         ///< the network lets us reach none but our own and mutual friends' nodes
};
/// The end of change_friend().
struct FriendChangeAnswered {
  std::uint64_t ticket = 0;
  std::string user;   ///< who was meant; empty on an error
  std::string error;  ///< for the user
  bool no_such_user = false;
};
struct Deregistered {};
using LinkAction =
    std::variant<OpenConnection, SendLine, CloseConnection, LinkStateChanged, Registered, TurnServersTold,
                 PeerDescribed, PeerOffered, PeerGone, PeerUnreachable, SubscribersAsk, DirectoryListed,
                 FriendsTold, FriendChangeAnswered, Deregistered>;

/// The node's side of the conversation with the address server: connects and reconnects with full-jitter
/// backoff (cap 5 s for the first two minutes of an outage, then 60 s; reset by a successful register),
/// authenticates, registers, repeats what was asked for and unanswered, keeps alive. Sans-I/O; control
/// thread.
///
/// The server is trusted to admit and to introduce, and with nothing else: nodes are believed by their own
/// signature (node_verifier.hpp), every list is bounded, and what can't be read is counted and dropped.
class ServerLinkFsm {
 public:
  struct Options {
    protocol::JoinToken enrolment;  ///< servers, pins, network; its secret is sent until enrolled
    bool enrolled = false;          ///< the identity is already bound: no token is sent
    std::string wished_name;
    crypto::IdentitySecretKey identity;
    crypto::IdentityPublicKey identity_public;
    crypto::SessionPublicKey session_key;
    std::uint64_t record_serial = 0;  ///< of the last record signed; the next one is higher
    SeenSerials seen_serials = {};    ///< of stored records: lower ones are refused from the start
    std::vector<std::string> abilities = {std::string{protocol::ability::kWireguard}};  ///< for our record
    bool ipv6_inside = true;  ///< false: as if the network had no IPv6
  };
  ServerLinkFsm(Options options, RandomSource& random);
  ~ServerLinkFsm();

  void start(Now now);
  /// Leaves: deregisters if online (Deregistered follows), else goes idle at once with Deregistered.
  void leave(Now now);
  /// Stops without deregistering (SIGTERM): enrolment and address stay.
  void stop(Now now);

  // ---- driver events ----
  /// TLS is up and the server's key matched a pin; `exporter` are the 32 bytes of RFC 9266.
  void on_connected(ByteView exporter, Now now);
  void on_line(std::string_view line, Now now);
  /// The connection failed or ended, for this reason.
  void on_closed(std::string_view reason, Now now);
  /// This machine's addresses or routes changed, or it slept: a try that waits is made at once, one under way
  /// is begun anew, and a connection that stands must answer within kProbeTimeout or is made anew.
  void on_network_changed(Now now);
  void on_timeout(Now now);
  std::optional<SteadyTime> next_timeout() const;

  // ---- node's wishes; remembered over reconnects ----
  void set_candidates(std::vector<ice::Candidate> candidates, Now now);
  /// Asks for a peer and offers ourselves; the newest call per address counts. Repeated after each reconnect
  /// until disconnect().
  void connect(const net::IpAddress& virtual_address, std::string ufrag,
               std::vector<ice::Candidate> candidates, Now now);
  void disconnect(const net::IpAddress& virtual_address);

  /// Asks to hear of every change of this node, and again after each reconnect, until unsubscribe().
  /// PeerDescribed and PeerGone follow once the other side has agreed.
  void subscribe(const net::IpAddress& virtual_address, Now now);
  void unsubscribe(const net::IpAddress& virtual_address, Now now);
  /// What came of it; none when not subscribed.
  std::optional<protocol::SubscriptionState> subscription(const net::IpAddress& virtual_address) const;
  /// The answer to SubscribersAsk.
  void answer_subscribers(std::vector<net::IpAddress> accepted, std::vector<net::IpAddress> refused, Now now);
  /// Our policy changed: SubscribersAsk follows for all of them anew.
  void review_subscribers(Now now);

  /// Asks for the list of all nodes now, not only at its next turn (at registration, then at least every 30
  /// s). PeerDescribed follows for each.
  void refresh_directory(Now now);

  /// Tells the server how paths do. False: it was not told, because it is not reached, has not answered the
  /// last report, or is of a version without reports.
  bool report(std::vector<protocol::PathReport> paths, Now now);

  /// Puts a user, named by himself or by a node of his, on our user's friend list or takes him off.
  /// FriendChangeAnswered with this ticket follows, at once when the server is not there.
  void change_friend(std::uint64_t ticket, const std::string& name, bool listed, Now now);

  std::optional<LinkAction> poll_action();
  LinkState state() const;
  /// The address of the server in use or last tried, "host:port".
  std::string server() const;
  std::uint64_t record_serial() const;
  bool enrolled() const;

  struct Counters {
    std::uint64_t tries = 0, registrations = 0, lines_malformed = 0, replies_unexpected = 0,
                  nodes_disbelieved = 0, errors_received = 0;
  };
  const Counters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace causeway::link
