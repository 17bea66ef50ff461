#pragma once

#include "daemon/control_methods.hpp"

namespace causeway::daemon {

/// `causeway ping PEER -c N`: connects to the peer if need be and measures its path with connectivity checks,
/// which travel exactly as data does. Progress: {"seq", "rtt_ms", "path"} for each answer, {"seq", "lost":
/// true} for each loss. Result: {"peer", "sent", "received", "connect_ms", "rtt_ms": {"min","avg","max"}}.
void start_ping(ControlTarget& target, const nlohmann::json& params, ControlSocket::Completion done,
                ControlSocket::Progress progress);

}  // namespace causeway::daemon
