#include "relay/turn_uri.hpp"

#include <algorithm>
#include <charconv>

#include "net/endpoint.hpp"

namespace causeway::relay {

namespace {

constexpr std::size_t kMaxHostBytes = 253;

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHostBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

}  // namespace

std::optional<TurnUri> parse_turn_uri(std::string_view uri) {
  TurnUri result;
  if (uri.starts_with("turn:")) {
    uri.remove_prefix(5);
  } else if (uri.starts_with("turns:")) {
    uri.remove_prefix(6);
    result.port = 5349;
  } else {
    return std::nullopt;
  }
  const auto query = uri.find('?');
  if (query != std::string_view::npos) {
    const std::string_view transport = uri.substr(query + 1);
    if (transport != "transport=udp" && transport != "transport=tcp") return std::nullopt;
    uri = uri.substr(0, query);
  }
  std::string_view host = uri, port;
  if (uri.starts_with('[')) {
    const auto end = uri.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = uri.substr(1, end - 1);
    const auto address = net::IpAddress::parse(host);
    if (!address || address->is_v4()) return std::nullopt;
    uri.remove_prefix(end + 1);
    if (!uri.empty() && uri.front() != ':') return std::nullopt;
    if (!uri.empty()) port = uri.substr(1);
    if (!uri.empty() && port.empty()) return std::nullopt;
  } else {
    if (const auto colon = uri.find(':'); colon != std::string_view::npos) {
      host = uri.substr(0, colon);
      port = uri.substr(colon + 1);
      if (port.empty()) return std::nullopt;
    }
    if (!is_host_name(host)) return std::nullopt;
  }
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
    if (error != std::errc{} || end != port.data() + port.size() || result.port == 0) return std::nullopt;
  }
  result.host = std::string(host);
  return result;
}

}  // namespace causeway::relay
