#include <utility>

#include "base/log.hpp"
#include "protocol/name.hpp"
#include "server/src/core/server_core.hpp"

namespace causeway::server {

using protocol::ErrorCode;
using protocol::RpcError;

namespace {

RpcError no_such_user(const std::string& name) {
  return {ErrorCode::no_such_user, "no user and no node is called " + name};
}

}  // namespace

void ServerCore::handle_friends(Connection& connection, const protocol::Request& request, Now now) {
  namespace method = protocol::method;
  if (request.method != method::kFriendsList) {
    return change_friend(connection, request, request.method == method::kFriendsAdd, now);
  }
  const Node& node = *connection.node;
  reply(connection.id, request.id, friends_of(directory_.network_of(node), node.row.user).to_json());
}

void ServerCore::change_friend(Connection& connection, const protocol::Request& request, bool listed, Now) {
  const Node& node = *connection.node;
  const ConnectionId id = connection.id;
  const auto params = protocol::FriendParams::parse(request.params);
  if (!params) return reply(id, request.id, RpcError{ErrorCode::invalid_params, params.error().message});
  Network& network = directory_.network_of(node);
  const UserRow* user = directory_.find_user(network, node.row.user);
  const UserRow* other = directory_.find_user(network, params->user);
  if (!other) {
    const auto named = network.by_name.find(protocol::fold_name(params->user));
    if (named != network.by_name.end()) other = directory_.find_user(network, named->second->row.user);
  }
  if (!user || !other) return reply(id, request.id, no_such_user(params->user));

  const std::string mine = user->name;
  const std::string theirs = other->name;
  const auto answer = [this, &network, mine, theirs] {
    auto list = friends_of(network, mine);
    list.user = theirs;
    return Answer(list.to_json());
  };
  const bool is_news = directory_.lists(network, mine, theirs) != listed;
  if (is_news && listed && network.friends[protocol::fold_name(mine)].size() >= protocol::kMaxFriends) {
    return reply(
        id, request.id,
        RpcError{ErrorCode::invalid_params, "the friend list holds " + std::to_string(protocol::kMaxFriends) +
                                                " and is full: remove somebody first"});
  }

  // Written even when it is no news: an earlier try may not have been stored.
  Directory::Changes changes;
  directory_.set_friend(network, *user, *other, listed, changes);
  if (is_news)
    log::info("server", "{} {} {} in {}", mine, listed ? "lists" : "no longer lists", theirs,
              network.row.name);
  // Does not wait for the disk: whoever takes somebody off the list wants him out.
  if (is_news && !listed) separate(network, mine, theirs);
  commit_and_reply(
      connection, request.id, std::move(changes), [answer](bool, Now) { return answer(); },
      [this, &network, mine, theirs, is_news](bool, Now) {
        if (!is_news) return;
        tell_friends(network, mine);
        tell_friends(network, theirs);
      });
}

protocol::FriendList ServerCore::friends_of(const Network& network, const std::string& user) const {
  protocol::FriendList made;
  const auto list = network.friends.find(protocol::fold_name(user));
  if (list == network.friends.end()) return made;
  for (const std::string& folded : list->second) {
    const UserRow* other = directory_.find_user(network, folded);
    if (!other) continue;
    made.friends.push_back(other->name);
    if (!directory_.lists(network, folded, user)) made.pending.push_back(other->name);
  }
  return made;
}

/// To every node of the user that is online: its list as it is.
void ServerCore::tell_friends(const Network& network, const std::string& user) {
  const auto line = std::make_shared<const std::string>(
      protocol::make_notification(protocol::method::kFriendsChanged, friends_of(network, user).to_json()));
  const std::string folded = protocol::fold_name(user);
  for (const auto& [address, node] : network.by_address) {
    if (protocol::fold_name(node->row.user) == folded) notify(*node, line);
  }
}

/// Nodes of the two users that can no longer reach each other are gone to each other, and their offers with
/// them.
void ServerCore::separate(Network& network, const std::string& user, const std::string& other) {
  const auto nodes_of = [&network](const std::string& name) {
    std::vector<Node*> nodes;
    for (const auto& [address, node] : network.by_address) {
      if (protocol::fold_name(node->row.user) == protocol::fold_name(name)) nodes.push_back(node);
    }
    return nodes;
  };
  const auto part = [this](Node& one, Node& two) {
    if (may_reach(one, two)) return;
    if (one.offers.erase(&two) > 0) two.offered_by.erase(&one);
    end_subscription(one, two);
    notify(one,
           std::make_shared<const std::string>(protocol::make_notification(
               protocol::method::kPeerChanged,
               protocol::PeerChanged{protocol::PeerStatusChange{*two.row.address, protocol::PeerStatus::gone}}
                   .to_json())));
  };
  const auto theirs = nodes_of(other);
  for (Node* mine : nodes_of(user)) {
    for (Node* their : theirs) {
      part(*mine, *their);
      part(*their, *mine);
    }
  }
}

}  // namespace causeway::server
