#include "tests/sim/stun_client.hpp"

#include <algorithm>

#include "tests/sim/sim_node.hpp"

namespace causeway::sim {
namespace {

constexpr const char* kSource = "candidates-stun";

cw_address to_abi(const net::Endpoint& endpoint) {
  cw_address address{};
  address.family = endpoint.address.is_v4() ? 4 : 6;
  address.port = endpoint.port;
  std::copy_n(endpoint.address.data(), endpoint.address.size(), address.octets);
  return address;
}

net::Endpoint from_abi(const cw_address& address) {
  if (address.family == 4) {
    std::array<std::uint8_t, 4> octets;
    std::copy_n(address.octets, octets.size(), octets.begin());
    return {net::IpAddress::v4(octets), address.port};
  }
  std::array<std::uint8_t, 16> octets;
  std::copy_n(address.octets, octets.size(), octets.begin());
  return {net::IpAddress::v6(octets), address.port};
}

}  // namespace

std::int64_t StunClient::now() const { return node_.now().steady.time_since_epoch().count(); }

void StunClient::set_bases(const peer::LocalBases& bases) {
  std::vector<candidates_stun::Base> list;
  for (const auto& [id, base] : bases)
    list.push_back({static_cast<std::uint32_t>(id), to_abi(base.address)});
  source_.set_bases(std::move(list), now());
}

void StunClient::set_servers(const std::vector<net::Endpoint>& servers) {
  std::vector<cw_address> list;
  for (const net::Endpoint& server : servers)
    list.push_back(to_abi(server));
  source_.set_servers(std::move(list), now());
}

void StunClient::on_datagram(net::BaseId base, const net::Endpoint& from, const Bytes& bytes) {
  source_.on_datagram(static_cast<std::uint32_t>(base), to_abi(from), bytes.data(), bytes.size(), now());
}

void StunClient::on_timeout() { source_.on_time(now()); }

std::optional<SteadyTime> StunClient::next_timeout() const {
  const auto next = source_.next_time();
  return next ? std::optional(SteadyTime(Duration(*next))) : std::nullopt;
}

void StunClient::send(std::uint32_t base, const cw_address& server, const std::uint8_t* bytes,
                      std::size_t size) {
  node_.send_from(net::BaseId{base}, from_abi(server), Bytes(bytes, bytes + size));
}

void StunClient::found(std::uint32_t base, const cw_address& address) {
  node_.node().on_candidate_found(kSource, net::BaseId{base}, ice::CandidateType::server_reflexive,
                                  from_abi(address), node_.now());
}

void StunClient::lost(std::uint32_t base, const cw_address& address) {
  node_.node().on_candidate_lost(kSource, net::BaseId{base}, from_abi(address), node_.now());
}

void StunClient::random(std::uint8_t* bytes, std::size_t size) { node_.random().fill({bytes, size}); }

}  // namespace causeway::sim
