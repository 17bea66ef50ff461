#include "node/friend_book.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "protocol/name.hpp"

namespace causeway::node {
namespace {

using store::Friend;
using store::Pin;

bool is_same_name(std::string_view a, std::string_view b) {
  return protocol::fold_name(a) == protocol::fold_name(b);
}

bool has_given_keys(const Friend& entry) {
  return std::any_of(entry.pins.begin(), entry.pins.end(), [](const Pin& pin) { return pin.given; });
}

bool is_given(const Friend& entry, const crypto::IdentityPublicKey& identity) {
  return std::any_of(entry.pins.begin(), entry.pins.end(),
                     [&](const Pin& pin) { return pin.given && pin.identity == identity; });
}

bool has_pinned(const Friend& entry, const crypto::IdentityPublicKey& identity) {
  return std::any_of(entry.pins.begin(), entry.pins.end(),
                     [&](const Pin& pin) { return pin.identity == identity; });
}

bool is_in_place_of(const Pin& pin, const link::NodeDescription& node) {
  return pin.identity != node.record.identity &&
         (is_same_name(pin.name, node.name) || pin.address == node.virtual_address);
}

}  // namespace

// ---- the list ----

bool FriendBook::set_network(std::string_view network) {
  if (state_.network == network) return false;
  state_ = {};
  state_.network = network;
  return true;
}

bool FriendBook::set_list(const link::FriendsTold& told) {
  const store::FriendState before = state_;
  state_.user = told.user;
  state_.friends_only = told.friends_only;
  for (Friend& known : state_.friends)
    known.listed = known.mutual = false;
  for (const std::string& user : told.friends) {
    if (state_.friends.size() >= store::kMaxFriendEntries && !find_user(user)) continue;
    Friend& listed = entry(user);
    listed.listed = true;
    listed.mutual = std::none_of(told.pending.begin(), told.pending.end(),
                                 [&](const std::string& waiting) { return is_same_name(waiting, user); });
  }
  drop_empty();
  return state_ != before;
}

bool FriendBook::add(const std::string& user, const std::string& name,
                     const std::optional<crypto::IdentityPublicKey>& key) {
  if (!key) return false;  // the list itself comes by set_list()
  if (state_.friends.size() >= store::kMaxFriendEntries && !find_user(user)) return false;
  const store::FriendState before = state_;
  Friend& added = entry(user);
  if (!is_given(added, *key)) {
    // The user's word counts more than what was seen.
    if (added.pins.size() >= store::kMaxPinsPerFriend) added.pins.pop_back();
    added.pins.insert(added.pins.begin(), Pin{*key, name, std::nullopt, 0, true});
  }
  std::erase_if(added.pins, [&](const Pin& pin) { return !is_given(added, pin.identity); });
  return state_ != before;
}

bool FriendBook::remove(std::string_view user) {
  return std::erase_if(state_.friends, [&](const Friend& known) { return is_same_name(known.user, user); }) >
         0;
}

// ---- who is who ----

FriendBook::Verdict FriendBook::judge(const link::NodeDescription& node) {
  const auto& identity = node.record.identity;
  if (const Friend* displaced = displaced_by(node)) return {Standing::impostor, displaced->user};

  const auto by_identity = std::find_if(state_.friends.begin(), state_.friends.end(),
                                        [&](const Friend& known) { return has_pinned(known, identity); });
  Friend* owner = by_identity != state_.friends.end() ? &*by_identity : find_user(node.user);
  if (!owner) return {};
  if (has_given_keys(*owner) && !is_given(*owner, identity)) return {Standing::impostor, owner->user};
  const bool is_known = by_identity != state_.friends.end();
  if (!is_known && !owner->listed) return {};

  Verdict verdict{Standing::stranger, owner->user};
  verdict.changed = pin(*owner, node);
  if (owner->listed && has_pinned(*owner, identity)) verdict.standing = Standing::friend_node;
  return verdict;
}

const Friend* FriendBook::displaced_by(const link::NodeDescription& node) {
  for (Friend& known : state_.friends) {
    const bool is_named_by_user = is_given(known, node.record.identity);
    for (const Pin& pin : known.pins) {
      if (is_in_place_of(pin, node) && !is_named_by_user) return &known;
    }
    // The user has said that this is the friend: what was seen in its place before is outdated.
    if (is_named_by_user) {
      std::erase_if(known.pins, [&](const Pin& pin) { return !pin.given && is_in_place_of(pin, node); });
    }
  }
  return nullptr;
}

/// On first sight, or when a newer record of the same identity says that it has moved.
bool FriendBook::pin(Friend& owner, const link::NodeDescription& node) {
  const auto& record = node.record;
  for (Pin& seen : owner.pins) {
    if (seen.given || seen.identity != record.identity) continue;
    const bool is_same = seen.name == node.name && seen.address == node.virtual_address;
    if (is_same || record.serial < seen.serial) return false;
    seen.name = node.name;
    seen.address = node.virtual_address;
    seen.serial = record.serial;
    return true;
  }
  if (owner.pins.size() >= store::kMaxPinsPerFriend || pins() >= store::kMaxPins) {
    log::warning("node", "{} of friend {} is not pinned: too many nodes of friends are", node.name,
                 owner.user);
    return false;
  }
  owner.pins.push_back({record.identity, node.name, node.virtual_address, record.serial, false});
  log::info("node", "{} of friend {} is pinned: {}", node.name, owner.user, record.identity.to_base64());
  return true;
}

bool FriendBook::is_friend(const std::optional<crypto::IdentityPublicKey>& identity) const {
  return identity && std::any_of(state_.friends.begin(), state_.friends.end(), [&](const Friend& known) {
           return known.listed && has_pinned(known, *identity);
         });
}

const Friend* FriendBook::find(std::string_view name) const {
  for (const Friend& known : state_.friends) {
    if (is_same_name(known.user, name)) return &known;
  }
  for (const Friend& known : state_.friends) {
    for (const Pin& pin : known.pins) {
      if (is_same_name(pin.name, name)) return &known;
    }
  }
  return nullptr;
}

bool FriendBook::may_reach(std::string_view user) const {
  if (!state_.friends_only || user.empty() || is_same_name(user, state_.user)) return true;
  return std::any_of(state_.friends.begin(), state_.friends.end(), [&](const Friend& known) {
    return known.listed && known.mutual && is_same_name(known.user, user);
  });
}

// ---- entries ----

Friend* FriendBook::find_user(std::string_view user) {
  const auto found = std::find_if(state_.friends.begin(), state_.friends.end(),
                                  [&](const Friend& known) { return is_same_name(known.user, user); });
  return found == state_.friends.end() ? nullptr : &*found;
}

Friend& FriendBook::entry(const std::string& user) {
  if (Friend* known = find_user(user)) return *known;
  return state_.friends.emplace_back(Friend{user});
}

std::size_t FriendBook::pins() const {
  std::size_t count = 0;
  for (const Friend& known : state_.friends)
    count += known.pins.size();
  return count;
}

void FriendBook::drop_empty() {
  std::erase_if(state_.friends, [](const Friend& known) { return !known.listed && known.pins.empty(); });
}

}  // namespace causeway::node
