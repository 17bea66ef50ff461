#pragma once

#include <nlohmann/json_fwd.hpp>

#include "daemon/control_methods.hpp"

namespace causeway::daemon {

/// `causeway netcheck`: asks STUN servers and the address server from sockets of its own, one pair for each
/// local address, so that nothing in use is disturbed. Over within kNetcheckLimit.
void start_netcheck(ControlTarget& target, ControlSocket::Completion done, ControlSocket::Progress progress);

inline constexpr Duration kNetcheckLimit = std::chrono::seconds(8);

}  // namespace causeway::daemon
