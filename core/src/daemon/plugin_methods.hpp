#pragma once

#include "daemon/control_methods.hpp"

/// `causeway plugins` and `causeway plugin load | use | reload | unload`. Loading and reloading are answered
/// when the new code runs, or has been taken back.
namespace causeway::daemon {

Result<nlohmann::json> list_plugins(ControlTarget& target, const nlohmann::json& params);
void load_plugin(ControlTarget& target, const nlohmann::json& params, ControlSocket::Completion done);
Result<nlohmann::json> use_plugins(ControlTarget& target, const nlohmann::json& params);
void reload_plugin(ControlTarget& target, const nlohmann::json& params, ControlSocket::Completion done);
Result<nlohmann::json> unload_plugin(ControlTarget& target, const nlohmann::json& params);

}  // namespace causeway::daemon
