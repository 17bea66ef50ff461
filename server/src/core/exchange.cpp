#include <algorithm>
#include <utility>

#include "protocol/name.hpp"
#include "server/src/core/page_budget.hpp"
#include "server/src/core/server_core.hpp"

namespace causeway::server {

using protocol::ErrorCode;
using protocol::Json;
using protocol::RpcError;

ServerCore::Answer ServerCore::query(Node& node, const Json& json, Now now) {
  const auto params = protocol::QueryParams::parse(json);
  if (!params) return RpcError{ErrorCode::invalid_params, params.error().message};
  const Network& network = directory_.network_of(node);
  protocol::QueryResult result;
  PageBudget budget;
  std::optional<net::IpAddress> last = params->after;
  /// False: the page is full and `last` says where to go on.
  const auto add = [&](const net::IpAddress& address, Node* found) {
    if (found && may_reach(node, *found) && found->is_visible(now.wall)) {
      auto described = describe_with_hints(*found, node, now);
      if (!budget.take(described)) return false;
      result.nodes.push_back(std::move(described));
    } else if (params->addresses) {
      if (!budget.take(48, 1)) return false;
      result.unreachable.push_back(address);
    }
    last = address;
    return true;
  };

  if (params->addresses) {
    auto addresses = *params->addresses;
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    for (const auto& address : addresses) {
      if (params->after && address <= *params->after) continue;
      const auto found = network.by_address.find(address);
      if (!add(address, found == network.by_address.end() ? nullptr : found->second)) {
        result.next = last;
        break;
      }
    }
  } else {
    auto entry = params->after ? network.by_address.upper_bound(*params->after) : network.by_address.begin();
    for (; entry != network.by_address.end(); ++entry) {
      if (entry->second == &node) continue;
      if (!add(entry->first, entry->second)) {
        result.next = last;
        break;
      }
    }
  }
  return result.to_json();
}

bool ServerCore::may_reach(const Node& asker, const Node& other) const {
  if (asker.row.network != other.row.network) return false;
  const Network& network = *directory_.networks().at(asker.row.network);
  if (!network.row.friends_only) return true;
  const std::string& mine = asker.row.user;
  const std::string& theirs = other.row.user;
  if (protocol::fold_name(mine) == protocol::fold_name(theirs)) return true;
  return directory_.lists(network, mine, theirs) && directory_.lists(network, theirs, mine);
}

ServerCore::Answer ServerCore::connect(Node& node, const Json& json, Now now) {
  auto params = protocol::ConnectParams::parse(json);
  if (!params) return RpcError{ErrorCode::invalid_params, params.error().message};
  const Network& network = directory_.network_of(node);
  const auto found = network.by_address.find(params->virtual_address);
  // The same words whether nobody has it or somebody who is none of the asker's business.
  if (found == network.by_address.end() || found->second == &node || !may_reach(node, *found->second)) {
    return RpcError{ErrorCode::no_such_address,
                    "no node that you may reach has " + params->virtual_address.to_string()};
  }
  Node& peer = *found->second;
  if (node.offers.size() >= kMaxOffers && !node.offers.contains(&peer)) {
    return RpcError{ErrorCode::try_later, "too many peers at once", 60'000};
  }
  node.offers[&peer] = Offer{std::move(params->ufrag), std::move(params->candidates)};
  peer.offered_by.insert(&node);
  deliver_offer(node, peer, now);
  // The offer waits: the peer gets it when it registers, and the asker hears of that.
  if (!peer.registered || !peer.is_visible(now.wall)) {
    return RpcError{ErrorCode::unreachable, params->virtual_address.to_string() + " is not online"};
  }
  protocol::ConnectResult result{describe_with_hints(peer, node, now)};
  if (const auto offer = peer.offers.find(&node); offer != peer.offers.end())
    result.ufrag = offer->second.ufrag;
  return result.to_json();
}

/// To an asker that this node has offered itself: with the candidates of that offer.
protocol::NodeInfo ServerCore::describe(Node& node, Node* asker) const {
  const auto offer = asker ? node.offers.find(asker) : node.offers.end();
  return {*node.row.address,
          node.row.name,
          node.registered,
          *node.row.record,
          offer == node.offers.end() ? node.candidates : offer->second.candidates,
          node.row.user};
}

void ServerCore::tell_watchers(Node& node, Now now) {
  if ((node.offered_by.empty() && node.subscribers.empty()) || !node.is_visible(now.wall)) return;
  const auto line = std::make_shared<const std::string>(protocol::make_notification(
      protocol::method::kPeerChanged, protocol::PeerChanged{describe(node, nullptr)}.to_json()));
  for (const Node* watcher : node.offered_by) {
    if (may_reach(*watcher, node)) notify(*watcher, line);
  }
  for (Node* subscriber : node.subscribers) {
    const bool is_accepted = subscriber->subscriptions.at(&node) == Consent::given;
    if (is_accepted && !node.offered_by.contains(subscriber) && may_reach(*subscriber, node))
      notify(*subscriber, line);
  }
}

void ServerCore::tell_status(Node& node, const net::IpAddress& address, protocol::PeerStatus status,
                             Audience audience) {
  const auto line = std::make_shared<const std::string>(protocol::make_notification(
      protocol::method::kPeerChanged,
      protocol::PeerChanged{protocol::PeerStatusChange{address, status}}.to_json()));
  if (audience == Audience::network) {
    for (const auto& [other_address, other] : directory_.network_of(node).by_address) {
      if (other != &node && may_reach(*other, node)) notify(*other, line);
    }
    return;
  }
  for (const Node* watcher : node.offered_by) {
    if (may_reach(*watcher, node)) notify(*watcher, line);
  }
  for (const auto& [peer, offer] : node.offers) {
    if (!node.offered_by.contains(peer) && may_reach(*peer, node)) notify(*peer, line);
  }
  for (Node* subscriber : node.subscribers) {
    if (node.offered_by.contains(subscriber) || node.offers.contains(subscriber)) continue;
    // Presence is for those it was promised to; that there is nothing to wait for any more, for all.
    const bool is_accepted = subscriber->subscriptions.at(&node) == Consent::given;
    if ((is_accepted || status != protocol::PeerStatus::offline) && may_reach(*subscriber, node))
      notify(*subscriber, line);
  }
}

void ServerCore::deliver_offer(Node& from, Node& to, Now now) {
  const auto offer = from.offers.find(&to);
  if (offer == from.offers.end() || !to.registered || !from.registered || !from.is_visible(now.wall)) return;
  if (!may_reach(to, from)) return;
  notify(to, std::make_shared<const std::string>(protocol::make_notification(
                 protocol::method::kConnectOffer,
                 protocol::ConnectOffer{describe_with_hints(from, to, now), offer->second.ufrag}.to_json())));
}

void ServerCore::deliver_offers(Node& node, Now now) {
  for (Node* other : node.offered_by)
    deliver_offer(*other, node, now);
  for (const auto& [peer, offer] : node.offers)
    deliver_offer(node, *peer, now);
}

void ServerCore::drop_own_ties(Node& node) {
  drop_own_offers(node);
  end_subscriptions(node);
}

void ServerCore::drop_all_ties(Node& node) {
  drop_own_ties(node);
  for (Node* other : node.offered_by)
    other->offers.erase(&node);
  node.offered_by.clear();
  end_subscribers(node);
}

void ServerCore::drop_own_offers(Node& node) {
  for (const auto& [peer, offer] : node.offers)
    peer->offered_by.erase(&node);
  node.offers.clear();
}

}  // namespace causeway::server
