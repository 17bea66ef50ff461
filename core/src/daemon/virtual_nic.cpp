#include "daemon/virtual_nic.hpp"

#include <fmt/core.h>

#include "base/log.hpp"

namespace causeway::daemon {

Result<VirtualNic> VirtualNic::open(const std::string& name, std::uint16_t mtu, unsigned queues,
                                    const tun::TunOffloads& wanted) {
  auto first = tun::LinuxTun::open({.name = name, .wanted = wanted, .several_queues = queues > 1});
  if (!first) return first.error();
  Queues all;
  all.push_back(std::move(*first));
  while (all.size() < queues) {
    auto another = all.front()->add_queue();
    if (!another) return another.error();
    all.push_back(std::move(*another));
  }
  auto config = tun::InterfaceConfig::open(all.front()->name());
  if (!config) return config.error();
  if (auto done = config->set_mtu(mtu); !done) return done.error();
  return VirtualNic(std::move(all), std::move(*config), mtu);
}

std::vector<tun::TunDevice*> VirtualNic::queues() {
  std::vector<tun::TunDevice*> queues;
  for (const auto& queue : queues_)
    queues.push_back(queue.get());
  return queues;
}

Result<void> VirtualNic::configure(const net::IpAddress& address, const net::Prefix& on_link,
                                   const std::vector<net::Interface>& interfaces) {
  const Address wanted{address, on_link};
  if (address_ == wanted) return {};
  if (auto checked = check_overlap(on_link, interfaces); !checked) return checked;
  clear();
  if (auto done = config_.add_address(address, on_link.length); !done) return done;
  address_ = wanted;
  if (auto done = config_.set_up(true); !done) return done;
  log::info("tun", "{} is {}/{}", name(), address.to_string(), on_link.length);
  for (const Route& route : routes_) {
    if (auto done = config_.add_route(route.destination, route.mtu); !done) return done;
  }
  return {};
}

Result<void> VirtualNic::configure6(const std::optional<net::IpAddress>& address,
                                    const std::optional<net::Prefix>& on_link,
                                    const std::vector<net::Interface>& interfaces) {
  const auto wanted = address && on_link ? std::optional(Address{*address, *on_link}) : std::nullopt;
  if (address6_ == wanted) return {};
  if (address6_) {
    if (auto done = config_.remove_address(address6_->address, address6_->on_link.length); !done) return done;
    address6_.reset();
  }
  if (!wanted) return {};
  if (auto checked = check_overlap(*on_link, interfaces); !checked) return checked;
  if (auto done = config_.add_address(*address, on_link->length); !done) return done;
  address6_ = wanted;
  log::info("tun", "{} is {}/{}", name(), address->to_string(), on_link->length);
  return {};
}

Result<void> VirtualNic::check_overlap(const net::Prefix& on_link,
                                       const std::vector<net::Interface>& interfaces) const {
  const auto networks = net::local_networks(interfaces, name());
  const auto overlap = tun::find_overlap(on_link, networks);
  if (!overlap) return {};
  return Error{fmt::format(
      "the network's addresses {} overlap {} on {}: traffic for one of the two would get lost. Ask the "
      "server's operator for another --pool, or leave that local network",
      on_link.to_string(), overlap->prefix.to_string(), overlap->interface)};
}

Result<void> VirtualNic::add_route(const net::Prefix& destination, std::uint32_t mtu) {
  routes_.push_back({destination, mtu});
  return address_ ? config_.add_route(destination, mtu) : Result<void>{};
}

void VirtualNic::clear() {
  if (!address_) return;
  if (auto done = configure6({}, {}, {}); !done) log::warning("tun", "{}", done.error().message);
  if (auto done = config_.remove_address(address_->address, address_->on_link.length); !done) {
    log::warning("tun", "{}", done.error().message);
  }
  if (auto done = config_.set_up(false); !done) log::warning("tun", "{}", done.error().message);
  address_.reset();
}

}  // namespace causeway::daemon
