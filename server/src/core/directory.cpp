#include "server/src/core/directory.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <tuple>

#include "protocol/name.hpp"
#include "protocol/virtual_address6.hpp"

namespace causeway::server {

// ---- Node ----

std::size_t NodeHash::operator()(const Node* node) const {
  return std::hash<crypto::IdentityPublicKey>{}(node->row.identity);
}

bool EarlierNode::operator()(const Entry& a, const Entry& b) const {
  if (a.first != b.first) return a.first < b.first;
  return std::tie(a.second->row.network, a.second->row.identity) <
         std::tie(b.second->row.network, b.second->row.identity);
}

bool LowerNode::operator()(const Node* a, const Node* b) const {
  return std::tie(a->row.network, a->row.identity) < std::tie(b->row.network, b->row.identity);
}

const protocol::NodeRecord* Node::record(WallTime now) {
  if (!content_known_ && row.record) {
    // Checked when it came; the epoch as time asks for signature and form alone.
    if (auto content = protocol::verify(*row.record, row.network, WallTime{})) content_ = std::move(*content);
    content_known_ = true;
  }
  return content_ && content_->expires > now ? &*content_ : nullptr;
}

void Node::set_record(protocol::SignedRecord record, protocol::NodeRecord content) {
  row.record = std::move(record);
  row.serial = content.serial;
  content_ = std::move(content);
  content_known_ = true;
}

bool Node::is_visible(WallTime now) {
  if (!owns_address() || row.standing != Standing::enrolled) return false;
  const auto* told = record(now);
  if (!told || told->identity != row.identity || told->name != row.name) return false;
  const auto& addresses = told->virtual_addresses;
  const auto& prefix6 = network->row.prefix6;
  const auto is_foreign = [&](const net::IpAddress& address) {
    return !address.is_v4() && prefix6 && address != protocol::virtual_address6(*prefix6, *row.address);
  };
  return std::find(addresses.begin(), addresses.end(), *row.address) != addresses.end() &&
         std::none_of(addresses.begin(), addresses.end(), is_foreign);
}

// ---- loading ----

void Directory::load(Snapshot snapshot, WallTime now) {
  for (auto& row : snapshot.networks) {
    auto pool = AddressPool::parse(row.pool);
    if (!pool) throw std::runtime_error("network " + row.name + ": " + pool.error().message);
    const std::string name = row.name;
    networks_.emplace(
        name, std::make_unique<Network>(Network{std::move(row), std::move(*pool), {}, {}, {}, {}, {}, {}}));
  }
  for (auto& row : snapshot.users) {
    if (Network* network = find_network(row.network))
      network->users.emplace(protocol::fold_name(row.name), row);
  }
  for (const auto& row : snapshot.friends) {
    if (Network* network = find_network(row.network))
      network->friends[protocol::fold_name(row.user)].insert(protocol::fold_name(row.friend_user));
  }
  for (auto& row : snapshot.nodes) {
    Network* network = find_network(row.network);
    if (!network) continue;
    Node& node = add_node(*network, row.identity);
    node.row = std::move(row);
    node.durable = NodeFacts::of(node.row);
    if (node.row.standing == Standing::enrolled || node.row.standing == Standing::revoked) {
      network->by_name.emplace(protocol::fold_name(node.row.name), &node);
    }
    if (!node.row.offline_since) node.row.offline_since = now;
    if (!node.row.address) continue;
    network->pool.take(*node.row.address);
    if (node.row.freed_since) {
      network->quarantine.emplace(*node.row.freed_since, &node);
    } else {
      network->by_address.emplace(*node.row.address, &node);
      network->offline.emplace(*node.row.offline_since, &node);
    }
  }
  for (auto& row : snapshot.tokens)
    add_token(std::move(row));
}

// ---- look-up ----

Network* Directory::find_network(std::string_view name) {
  const auto found = networks_.find(std::string(name));
  return found == networks_.end() ? nullptr : found->second.get();
}

Result<Network*> Directory::add_network(NetworkRow row) {
  if (!protocol::is_valid_name(row.name)) {
    return Error{"network \"" + row.name + "\" is no name: use 1 to 63 letters, digits, '.', '_', '-'"};
  }
  const auto taken = [&row](const auto& entry) {
    return protocol::fold_name(entry.first) == protocol::fold_name(row.name);
  };
  if (const auto found = std::find_if(networks_.begin(), networks_.end(), taken); found != networks_.end()) {
    return Error{"there is a network \"" + found->first + "\" already: choose another name"};
  }
  auto pool = AddressPool::parse(row.pool);
  if (!pool) return pool.error();
  const std::string name = row.name;
  auto& slot = networks_[name];
  slot = std::make_unique<Network>(Network{std::move(row), std::move(*pool), {}, {}, {}, {}, {}, {}});
  return slot.get();
}

Node* Directory::find_node(std::string_view network_name, const crypto::IdentityPublicKey& identity) {
  Network* network = find_network(network_name);
  if (!network) return nullptr;
  const auto found = network->by_identity.find(identity);
  return found == network->by_identity.end() ? nullptr : found->second.get();
}

Node& Directory::add_node(Network& network, const crypto::IdentityPublicKey& identity) {
  auto& slot = network.by_identity[identity];
  if (!slot) {
    slot = std::make_unique<Node>();
    slot->row.network = network.row.name;
    slot->row.identity = identity;
    slot->network = &network;
  }
  return *slot;
}

void Directory::ensure_user(Network& network, std::string_view name, Changes& changes) {
  const auto [entry, added] =
      network.users.try_emplace(protocol::fold_name(name), UserRow{network.row.name, std::string(name)});
  if (added) changes.push_back(entry->second);
}

// ---- friends ----

const UserRow* Directory::find_user(const Network& network, std::string_view name) const {
  const auto found = network.users.find(protocol::fold_name(name));
  return found == network.users.end() ? nullptr : &found->second;
}

bool Directory::lists(const Network& network, std::string_view user, std::string_view other) const {
  const auto list = network.friends.find(protocol::fold_name(user));
  return list != network.friends.end() && list->second.contains(protocol::fold_name(other));
}

void Directory::set_friend(Network& network, const UserRow& user, const UserRow& other, bool listed,
                           Changes& changes) {
  auto& list = network.friends[protocol::fold_name(user.name)];
  if (listed) {
    list.insert(protocol::fold_name(other.name));
  } else {
    list.erase(protocol::fold_name(other.name));
  }
  changes.push_back(FriendRow{network.row.name, user.name, other.name, listed});
}

// ---- names ----

bool Directory::take_name(Node& node, std::string_view name) {
  auto& names = network_of(node).by_name;
  const auto [entry, added] = names.try_emplace(protocol::fold_name(name), &node);
  if (entry->second != &node) return false;
  if (added) {
    const auto former = names.find(protocol::fold_name(node.row.name));
    if (former != names.end() && former != entry && former->second == &node) names.erase(former);
  }
  node.row.name = name;
  return true;
}

void Directory::give_name_back(Node& node) {
  auto& names = network_of(node).by_name;
  const auto found = names.find(protocol::fold_name(node.row.name));
  if (found != names.end() && found->second == &node) names.erase(found);
}

std::string Directory::derive_name(const Network& network, const crypto::IdentityPublicKey& identity) const {
  const std::string digits = to_hex(identity.bytes);
  for (std::size_t length = 6;; length += 6) {
    std::string name = "node-" + digits.substr(0, std::min<std::size_t>(length, 48));
    if (length >= 48 || !network.by_name.contains(name)) return name;
  }
}

// ---- addresses ----

bool Directory::give_address(Node& node, Changes& changes) {
  Network& network = network_of(node);
  if (node.row.address) {  // it owns one, or one waits for it
    if (node.row.freed_since) network.quarantine.erase({*node.row.freed_since, &node});
    node.row.freed_since.reset();
  } else if (const auto lowest = network.pool.take_lowest()) {
    node.row.address = *lowest;
  } else if (!network.quarantine.empty()) {
    Node& former = *network.quarantine.begin()->second;
    node.row.address = former.row.address;
    network.quarantine.erase(network.quarantine.begin());
    former.row.address.reset();
    former.row.freed_since.reset();
    changes.push_back(former.row);  // before the new owner's row: an address is in one row at a time
  } else {
    return false;
  }
  network.by_address[*node.row.address] = &node;
  return true;
}

void Directory::free_address(Node& node, WallTime now) {
  if (!node.owns_address()) return;
  Network& network = network_of(node);
  network.by_address.erase(*node.row.address);
  if (node.row.offline_since) network.offline.erase({*node.row.offline_since, &node});
  node.row.freed_since = now;
  network.quarantine.emplace(now, &node);
}

void Directory::mark_online(Node& node) {
  if (node.row.offline_since) network_of(node).offline.erase({*node.row.offline_since, &node});
  node.row.offline_since.reset();
}

void Directory::mark_offline(Node& node, WallTime now) {
  if (node.row.offline_since) return;
  node.row.offline_since = now;
  if (node.owns_address()) network_of(node).offline.emplace(now, &node);
}

std::vector<std::pair<Node*, net::IpAddress>> Directory::expire(WallTime now, Changes& changes) {
  std::vector<std::pair<Node*, net::IpAddress>> lost;
  for (auto& [name, network] : networks_) {
    while (!network->offline.empty() && network->offline.begin()->first + kLease <= now) {
      Node& node = *network->offline.begin()->second;
      lost.emplace_back(&node, *node.row.address);
      free_address(node, now);
      changes.push_back(node.row);
    }
    while (!network->quarantine.empty() && network->quarantine.begin()->first + kQuarantine <= now) {
      Node& node = *network->quarantine.begin()->second;
      network->quarantine.erase(network->quarantine.begin());
      network->pool.give_back(*node.row.address);
      node.row.address.reset();
      node.row.freed_since.reset();
      changes.push_back(node.row);
    }
  }
  return lost;
}

// ---- tokens ----

namespace {

std::uint64_t prefix_of(const std::array<std::uint8_t, 32>& secret_hash) {
  std::uint64_t prefix = 0;
  std::memcpy(&prefix, secret_hash.data(), sizeof prefix);
  return prefix;
}

}  // namespace

TokenRow* Directory::find_token(const std::array<std::uint8_t, 32>& secret_hash) {
  const auto [begin, end] = token_ids_.equal_range(prefix_of(secret_hash));
  for (auto entry = begin; entry != end; ++entry) {
    TokenRow& token = tokens_.at(entry->second);
    if (CRYPTO_memcmp(token.secret_hash.data(), secret_hash.data(), secret_hash.size()) == 0) return &token;
  }
  return nullptr;
}

TokenRow* Directory::find_token_by_id(std::string_view id) {
  const auto found = tokens_.find(std::string(id));
  return found == tokens_.end() ? nullptr : &found->second;
}

void Directory::add_token(TokenRow token) {
  token_ids_.emplace(prefix_of(token.secret_hash), token.id);
  const std::string id = token.id;
  tokens_.insert_or_assign(id, std::move(token));
}

}  // namespace causeway::server
