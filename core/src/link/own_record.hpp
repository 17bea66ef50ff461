#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "net/endpoint.hpp"
#include "protocol/node_record.hpp"

namespace causeway::link {

/// This node's record: signed when its content changes, and again every day, so that it is good for a month
/// without any server.
class OwnRecord {
 public:
  OwnRecord(const crypto::IdentitySecretKey& identity, const crypto::IdentityPublicKey& identity_public,
            const crypto::SessionPublicKey& session_key, std::string network,
            std::vector<std::string> abilities, std::uint64_t serial);

  /// True: the content is new, and the record was signed anew.
  bool describe(const std::string& name, std::vector<net::IpAddress> virtual_addresses, Now now);
  /// The serial has been used up to an unknown height: the next record continues well above.
  void leap_serial(Now now);
  bool renew_if_due(Now now);
  std::optional<SteadyTime> renewal() const { return renewal_; }

  /// nullopt before the first describe(); else a record that is not about to expire.
  std::optional<protocol::SignedRecord> current(Now now);
  std::uint64_t serial() const { return record_.serial; }

 private:
  void sign(Now now);

  crypto::IdentitySecretKey identity_;
  protocol::NodeRecord record_;
  std::optional<protocol::SignedRecord> signed_;
  std::optional<SteadyTime> renewal_;
};

}  // namespace causeway::link
