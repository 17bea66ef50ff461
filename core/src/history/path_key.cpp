#include "history/path_key.hpp"

namespace causeway::history {
namespace {

/// Made of a hardware address (RFC 4291 appendix A), which is the router's alone.
bool shows_hardware_address(const net::IpAddress& address) {
  return !address.is_v4() && address.data()[11] == 0xff && address.data()[12] == 0xfe;
}

}  // namespace

std::string network_name(std::string_view interface, const net::Prefix& on_link,
                         const std::optional<net::IpAddress>& gateway) {
  std::string name(interface);
  if (!gateway || !shows_hardware_address(*gateway)) {
    if (!name.empty()) name += ' ';
    name += on_link.to_string();
  }
  if (gateway) name += " via " + gateway->to_string();
  if (name.size() > store::kMaxNetworkNameBytes) name.resize(store::kMaxNetworkNameBytes);
  return name;
}

net::Prefix remote_block(const net::IpAddress& remote) {
  return net::Prefix::containing(remote, remote.is_v4() ? 32 : 64);
}

bool are_near(const store::PathKey& a, const store::PathKey& b) {
  if (a.network != b.network || a.transport != b.transport || a.relay != b.relay) return false;
  if (a.remote.address.family() != b.remote.address.family()) return false;
  const auto around = net::Prefix::containing(a.remote.address, a.remote.address.is_v4() ? 24 : 48);
  return around.contains(b.remote.address);
}

}  // namespace causeway::history
