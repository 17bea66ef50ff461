#include "tests/sim/traffic.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/packet_builder.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

constexpr std::size_t kIpAndUdpBytes = 28;
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::size_t kNumberBytes = 4;

std::uint32_t number_of(const Bytes& packet) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < kNumberBytes; ++i)
    number = number << 8 | packet[kIpAndUdpBytes + i];
  return number;
}

}  // namespace

void Traffic::send(std::size_t from, std::size_t to, std::size_t payload_bytes,
                   std::optional<net::IpAddress> forged) {
  SimNode& sender = *world_.nodes()[from];
  if (const auto address = world_.nodes()[to]->virtual_address()) last_address_[to] = *address;
  const auto destination = last_address_.find(to);
  const auto source = forged ? forged : sender.virtual_address();
  if (!sender.is_running() || !source || destination == last_address_.end()) return;
  const auto number = static_cast<std::uint32_t>(packets_.size());
  testing::PacketSpec spec;
  spec.source = source->to_string();
  spec.destination = destination->second.to_string();
  spec.tcp = false;
  spec.payload.resize(std::max(payload_bytes, kNumberBytes));
  for (std::size_t i = 0; i < spec.payload.size(); ++i)
    spec.payload[i] = static_cast<std::uint8_t>(i < kNumberBytes ? number >> (24 - 8 * i) : number + i);
  const Bytes packet = testing::build(spec);
  packets_[number] = {from, to, world_.now(), *source, destination->second, packet, forged.has_value()};
  sender.write_packet(packet);
}

void Traffic::collect() {
  for (std::size_t i = 0; i < world_.nodes().size(); ++i) {
    for (const Bytes& packet : world_.nodes()[i]->take_received())
      examine(i, packet);
  }
}

void Traffic::examine(std::size_t at, const Bytes& packet) {
  const std::string& name = world_.nodes()[at]->name();
  if (packet.size() < kIpAndUdpBytes + kNumberBytes || packet[9] != kProtocolUdp)
    return;  // ICMP of its own node
  const auto sent = packets_.find(number_of(packet));
  if (sent == packets_.end())
    return world_.report_breach("packets arrive unchanged", name + " got a packet that nobody sent");
  const std::string why = objection(at, sent->second);
  if (!why.empty()) {
    return world_.report_breach("packets reach the right peer",
                                fmt::format("{} got packet {}: {}", name, sent->first, why));
  }
  if (packet != sent->second.packet)
    return world_.report_breach("packets arrive unchanged",
                                fmt::format("packet {} differs at {}", sent->first, name));
  if (sent->second.has_arrived)
    return world_.report_breach("packets arrive once",
                                fmt::format("packet {} came twice to {}", sent->first, name));
  sent->second.has_arrived = true;
  ++received_;
  SteadyTime& newest = newest_[{sent->second.from, sent->second.to}];
  newest = std::max(newest, sent->second.when);
}

std::string Traffic::objection(std::size_t at, const Sent& sent) const {
  const SimNode& receiver = *world_.nodes()[at];
  const SimNode& sender = *world_.nodes()[sent.from];
  if (sent.is_forged) return "its source is forged (ingress rule)";
  if (receiver.virtual_address() != sent.destination)
    return "it was for " + sent.destination.to_string() + ", which is not its address";
  if (at != sent.to && world_.nodes()[sent.to]->virtual_address() == sent.destination)
    return "it was for " + world_.nodes()[sent.to]->name();
  const peer::Peer* source =
      receiver.is_running() ? receiver.node().find_peer(sent.source.to_string()) : nullptr;
  if (source && source->description().identity != sender.identity())
    return "its source is the address of another than " + sender.name() + " (ingress rule)";
  return {};
}

bool Traffic::has_arrived(std::size_t from, std::size_t to, SteadyTime since) const {
  const auto at = newest_.find({from, to});
  return at != newest_.end() && at->second >= since;
}

}  // namespace causeway::sim
