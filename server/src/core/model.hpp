#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "net/endpoint.hpp"
#include "protocol/join_token.hpp"
#include "protocol/node_record.hpp"

/// The durable facts, as rows. A row is always written whole, so that writing it again does no harm.
namespace causeway::server {

struct NetworkRow {
  std::string name;
  std::string pool;           ///< "10.10.0.0/24" or "10.10.0.101-10.10.0.250"
  bool friends_only = false;  ///< nodes reach those of their own user and of mutual friends alone
  std::optional<net::Prefix> prefix6 = {};  ///< none: of a version that knew no IPv6 inside

  friend bool operator==(const NetworkRow&, const NetworkRow&) = default;
};

struct UserRow {
  std::string network;
  std::string name;

  friend bool operator==(const UserRow&, const UserRow&) = default;
};

/// One entry of a user's friend list, by the users' own spelling of their names.
struct FriendRow {
  std::string network;
  std::string user;         ///< whose list
  std::string friend_user;  ///< who is on it
  bool listed = true;       ///< false: taken off; never read back

  friend bool operator==(const FriendRow&, const FriendRow&) = default;
};

enum class Standing : std::uint8_t {
  enrolled = 0,
  left = 1,     ///< deregistered by itself; it may come back without a token
  removed = 2,  ///< by the administrator; it needs a token to come back
  revoked = 3,  ///< by the administrator; it may not come back
};

struct NodeRow {
  std::string network;
  crypto::IdentityPublicKey identity;
  std::string name;
  std::string user;
  Standing standing = Standing::enrolled;
  std::optional<net::IpAddress> address = {};
  std::optional<WallTime> freed_since =
      {};  ///< set: the address waits for its owner and is given to others last
  std::optional<WallTime> offline_since = {};  ///< none: connected when this row was written
  std::uint64_t epoch = 0;                     ///< of the last registration
  std::optional<protocol::SignedRecord> record = {};
  std::uint64_t serial = 0;  ///< of `record`

  friend bool operator==(const NodeRow&, const NodeRow&) = default;
};

/// The part of a row that a reply to the node has promised; presence and epoch are not in it.
struct NodeFacts {
  Standing standing = Standing::enrolled;
  std::optional<net::IpAddress> address = {};
  bool is_freed = false;
  bool has_record = false;
  std::uint64_t serial = 0;

  static NodeFacts of(const NodeRow& row) {
    return {row.standing, row.address, row.freed_since.has_value(), row.record.has_value(), row.serial};
  }
  friend bool operator==(const NodeFacts&, const NodeFacts&) = default;
};

struct TokenRow {
  std::string id;  ///< what list and revoke call it; says nothing about the secret
  std::string network;
  std::string user;
  std::array<std::uint8_t, 32> secret_hash{};  ///< SHA-256
  std::uint32_t uses = 1;
  std::unordered_set<crypto::IdentityPublicKey> spent_by = {};  ///< stored as TokenSpend, never with the row
  WallTime created{};
  WallTime expires{};
  bool revoked = false;

  friend bool operator==(const TokenRow&, const TokenRow&) = default;
};

/// One use of a token, by the node key that spent it. Stored after its token.
struct TokenSpend {
  std::string token;  ///< id
  crypto::IdentityPublicKey identity;

  friend bool operator==(const TokenSpend&, const TokenSpend&) = default;
};

using Change = std::variant<NetworkRow, UserRow, FriendRow, NodeRow, TokenRow, TokenSpend>;

struct Snapshot {
  std::vector<NetworkRow> networks;
  std::vector<UserRow> users;
  std::vector<FriendRow> friends;
  std::vector<NodeRow> nodes;
  std::vector<TokenRow> tokens;
};

/// What init decided for this server; does not change while it runs.
struct ServerSettings {
  std::string listen;                 ///< "ip:port"
  protocol::HostPort public_address;  ///< what tokens name
  std::vector<net::Endpoint> stun_listen;
  std::vector<net::Endpoint> stun_public;  ///< what nodes are told
  std::vector<std::string> turn_uris;
  std::string turn_secret;
  std::vector<protocol::KeyPin> pins;
};

}  // namespace causeway::server
