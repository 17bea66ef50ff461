#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/keys.hpp"
#include "net/endpoint.hpp"

/// What this node knows of its user's friends, as plain values. The list is the server's; pins are our own.
namespace causeway::store {

/// A node of a friend is who it was when we first saw it, or whom the user named.
struct Pin {
  crypto::IdentityPublicKey identity;
  std::string name;                       ///< of the node; as given to `friend add` when `given`
  std::optional<net::IpAddress> address;  ///< none: named by key and not seen yet
  std::uint64_t serial = 0;               ///< of the record that name and address are from
  bool given = false;                     ///< by `friend add --key`: only such keys are this friend's

  friend bool operator==(const Pin&, const Pin&) = default;
};

struct Friend {
  std::string user;
  bool listed = false;  ///< on the user's list, as the server last told; pins stay when it is not
  bool mutual = false;  ///< lists our user, too
  std::vector<Pin> pins = {};

  friend bool operator==(const Friend&, const Friend&) = default;
};

struct FriendState {
  std::string network;        ///< that all of this is about
  std::string user;           ///< whose node we are
  bool friends_only = false;  ///< the network lets nodes reach their own user's and mutual friends' alone
  std::vector<Friend> friends;

  friend bool operator==(const FriendState&, const FriendState&) = default;
};

inline constexpr std::size_t kMaxFriendEntries = 800;  ///< listed ones, and others that pins are kept of
inline constexpr std::size_t kMaxPinsPerFriend = 64;
inline constexpr std::size_t kMaxPins = 4096;

}  // namespace causeway::store
