#include "server/src/storage/memory_store.hpp"

namespace causeway::server {

Result<Snapshot> MemoryStore::load() {
  Snapshot snapshot;
  for (const auto& [key, row] : networks_)
    snapshot.networks.push_back(row);
  for (const auto& [key, row] : users_)
    snapshot.users.push_back(row);
  for (const auto& [key, row] : friends_)
    snapshot.friends.push_back(row);
  for (const auto& [key, row] : nodes_)
    snapshot.nodes.push_back(row);
  for (const auto& [key, row] : tokens_)
    snapshot.tokens.push_back(row);
  return snapshot;
}

void MemoryStore::commit(std::vector<Change> changes, Done done) {
  if (failing_) return done(Error{"told to fail"});
  for (const Change& change : changes)
    apply(change);
  ++commits_;
  done(std::nullopt);
}

void MemoryStore::apply(const Change& change) {
  if (const auto* network = std::get_if<NetworkRow>(&change)) networks_[network->name] = *network;
  if (const auto* user = std::get_if<UserRow>(&change)) users_[{user->network, user->name}] = *user;
  if (const auto* entry = std::get_if<FriendRow>(&change)) {
    const std::tuple key(entry->network, entry->user, entry->friend_user);
    if (entry->listed) {
      friends_[key] = *entry;
    } else {
      friends_.erase(key);
    }
  }
  if (const auto* node = std::get_if<NodeRow>(&change)) nodes_[{node->network, node->identity}] = *node;
  if (const auto* token = std::get_if<TokenRow>(&change)) {
    auto spent = std::move(tokens_[token->id].spent_by);
    tokens_[token->id] = *token;
    tokens_[token->id].spent_by = std::move(spent);
  }
  if (const auto* spend = std::get_if<TokenSpend>(&change))
    tokens_[spend->token].spent_by.insert(spend->identity);
}

}  // namespace causeway::server
