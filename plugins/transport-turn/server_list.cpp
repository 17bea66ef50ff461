#include "server_list.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "address.hpp"
#include "causeway/ext/transport.h"
#include "text.hpp"

namespace transport_turn {

namespace {

using nlohmann::json;

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What is wrong with an entry; empty if nothing is.
std::string add_entry(const json& entry, ServerList& list) {
  if (!entry.is_object()) return "an entry of turn_servers is no object";
  const std::string uri = text_of(entry, "uri");
  const auto parsed = parse_uri(uri);
  if (!parsed) return concat({"'", uri.substr(0, 200), "' is no turn: or turns: URI over UDP, TCP or TLS"});
  Server server;
  server.uri = uri;
  server.host = parsed->host;
  server.kind = parsed->kind;
  server.credentials = {text_of(entry, "username"), text_of(entry, "password")};
  if (server.credentials.username.size() > kMaxUsernameBytes)
    return concat({uri, ": the user name is too long"});
  const auto addresses = entry.find("addresses");
  if (addresses == entry.end() || !addresses->is_array()) return concat({uri, " has no addresses"});
  for (const json& text : *addresses) {
    const auto address = text.is_string() ? parse_address(text.get_ref<const std::string&>()) : std::nullopt;
    if (!address) continue;
    server.address = *address;
    const bool twice = std::any_of(list.servers.begin(), list.servers.end(), [&](const Server& other) {
      return other.kind == server.kind && is_same(other.address, server.address);
    });
    if (twice) continue;
    if (list.servers.size() == kMaxServers) return concat({uri, ": too many servers"});
    list.servers.push_back(server);
  }
  return {};
}

}  // namespace

std::optional<TurnUri> parse_uri(std::string_view uri) {
  const bool is_tls = uri.starts_with("turns:");
  if (!is_tls && !uri.starts_with("turn:")) return std::nullopt;
  uri.remove_prefix(is_tls ? 6 : 5);
  std::string_view transport = is_tls ? "tcp" : "udp";  // RFC 7065 §3.1
  if (const auto query = uri.find('?'); query != std::string_view::npos) {
    const std::string_view value = uri.substr(query + 1);
    if (!value.starts_with("transport=")) return std::nullopt;
    transport = value.substr(10);
    uri = uri.substr(0, query);
  }
  const bool is_literal = uri.starts_with('[');
  const auto end = is_literal ? uri.find(']') : uri.find(':');
  if (is_literal && end == std::string_view::npos) return std::nullopt;
  const std::string host(is_literal ? uri.substr(1, end - 1) : uri.substr(0, end));
  if (host.empty() || host.size() > 253) return std::nullopt;
  if (transport == "tcp") return TurnUri{host, is_tls ? CW_LINK_TLS : CW_LINK_TCP};
  if (transport == "udp" && !is_tls) return TurnUri{host, CW_LINK_UDP};
  return std::nullopt;
}

std::optional<ServerList> parse_servers(std::string_view text) {
  const auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  ServerList list;
  const auto verify = object.find("turn_tls_verify");
  list.verify_tls = verify != object.end() && verify->is_boolean() && verify->get<bool>();
  const auto entries = object.find("turn_servers");
  if (entries == object.end() || !entries->is_array()) return list;
  for (const json& entry : *entries) {
    std::string complaint = add_entry(entry, list);
    if (!complaint.empty() && list.complaints.size() < kMaxServers)
      list.complaints.push_back(std::move(complaint));
  }
  return list;
}

}  // namespace transport_turn
