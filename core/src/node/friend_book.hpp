#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "link/node_verifier.hpp"
#include "link/server_link_fsm.hpp"
#include "store/friend_state.hpp"

namespace causeway::node {

/// Who our user's friends are, and which identities are theirs (design: a friend's identity is pinned on
/// first sight or by `friend add --key`). Decides whether a node that the server describes is who it claims
/// to be. The server can change the list, never a pin: pins go only by `friend remove` here.
class FriendBook {
 public:
  explicit FriendBook(store::FriendState state) : state_(std::move(state)) {}
  const store::FriendState& state() const { return state_; }

  // Each returns whether there is something new to be stored.
  /// What is known of another network's users is worth nothing in this one.
  bool set_network(std::string_view network);
  bool set_list(const link::FriendsTold& told);
  /// `user` was put on the list, meant by `name`; with a key, only keys so given are the user's.
  bool add(const std::string& user, const std::string& name,
           const std::optional<crypto::IdentityPublicKey>& key);
  /// Forgets the friend and his pins.
  bool remove(std::string_view user);

  enum class Standing : std::uint8_t {
    stranger,
    friend_node,  ///< of a user on the list, and its identity is pinned
    impostor,     ///< has the name or address of a friend's node, or claims his user, with another identity
  };
  struct Verdict {
    Standing standing = Standing::stranger;
    std::string friend_user;  ///< whose friend, or in whose place
    bool changed = false;     ///< a pin was made or moved: to be stored
  };
  Verdict judge(const link::NodeDescription& node);

  bool is_friend(const std::optional<crypto::IdentityPublicKey>& identity) const;
  /// By user, or by the name of a pinned node; null if there is none.
  const store::Friend* find(std::string_view name) const;
  /// In a friends-only network: our own user and mutual friends. A user that we were not told of passes.
  bool may_reach(std::string_view user) const;

 private:
  store::Friend* find_user(std::string_view user);
  store::Friend& entry(const std::string& user);
  std::size_t pins() const;
  /// The friend whose place the node takes; null when it takes nobody's.
  const store::Friend* displaced_by(const link::NodeDescription& node);
  bool pin(store::Friend& owner, const link::NodeDescription& node);
  void drop_empty();

  store::FriendState state_;
};

}  // namespace causeway::node
