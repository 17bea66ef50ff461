#include "daemon/base_manager.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "base/log.hpp"
#include "dataplane/loop_steering.hpp"
#include "net/file_descriptor.hpp"

namespace causeway::daemon {
namespace {

/// The source address the kernel would take towards a far destination of this family: connecting a UDP socket
/// looks the route up and sends nothing.
std::optional<net::IpAddress> default_source(net::Family family) {
  const auto far =
      family == net::Family::ipv4 ? net::IpAddress::parse("192.0.2.1") : net::IpAddress::parse("2001:db8::1");
  sockaddr_storage storage{};
  socklen_t length = net::Endpoint{*far, 9}.to_sockaddr(storage);
  const net::FileDescriptor probe(::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (probe.get() < 0 || ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0)
    return {};
  length = sizeof storage;
  if (::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  const auto local = net::Endpoint::from_sockaddr(storage);
  return local ? std::optional{local->address} : std::nullopt;
}

}  // namespace

BaseManager::Changes BaseManager::update(const std::vector<net::Interface>& interfaces,
                                         const PortMemory& remembered) {
  Changes changes;
  std::set<net::IpAddress> in_use;
  for (const auto& [id, base] : bases_)
    in_use.insert(base.address.address);
  BaseChoice choice = choose_addresses(interfaces, policy_, own_tun_, in_use);
  auto& addresses = choice.chosen;
  ignored_ = std::move(choice.ignored);
  for (auto at = bases_.begin(); at != bases_.end();) {
    const auto still = addresses.find(at->second.address.address);
    if (still != addresses.end() && still->second.interface == at->second.interface) {
      at->second.mtu = still->second.mtu;
      at->second.on_link = still->second.on_link;
      at->second.gateway = still->second.gateway;
      addresses.erase(still);
      ++at;
      continue;
    }
    log::info("net", "{} on {} is gone", at->second.address.to_string(), at->second.interface);
    changes.removed.push_back(at->first);
    open_.erase(at->first);
    at = bases_.erase(at);
  }
  for (const auto& [address, wanted] : addresses) {
    net::UdpSocketOptions options{.address = address,
                                  .port = listen_port_,
                                  .device = wanted.interface,
                                  .use_gso = use_gso_,
                                  .use_gro = use_gro_};
    if (const auto port = remembered.find(address); listen_port_ == 0 && port != remembered.end()) {
      options.port = port->second;
    }
    const net::BaseId id{next_base_};
    auto sockets = open(id, options);
    if (!sockets) {
      log::warning("net", "{} on {} is no candidate: {}", address.to_string(), wanted.interface,
                   sockets.error().message);
      ignored_.push_back({wanted.interface, address, sockets.error().message});
      continue;
    }
    ++next_base_;
    const net::Endpoint local = sockets->front()->local();
    log::info("net", "listening on {} ({})", local.to_string(), wanted.interface);
    bases_[id] = {.base = id,
                  .address = local,
                  .interface = wanted.interface,
                  .mtu = wanted.mtu,
                  .on_link = wanted.on_link,
                  .gateway = wanted.gateway};
    open_[id] = *sockets;
    changes.added.push_back(std::move(*sockets));
  }
  mark_default_routes();
  return changes;
}

Result<BaseManager::Sockets> BaseManager::open(net::BaseId id, const net::UdpSocketOptions& options) const {
  auto group = net::UdpSocket::open_group(options, loops_);
  if (!group) return group.error();
  if (loops_ > 1) {
    if (const auto done = dataplane::steer_by_receiver_index(group->front().descriptor(), loops_); !done) {
      log::warning("net", "{}; what arrives at the wrong loop is handed over", done.error().message);
    }
  }
  Sockets sockets;
  for (net::UdpSocket& socket : *group)
    sockets.push_back(std::make_shared<dataplane::UdpBase>(id, std::move(socket)));
  return sockets;
}

void BaseManager::mark_default_routes() {
  const auto v4 = default_source(net::Family::ipv4);
  const auto v6 = default_source(net::Family::ipv6);
  for (auto& [id, base] : bases_) {
    const auto& address = base.address.address;
    base.has_default_route = address == (address.is_v4() ? v4 : v6);
  }
}

BaseManager::Offloads BaseManager::offloads() const {
  Offloads offloads;
  for (const auto& [id, sockets] : open_) {
    for (const auto& base : sockets) {
      ++offloads.sockets;
      offloads.segmenting += base->socket().uses_gso();
      offloads.coalescing += base->socket().uses_gro();
    }
  }
  return offloads;
}

dataplane::UdpBase* BaseManager::find(net::BaseId base) const {
  const auto at = open_.find(base);
  return at == open_.end() ? nullptr : at->second.front().get();
}

}  // namespace causeway::daemon
