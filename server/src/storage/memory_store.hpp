#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "server/src/storage/store.hpp"

namespace causeway::server {

/// Keeps rows as a database would, for tests: what load() returns is what a restarted server would find.
/// Answers at once.
class MemoryStore final : public Store {
 public:
  Result<Snapshot> load() override;
  void commit(std::vector<Change> changes, Done done) override;

  /// While set, nothing is stored and every commit fails.
  void fail_commits(bool failing) { failing_ = failing; }
  std::size_t commits() const { return commits_; }

 private:
  void apply(const Change& change);

  std::map<std::string, NetworkRow> networks_;
  std::map<std::pair<std::string, std::string>, UserRow> users_;
  std::map<std::tuple<std::string, std::string, std::string>, FriendRow> friends_;
  std::map<std::pair<std::string, crypto::IdentityPublicKey>, NodeRow> nodes_;
  std::map<std::string, TokenRow> tokens_;
  bool failing_ = false;
  std::size_t commits_ = 0;
};

}  // namespace causeway::server
