#include "server_list.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace candidates_stun {

std::optional<std::vector<cw_address>> parse_servers(std::string_view json) {
  const auto object = nlohmann::json::parse(json, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  std::vector<cw_address> servers;
  const auto list = object.find("stun_servers");
  if (list == object.end() || !list->is_array()) return servers;
  for (const auto& entry : *list) {
    if (!entry.is_string()) continue;
    const auto address = parse_address(entry.get_ref<const std::string&>());
    if (!address) continue;
    const bool twice = std::any_of(servers.begin(), servers.end(),
                                   [&](const cw_address& other) { return is_same(other, *address); });
    if (!twice) servers.push_back(*address);
  }
  return servers;
}

}  // namespace candidates_stun
