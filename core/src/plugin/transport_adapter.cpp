#include "plugin/transport_adapter.hpp"

#include <nlohmann/json.hpp>

#include "causeway/ext/transport.h"
#include "plugin/text.hpp"

namespace causeway::plugin {

std::string transport_json(const SourceConfiguration& configuration) {
  using Json = nlohmann::json;
  Json servers = Json::array();
  for (const TurnServer& server : configuration.turn_servers) {
    Json addresses = Json::array();
    for (const net::Endpoint& address : server.addresses)
      addresses.push_back(address.to_string());
    servers.push_back({{"uri", server.uri},
                       {"addresses", std::move(addresses)},
                       {"username", server.username},
                       {"password", server.password},
                       {"expires", server.expires}});
  }
  const Json object{{"turn_servers", std::move(servers)}, {"turn_tls_verify", configuration.turn_tls_verify}};
  // Names come from configuration files and servers: broken UTF-8 is replaced, not thrown.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

cw_status configure_transport(Instance& instance, const SourceConfiguration& configuration) {
  const auto table = instance.table<cw_transport>();
  if (table.configure == nullptr) return CW_OK;
  const std::string text = transport_json(configuration);
  return table.configure(instance.get(), text.data(), text.size());
}

cw_status set_transport_bases(Instance& instance, std::span<const BaseView> bases,
                              std::span<const std::uint32_t> closed) {
  for (const std::uint32_t serial : closed)
    instance.services().forget_link(serial);
  const auto table = instance.table<cw_transport>();
  if (table.set_bases == nullptr) return CW_OK;
  std::vector<cw_base_view> views;
  views.reserve(bases.size());
  for (const BaseView& base : bases) {
    views.push_back({sizeof(cw_base_view), static_cast<std::uint32_t>(base.base), to_c(base.address), 0,
                     to_c(base.interface)});
  }
  const cw_array array = {views.data(), static_cast<std::uint32_t>(views.size()), sizeof(cw_base_view)};
  return table.set_bases(instance.get(), &array);
}

cw_status tell_link_open(Instance& instance, LinkName link) {
  if (!instance.services().has_link(link.link, link.serial)) return CW_OK;
  const auto table = instance.table<cw_transport>();
  if (table.on_link == nullptr) return CW_OK;
  const cw_string none = to_c("");
  return table.on_link(instance.get(), link.link, CW_LINK_OPEN, &none);
}

cw_status tell_link_closed(Instance& instance, LinkName link, const std::string& reason) {
  if (!instance.services().forget_link(link.serial)) return CW_OK;
  const auto table = instance.table<cw_transport>();
  if (table.on_link == nullptr) return CW_OK;
  const cw_string text = to_c(reason);
  return table.on_link(instance.get(), link.link, CW_LINK_CLOSED, &text);
}

cw_status give_message(Instance& instance, LinkName link, ByteView bytes) {
  if (!instance.services().has_link(link.link, link.serial)) return CW_OK;
  const auto table = instance.table<cw_transport>();
  return table.on_message == nullptr
             ? CW_OK
             : table.on_message(instance.get(), link.link, bytes.data(), bytes.size());
}

cw_status want_peer(Instance& instance, LinkName link, const net::Endpoint& peer) {
  if (!instance.services().has_link(link.link, link.serial)) return CW_OK;
  const auto table = instance.table<cw_transport>();
  const cw_address address = to_c(peer);
  return table.want_peer == nullptr ? CW_OK : table.want_peer(instance.get(), link.link, &address);
}

cw_status drop_peer(Instance& instance, LinkName link, const net::Endpoint& peer) {
  if (!instance.services().has_link(link.link, link.serial)) return CW_OK;
  const auto table = instance.table<cw_transport>();
  const cw_address address = to_c(peer);
  return table.drop_peer == nullptr ? CW_OK : table.drop_peer(instance.get(), link.link, &address);
}

cw_status fire_transport_timer(Instance& instance, std::uint32_t timer) {
  const auto table = instance.table<cw_transport>();
  return table.on_timer == nullptr ? CW_OK : table.on_timer(instance.get(), timer);
}

}  // namespace causeway::plugin
