#include "plugin/source_adapter.hpp"

#include <nlohmann/json.hpp>

#include "causeway/ext/candidate-source.h"
#include "plugin/text.hpp"

namespace causeway::plugin {

cw_status set_bases(Instance& instance, std::span<const BaseView> bases) {
  const auto table = instance.table<cw_candidate_source>();
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

cw_status configure(Instance& instance, const SourceConfiguration& configuration) {
  const auto table = instance.table<cw_candidate_source>();
  if (table.configure == nullptr) return CW_OK;
  nlohmann::json servers = nlohmann::json::array();
  for (const net::Endpoint& server : configuration.stun_servers)
    servers.push_back(server.to_string());
  const std::string text = nlohmann::json{{"stun_servers", servers}}.dump();
  return table.configure(instance.get(), text.data(), text.size());
}

cw_status give_datagram(Instance& instance, net::BaseId base, const net::Endpoint& from, ByteView bytes) {
  const auto table = instance.table<cw_candidate_source>();
  if (table.on_datagram == nullptr) return CW_OK;
  const cw_address address = to_c(from);
  return table.on_datagram(instance.get(), static_cast<std::uint32_t>(base), &address, bytes.data(),
                           bytes.size());
}

cw_status fire_timer(Instance& instance, std::uint32_t timer) {
  const auto table = instance.table<cw_candidate_source>();
  return table.on_timer == nullptr ? CW_OK : table.on_timer(instance.get(), timer);
}

}  // namespace causeway::plugin
