#include "protocol/join_token.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/bytes.hpp"
#include "net/endpoint.hpp"
#include "protocol/json.hpp"
#include "protocol/name.hpp"

namespace causeway::protocol {
namespace {

constexpr std::string_view kVersion = "cw1.";
constexpr std::size_t kMaxServers = 8;
constexpr std::size_t kMaxPins = 4;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// "cw" digits ".": a token of ours, whatever its version.
bool has_some_version(std::string_view text) {
  const auto dot = text.find('.');
  if (!text.starts_with("cw") || dot == std::string_view::npos || dot < 3 || dot > 6) return false;
  return std::all_of(text.begin() + 2, text.begin() + static_cast<std::ptrdiff_t>(dot),
                     [](char c) { return c >= '0' && c <= '9'; });
}

bool is_host(std::string_view host) {
  if (net::IpAddress::parse(host)) return true;
  return !host.empty() && host.size() <= 253 && host.front() != '-' && host.front() != '.' &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '.' || c == '_';
         });
}

Error malformed(std::string_view what) {
  return {"the join token is malformed (" + std::string(what) +
          "): copy all of it from `causeway-server token`"};
}

}  // namespace

std::optional<HostPort> HostPort::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port == 0) return std::nullopt;
  if (!is_host(host) || bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  return HostPort{std::string(host), port};
}

std::string HostPort::to_string() const {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

Result<JoinToken> JoinToken::parse(std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return Error{"the join token is empty: pass what `causeway-server token` printed"};
  if (text.size() > kMaxTokenBytes) {
    return Error{"the join token is too long (more than 2048 characters): pass one token only"};
  }
  if (!text.starts_with(kVersion)) {
    if (!has_some_version(text)) return malformed("it does not begin with cw1.");
    return Error{"the join token has version " + std::string(text.substr(0, text.find('.'))) +
                 ", which this program does not know: update it, or ask for a cw1 token"};
  }
  const auto decoded = from_base64url(text.substr(kVersion.size()));
  if (!decoded) return malformed("not base64url");
  const auto parsed = parse_json(as_text(*decoded), {.bytes = kMaxTokenBytes, .values = 64});
  if (!parsed) return malformed(parsed.error().message);

  JoinToken token;
  token.network = get_string(*parsed, "n").value_or("");
  if (!is_valid_name(token.network)) return malformed("no network name");
  const Json* servers = get_array(*parsed, "s");
  if (!servers || servers->empty() || servers->size() > kMaxServers) return malformed("no server");
  for (const Json& entry : *servers) {
    auto server = HostPort::parse(entry.is_string() ? entry.get_ref<const std::string&>() : std::string());
    if (!server) return malformed("a server is not host:port");
    token.servers.push_back(std::move(*server));
  }
  token.ca = get_string(*parsed, "ca");
  if (token.ca && !is_host(*token.ca)) return malformed("ca is not a host name");
  if (const Json* pins = get_array(*parsed, "k")) {
    if (pins->size() > kMaxPins) return malformed("too many keys");
    for (const Json& entry : *pins) {
      const auto raw = from_base64(entry.is_string() ? entry.get_ref<const std::string&>() : std::string());
      KeyPin pin;
      if (!raw || raw->size() != pin.size()) return malformed("a server key is not a SHA-256");
      std::copy(raw->begin(), raw->end(), pin.begin());
      token.pins.push_back(pin);
    }
  }
  if (token.pins.empty() && !token.ca) return malformed("no server key");
  token.secret = get_string(*parsed, "t").value_or("");
  const auto secret = from_base64url(token.secret);
  if (!secret || secret->size() != kTokenSecretBytes) return malformed("no secret");
  return token;
}

JoinToken JoinToken::without_secret() const {
  JoinToken bare = *this;
  bare.secret = to_base64url(std::array<std::uint8_t, kTokenSecretBytes>{});
  return bare;
}

std::string JoinToken::format() const {
  Json value{{"n", network}, {"t", secret}};
  for (const auto& server : servers)
    value["s"].push_back(server.to_string());
  for (const auto& pin : pins)
    value["k"].push_back(to_base64(pin));
  if (ca) value["ca"] = *ca;
  return std::string(kVersion) + to_base64url(as_bytes(to_line(value)));
}

}  // namespace causeway::protocol
