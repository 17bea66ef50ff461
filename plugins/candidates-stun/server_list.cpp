#include "server_list.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

namespace candidates_stun {

std::optional<cw_address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  cw_address address{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error != std::errc() || end != digits.data() + digits.size() || address.port == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool is_v6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_v6) host = host.substr(1, host.size() - 2);
  address.family = is_v6 ? 6 : 4;
  if (::inet_pton(is_v6 ? AF_INET6 : AF_INET, std::string(host).c_str(), address.octets) != 1)
    return std::nullopt;
  return address;
}

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

bool is_same(const cw_address& a, const cw_address& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace candidates_stun
