#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "net/endpoint.hpp"
#include "peer/peer.hpp"
#include "plugins/candidates-stun/stun_source.hpp"

namespace causeway::sim {

class SimNode;

/// The code of the plugin candidates-stun as the candidate source of one simulated node.
class StunClient final : public candidates_stun::World {
 public:
  explicit StunClient(SimNode& node) : node_(node), source_(*this) {}

  void set_bases(const peer::LocalBases& bases);
  void set_servers(const std::vector<net::Endpoint>& servers);
  void on_datagram(net::BaseId base, const net::Endpoint& from, const Bytes& bytes);
  void on_timeout();
  std::optional<SteadyTime> next_timeout() const;

  // ---- what the source asks ----
  void send(std::uint32_t base, const cw_address& server, const std::uint8_t* bytes,
            std::size_t size) override;
  void found(std::uint32_t base, const cw_address& address) override;
  void lost(std::uint32_t base, const cw_address& address) override;
  void done() override {}
  void random(std::uint8_t* bytes, std::size_t size) override;

 private:
  std::int64_t now() const;

  SimNode& node_;
  candidates_stun::StunSource source_;
};

}  // namespace causeway::sim
