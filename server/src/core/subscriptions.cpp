#include <algorithm>
#include <utility>

#include "server/src/core/page_budget.hpp"
#include "server/src/core/server_core.hpp"

/// Who hears of whose changes without a connection (spec M9/M10): the asker's wish, and the word of the one
/// it is about. A wish lives as long as its asker is connected, the word as long as the wish.
namespace causeway::server {

using protocol::ErrorCode;
using protocol::Json;
using protocol::RpcError;
using protocol::SubscriptionState;

namespace {

constexpr std::uint32_t kTooManyRetryMs = 60'000;

SubscriptionState state_of(Consent consent) {
  switch (consent) {
    case Consent::unasked:
    case Consent::asked:
      return SubscriptionState::pending;
    case Consent::given:
      return SubscriptionState::accepted;
    case Consent::refused:
      return SubscriptionState::refused;
  }
  return SubscriptionState::pending;
}

}  // namespace

ServerCore::Answer ServerCore::subscribe(Node& node, const Json& json, Now now) {
  const auto params = protocol::SubscribeParams::parse(json);
  if (!params) return RpcError{ErrorCode::invalid_params, params.error().message};
  const Network& network = directory_.network_of(node);
  protocol::SubscribeResult result;
  std::vector<Node*> to_be_asked;
  for (const auto& address : params->addresses) {
    const auto found = network.by_address.find(address);
    // The same words whether nobody has it or somebody who is none of the asker's business.
    if (found == network.by_address.end() || found->second == &node || !may_reach(node, *found->second)) {
      result.subscriptions.push_back({address, SubscriptionState::no_such_address});
      continue;
    }
    Node& target = *found->second;
    if (!node.subscriptions.contains(&target)) {
      if (node.subscriptions.size() >= kMaxSubscriptions) {
        return RpcError{ErrorCode::try_later, "too many subscriptions at once", kTooManyRetryMs};
      }
      target.subscribers.insert(&node);
      target.to_ask.insert(&node);
      to_be_asked.push_back(&target);
    }
    const Consent consent = node.subscriptions.try_emplace(&target, Consent::unasked).first->second;
    result.subscriptions.push_back({address, state_of(consent)});
  }
  for (Node* target : to_be_asked)
    ask_about_subscribers(*target, now);
  return result.to_json();
}

ServerCore::Answer ServerCore::unsubscribe(Node& node, const Json& json) {
  const auto params = protocol::SubscribeParams::parse(json);
  if (!params) return RpcError{ErrorCode::invalid_params, params.error().message};
  const Network& network = directory_.network_of(node);
  for (const auto& address : params->addresses) {
    const auto found = network.by_address.find(address);
    if (found != network.by_address.end()) end_subscription(node, *found->second);
  }
  return Json::object();
}

/// What the node says to those who were named to it. By address, as it was then: it may have changed hands
/// since, and consent is for one node.
ServerCore::Answer ServerCore::answer_subscribers(Node& node, const Json& json, Now now) {
  const auto params = protocol::SubscriptionAnswer::parse(json);
  if (!params) return RpcError{ErrorCode::invalid_params, params.error().message};
  const auto asked = std::exchange(node.asked, {});
  const auto has_accepted = [&params](const net::IpAddress& address) {
    return std::find(params->accepted.begin(), params->accepted.end(), address) != params->accepted.end();
  };
  for (const auto& [address, subscriber] : asked) {
    const auto entry = subscriber->subscriptions.find(&node);
    if (entry == subscriber->subscriptions.end() || entry->second != Consent::asked) continue;
    const bool yes = has_accepted(address) && may_reach(*subscriber, node);
    entry->second = yes ? Consent::given : Consent::refused;
    tell_consent(*subscriber, node, now);
  }
  // A refusal needs no question: consent can be taken back at any time.
  const Network& network = directory_.network_of(node);
  for (const auto& address : params->refused) {
    const auto found = network.by_address.find(address);
    if (found == network.by_address.end()) continue;
    const auto entry = found->second->subscriptions.find(&node);
    if (entry == found->second->subscriptions.end() || entry->second != Consent::given) continue;
    entry->second = Consent::refused;
    tell_consent(*found->second, node, now);
  }
  ask_about_subscribers(node, now);
  return Json::object();
}

/// One request under way for each node that is asked: however many subscribe, however often, it sets the
/// pace.
void ServerCore::ask_about_subscribers(Node& node, Now now) {
  if (!node.registered || !node.asked.empty()) return;
  protocol::SubscriptionRequest request;
  PageBudget budget;
  while (!node.to_ask.empty() && request.nodes.size() < kMostAskedAtOnce) {
    Node& subscriber = **node.to_ask.begin();
    const auto entry = subscriber.subscriptions.find(&node);
    // One that nobody may hear of yet comes back by offer_subscriptions().
    const bool is_askable = entry != subscriber.subscriptions.end() && entry->second == Consent::unasked &&
                            subscriber.registered && subscriber.is_visible(now.wall) &&
                            may_reach(node, subscriber);
    if (is_askable) {
      auto described = describe(subscriber, nullptr);
      described.candidates.clear();
      if (!budget.take(described)) break;
      entry->second = Consent::asked;
      node.asked.emplace(described.virtual_address, &subscriber);
      request.nodes.push_back(std::move(described));
    }
    node.to_ask.erase(node.to_ask.begin());
  }
  if (request.nodes.empty()) return;
  notify(node, std::make_shared<const std::string>(
                   protocol::make_notification(protocol::method::kSubscriptionRequest, request.to_json())));
}

/// The node can be heard of now: those whom it subscribed to before are asked.
void ServerCore::offer_subscriptions(Node& node, Now now) {
  for (const auto& [target, consent] : node.subscriptions) {
    if (consent != Consent::unasked) continue;
    target->to_ask.insert(&node);
    ask_about_subscribers(*target, now);
  }
}

void ServerCore::review_subscribers(Node& node, bool keeps_answers, Now now) {
  node.asked.clear();
  for (Node* subscriber : node.subscribers) {
    Consent& consent = subscriber->subscriptions.at(&node);
    const bool has_answered = consent == Consent::given || consent == Consent::refused;
    if (keeps_answers && has_answered) continue;
    consent = Consent::unasked;
    node.to_ask.insert(subscriber);
  }
  ask_about_subscribers(node, now);
}

void ServerCore::tell_consent(Node& subscriber, Node& node, Now now) {
  const Consent consent = subscriber.subscriptions.at(&node);
  protocol::SubscriptionChanged change{{*node.row.address, state_of(consent)}};
  if (consent == Consent::given && node.is_visible(now.wall)) change.node = describe(node, &subscriber);
  notify(subscriber, std::make_shared<const std::string>(protocol::make_notification(
                         protocol::method::kSubscriptionChanged, change.to_json())));
}

void ServerCore::end_subscription(Node& subscriber, Node& node) {
  if (subscriber.subscriptions.erase(&node) == 0) return;
  node.subscribers.erase(&subscriber);
  node.to_ask.erase(&subscriber);
}

void ServerCore::end_subscriptions(Node& node) {
  for (const auto& [target, consent] : std::exchange(node.subscriptions, {})) {
    target->subscribers.erase(&node);
    target->to_ask.erase(&node);
  }
}

void ServerCore::end_subscribers(Node& node) {
  for (Node* subscriber : std::exchange(node.subscribers, {}))
    subscriber->subscriptions.erase(&node);
  node.to_ask.clear();
  node.asked.clear();
}

}  // namespace causeway::server
