#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "ice/candidate.hpp"
#include "net/endpoint.hpp"
#include "path/path.hpp"
#include "protocol/messages.hpp"

namespace causeway::link {

/// Another node as the server describes it. The record has been verified: signature by its own identity,
/// network, address, name, expiry, and a serial not lower than the newest seen of that identity.
struct NodeDescription {
  net::IpAddress virtual_address;
  std::string name;
  bool online = false;
  protocol::NodeRecord record;
  std::vector<ice::Candidate> candidates;
  protocol::SignedRecord signed_record =
      {};                 ///< what `record` was read from, to be stored or shown to others
  std::string user = {};  ///< whose node it is, by the server's word alone
  std::optional<net::IpAddress> virtual_address6 =
      {};  ///< that it has announced; none: it knows no IPv6 inside
  /// What the server, by its own word alone, thinks of the paths to it; none: nothing new.
  std::optional<std::vector<path::HintFor>> hints = {};
};

/// The IPv6 virtual address that the record announces. An error: it is not the one that goes with
/// `virtual_address`. Without a prefix none is believed in.
Result<std::optional<net::IpAddress>> announced_address6(const protocol::NodeRecord& record,
                                                         const net::IpAddress& virtual_address,
                                                         const std::optional<net::Prefix>& prefix6);

/// Newest serial per identity, as far as this node has seen.
using SeenSerials = std::unordered_map<crypto::IdentityPublicKey, std::uint64_t>;

/// Where the server's word ends and a node's own signature decides (design: a lying server can deny service,
/// not impersonate). Remembers serials so that an old record cannot come back.
class NodeVerifier {
 public:
  NodeVerifier(std::string network, const crypto::IdentityPublicKey& self, SeenSerials seen)
      : network_(std::move(network)), self_(self), seen_(std::move(seen)) {}

  /// Where virtual addresses must lie; told by the server itself at registration.
  void set_on_link(const net::Prefix& on_link, const std::optional<net::Prefix>& prefix6) {
    on_link_ = on_link;
    prefix6_ = prefix6;
  }

  /// The error says why the description is not believed. A node that is ourselves is refused too.
  Result<NodeDescription> verify(const protocol::NodeInfo& node, WallTime now);

 private:
  std::string network_;
  crypto::IdentityPublicKey self_;
  SeenSerials seen_;
  std::optional<net::Prefix> on_link_, prefix6_;
};

}  // namespace causeway::link
