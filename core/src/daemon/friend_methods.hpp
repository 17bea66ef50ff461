#pragma once

#include "daemon/control_methods.hpp"

/// `causeway friend add NAME [--key ED25519]` and `causeway friend remove NAME`: answered when the server has
/// stored the change. Result: {"message", "friend"}, the entry as `causeway friends` shows it or null.
namespace causeway::daemon {

void add_friend(ControlTarget& target, const nlohmann::json& params, ControlSocket::Completion done);
void remove_friend(ControlTarget& target, const nlohmann::json& params, ControlSocket::Completion done);

}  // namespace causeway::daemon
