#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "server/src/core/model.hpp"

namespace causeway::server {

/// What `init` is told, as text.
struct InitOptions {
  std::string network;
  std::string pool;
  std::string listen;
  std::string public_address;  ///< empty: as `listen`
  std::vector<std::string> stun_listen;
  std::vector<std::string> turn;
  std::string turn_secret;
  std::string store = "sqlite";
  bool friends_only = false;
};

/// Checked and completed, but for the pins. The error is one of usage.
Result<ServerSettings> make_settings(const InitOptions& options);

/// "24h", "90m", "30s", "7d".
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace causeway::server
