#pragma once

#include <span>
#include <string>
#include <vector>

#include "plugin/host.hpp"
#include "plugin/instance.hpp"

namespace causeway::plugin {

/// Calls into a transport. Plugin thread.
cw_status configure_transport(Instance& instance, const SourceConfiguration& configuration);
/// `closed`: links that the host has closed, whose bases are gone.
cw_status set_transport_bases(Instance& instance, std::span<const BaseView> bases,
                              std::span<const std::uint32_t> closed);
/// These are about the link of this id only if it is still the one of this serial number: the plugin may have
/// closed it and begun another meanwhile. Then they do nothing.
struct LinkName {
  std::uint32_t link = 0;
  std::uint32_t serial = 0;
};
cw_status tell_link_open(Instance& instance, LinkName link);
/// The id is free afterwards.
cw_status tell_link_closed(Instance& instance, LinkName link, const std::string& reason);
cw_status give_message(Instance& instance, LinkName link, ByteView bytes);
cw_status want_peer(Instance& instance, LinkName link, const net::Endpoint& peer);
cw_status drop_peer(Instance& instance, LinkName link, const net::Endpoint& peer);
cw_status fire_transport_timer(Instance& instance, std::uint32_t timer);

/// The configuration as ext/transport.h says.
std::string transport_json(const SourceConfiguration& configuration);

}  // namespace causeway::plugin
