#include "server/src/admin/init_command.hpp"

#include <charconv>
#include <utility>

#include "protocol/name.hpp"
#include "server/src/core/address_pool.hpp"

namespace causeway::server {
namespace {

constexpr std::int64_t kMaxDurationCount = 100'000;

Result<net::Endpoint> parse_endpoint(const std::string& option, const std::string& text) {
  const auto endpoint = net::Endpoint::parse(text);
  if (!endpoint || endpoint->port == 0) {
    return Error{option + " \"" + text + "\" is no ADDR:PORT, such as 198.51.100.7:7443"};
  }
  return *endpoint;
}

}  // namespace

Result<ServerSettings> make_settings(const InitOptions& options) {
  if (!protocol::is_valid_name(options.network)) {
    return Error{"--network \"" + options.network +
                 "\" is no name: use 1 to 63 letters, digits, '.', '_', '-'"};
  }
  if (const auto pool = AddressPool::parse(options.pool); !pool) return pool.error();
  if (options.store != "sqlite") {
    return Error{"--store \"" + options.store +
                 "\" is not supported by this program: leave it out, or give sqlite"};
  }
  ServerSettings settings;
  const auto listen = parse_endpoint("--listen", options.listen);
  if (!listen) return listen.error();
  settings.listen = listen->to_string();
  if (options.public_address.empty() && listen->address.is_unspecified()) {
    return Error{"--listen " + options.listen +
                 " names no address that nodes can reach: add --public ADDR:PORT"};
  }
  const auto named =
      protocol::HostPort::parse(options.public_address.empty() ? settings.listen : options.public_address);
  const auto public_ip = named ? net::IpAddress::parse(named->host) : std::nullopt;
  if (!named || (public_ip && public_ip->is_unspecified())) {
    return Error{"--public \"" + options.public_address + "\" is no ADDR:PORT that nodes can reach"};
  }
  settings.public_address = *named;

  for (const auto& text : options.stun_listen) {
    const auto endpoint = parse_endpoint("--stun-listen", text);
    if (!endpoint) return endpoint.error();
    net::Endpoint told = *endpoint;
    if (told.address.is_unspecified()) {
      if (!public_ip) {
        return Error{"--stun-listen " + text +
                     " names no address: give one, or a --public with an IP address"};
      }
      told.address = *public_ip;
    }
    settings.stun_listen.push_back(*endpoint);
    settings.stun_public.push_back(told);
  }
  for (const auto& uri : options.turn) {
    if (!uri.starts_with("turn:") && !uri.starts_with("turns:")) {
      return Error{"--turn \"" + uri + "\" is no TURN URI, such as turn:198.51.100.7:3478?transport=udp"};
    }
    settings.turn_uris.push_back(uri);
  }
  if (!options.turn_secret.empty() && options.turn.empty()) return Error{"--turn-secret needs a --turn URI"};
  settings.turn_secret = options.turn_secret;
  return settings;
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error != std::errc{} || count < 1 || count > kMaxDurationCount * 1000) return std::nullopt;
  if (unit == "s") return std::chrono::seconds(count);
  if (count > kMaxDurationCount) return std::nullopt;
  if (unit == "m") return std::chrono::minutes(count);
  if (unit == "h") return std::chrono::hours(count);
  if (unit == "d") return std::chrono::hours(24 * count);
  return std::nullopt;
}

}  // namespace causeway::server
