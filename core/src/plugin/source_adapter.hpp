#pragma once

#include <span>

#include "plugin/host.hpp"
#include "plugin/instance.hpp"

namespace causeway::plugin {

/// Calls into a candidate source. Plugin thread.
cw_status set_bases(Instance& instance, std::span<const BaseView> bases);
cw_status configure(Instance& instance, const SourceConfiguration& configuration);
cw_status give_datagram(Instance& instance, net::BaseId base, const net::Endpoint& from, ByteView bytes);
cw_status fire_timer(Instance& instance, std::uint32_t timer);

}  // namespace causeway::plugin
