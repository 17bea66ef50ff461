#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "protocol/candidate.hpp"
#include "server/src/core/actions.hpp"
#include "server/src/core/address_pool.hpp"
#include "server/src/core/model.hpp"

namespace causeway::server {

/// What one node has offered another by `connect`.
struct Offer {
  std::string ufrag;
  std::vector<protocol::WireCandidate> candidates;
};

/// What a node says to another one that wants to hear of its changes.
enum class Consent : std::uint8_t {
  unasked,
  asked,
  given,
  refused,
};

struct Node;
struct Network;

/// By identity, never by where a node lies in memory: a simulated run must replay in any process.
struct NodeHash {
  std::size_t operator()(const Node* node) const;
};
struct EarlierNode {
  using Entry = std::pair<WallTime, Node*>;
  bool operator()(const Entry& a, const Entry& b) const;
};

struct LowerNode {
  bool operator()(const Node* a, const Node* b) const;
};

struct Node {
  NodeRow row;
  const Network* network = nullptr;
  // ---- what a crash would leave of it ----
  std::optional<NodeFacts> durable = {};  ///< of the row that was stored last
  unsigned unsettled = 0;                 ///< commits under way that would change `durable`
  // ---- presence: from authentication to the end of the connection ----
  ConnectionId connection = ConnectionId::none;
  bool registered = false;
  WallTime connected_since{};
  crypto::SessionPublicKey session_key;
  std::vector<protocol::WireCandidate> candidates;
  std::unordered_map<Node*, Offer, NodeHash> offers;           ///< to others, since this registration
  std::unordered_set<Node*, NodeHash> offered_by;              ///< others that have an offer to this one
  std::unordered_map<Node*, Consent, NodeHash> subscriptions;  ///< to others, since this registration
  std::unordered_set<Node*, NodeHash> subscribers;  ///< others that have a subscription to this one
  std::set<Node*, LowerNode> to_ask;                ///< of these: those that this node was not asked about
  std::map<net::IpAddress, Node*> asked;  ///< by the request that this node has not answered, as named there
  std::optional<WallTime> turn_renewal;   ///< its entry among the renewals of TURN credentials

  bool owns_address() const { return row.address && !row.freed_since; }
  /// A crash at this moment would lose nothing of what the row promises.
  bool is_durable() const { return unsettled == 0 && durable == NodeFacts::of(row); }
  /// The stored record, checked on first use; none when there is none or it is no longer good.
  const protocol::NodeRecord* record(WallTime now);
  void set_record(protocol::SignedRecord record, protocol::NodeRecord content);
  /// Others may hear of it: its record names the address and the name it has here, and no IPv6 address but
  /// the one that goes with it.
  bool is_visible(WallTime now);

 private:
  std::optional<protocol::NodeRecord> content_;
  bool content_known_ = false;
};

struct Network {
  NetworkRow row;
  AddressPool pool;
  std::map<std::string, UserRow> users;  // by folded name
  std::unordered_map<crypto::IdentityPublicKey, std::unique_ptr<Node>> by_identity;
  std::unordered_map<std::string, Node*> by_name;                // folded; nodes that hold their name
  std::map<net::IpAddress, Node*> by_address;                    // owners
  std::set<std::pair<WallTime, Node*>, EarlierNode> quarantine;  // freed addresses, oldest first
  std::set<std::pair<WallTime, Node*>, EarlierNode> offline;     // owners that are away, longest first
  std::map<std::string, std::set<std::string>> friends = {};     // by folded user: folded users on the list
};

/// All networks in memory, with the rules of who owns which address and name. Changes are appended for the
/// store. Nodes are never destroyed while it lives, so Node pointers stay good.
class Directory {
 public:
  static constexpr auto kLease = std::chrono::hours(24);
  static constexpr auto kQuarantine = std::chrono::hours(24);
  using Changes = std::vector<Change>;

  /// A node that was connected when the rows were last written counts as offline since `now`.
  void load(Snapshot snapshot, WallTime now);

  Network* find_network(std::string_view name);
  /// The error says why there can be no such network: its name or pool is none, or the name is taken (case
  /// does not count).
  Result<Network*> add_network(NetworkRow row);
  const std::map<std::string, std::unique_ptr<Network>>& networks() const { return networks_; }
  Node* find_node(std::string_view network, const crypto::IdentityPublicKey& identity);
  Network& network_of(const Node& node) { return *networks_.at(node.row.network); }

  Node& add_node(Network& network, const crypto::IdentityPublicKey& identity);
  void ensure_user(Network& network, std::string_view name, Changes& changes);

  /// None when the network has no user of that name.
  const UserRow* find_user(const Network& network, std::string_view name) const;
  /// Whether `other` is on the list of `user`.
  bool lists(const Network& network, std::string_view user, std::string_view other) const;
  void set_friend(Network& network, const UserRow& user, const UserRow& other, bool listed, Changes& changes);

  /// False: another node has it. The node's former name is free then.
  bool take_name(Node& node, std::string_view name);
  void give_name_back(Node& node);
  /// "node-1a2b3c" by the identity, longer where that is taken.
  std::string derive_name(const Network& network, const crypto::IdentityPublicKey& identity) const;

  /// Its own address, one that waits for it, else the lowest free one, else the one that has waited longest
  /// for another.
  bool give_address(Node& node, Changes& changes);
  /// The address waits for this node; others get it last.
  void free_address(Node& node, WallTime now);
  void mark_online(Node& node);
  void mark_offline(Node& node, WallTime now);

  /// Ends leases and quarantines; returns the nodes that lost their address.
  std::vector<std::pair<Node*, net::IpAddress>> expire(WallTime now, Changes& changes);

  TokenRow* find_token(const std::array<std::uint8_t, 32>& secret_hash);
  TokenRow* find_token_by_id(std::string_view id);
  void add_token(TokenRow token);
  const std::map<std::string, TokenRow>& tokens() const { return tokens_; }

 private:
  std::map<std::string, std::unique_ptr<Network>> networks_;
  std::map<std::string, TokenRow> tokens_;  // by id
  // By the first bytes of the hashed secret: what takes a telling time is compared apart, in constant time.
  std::unordered_multimap<std::uint64_t, std::string> token_ids_;
};

}  // namespace causeway::server
