// The daemon and its plugins: what they are lent, which are loaded, the links of transports.
#include <algorithm>

#include "base/log.hpp"
#include "daemon/running_daemon.hpp"
#include "relay/link_carrier.hpp"

namespace causeway::daemon {

plugin::Host::Options Daemon::host_options() const {
  return {.private_directory = state_.path() / "run" / "plugins",
          .probe_program = options_.program,
          .seed = 0,
          .keys = options_.config.plugins.keys};
}

plugin::HostCallbacks Daemon::host_callbacks() {
  return {
      .candidate_found =
          [this](const std::string& source, net::BaseId base, ice::CandidateType type,
                 const net::Endpoint& address) {
            node_.on_candidate_found(source, base, type, address, now());
            pump();
          },
      .candidate_lost =
          [this](const std::string& source, net::BaseId base, const net::Endpoint& address) {
            node_.on_candidate_lost(source, base, address, now());
            pump();
          },
      .gathering_done =
          [](const std::string& source) { log::debug("plugin", "{}: gathering is done", source); },
      .send_udp =
          [this](net::BaseId base, const net::Endpoint& to, ByteView bytes) {
            dataplane::UdpBase* from = bases_.find(base);
            if (!from) return false;
            const dataplane::SendBatch batch{bytes, static_cast<std::uint16_t>(bytes.size())};
            return from->send(to, batch).status == dataplane::SendStatus::sent;
          },
      .open_link = [this](plugin::LinkRequest request) { relays_.open(std::move(request)); },
      .close_link = [this](plugin::LinkId link) { relays_.close(link); },
      .send_on_link = [this](plugin::LinkId link, ByteView bytes) { relays_.send(link, bytes); },
      .link_allocated =
          [this](plugin::LinkId link, const plugin::LinkAllocation& allocation) {
            relays_.on_allocated(link, allocation);
          },
      .allocation_lost = [this](plugin::LinkId link,
                                const std::string& reason) { relays_.on_allocation_lost(link, reason); },
      .allocation_ending = [this](plugin::LinkId link) { relays_.on_allocation_ending(link); },
      .is_only_path = [this](const std::string& transport) { return is_only_path(transport); },
      .ranking_changed =
          [this] {
            node_.on_ranking_changed(now());
            pump();
          },
      .timeout_changed = [this] { arm_timer(); },
  };
}

relay::RelayManager::Callbacks Daemon::relay_callbacks() {
  return {
      .add_carrier =
          [this](net::BaseId base, const std::shared_ptr<dataplane::PollableCarrier>& carrier) {
            // The first loop reads it; what it reads for sessions of others is handed over as ever.
            const auto send_only = std::make_shared<relay::SendOnlyCarrier>(carrier);
            std::vector<std::shared_ptr<dataplane::Carrier>> carriers(data_.loops(), send_only);
            carriers.front() = carrier;
            data_.add_base(base, carriers);
          },
      .remove_carrier = [this](net::BaseId base) { data_.send(dataplane::RemoveBase{base}); },
      .bases_changed =
          [this] {
            if (is_stopping_) return;  // the node has said good-bye
            tell_bases();
            pump();
          },
      .now = [this] { return now(); },
  };
}

bool Daemon::is_only_path(const std::string& transport) const {
  const peer::LocalBases& relays = relays_.bases();
  return std::any_of(node_.peers().begin(), node_.peers().end(), [&](const auto& peer) {
    bool is_reached = false;
    for (const auto& [pair, path] : peer.second->paths().entries()) {
      if (!path.is_valid || path.is_dead) continue;
      const auto relay = relays.find(path.base);
      if (relay == relays.end() || !relay->second.relay || relay->second.relay->source != transport)
        return false;
      is_reached = true;
    }
    return is_reached;
  });
}

void Daemon::load_plugins() {
  plugins_.set_parameters(options_.config.plugins.configuration);
  for (const std::string& name : options_.config.plugins.load) {
    const bool is_file = name.find('/') != std::string::npos;
    const auto directory = options_.config.plugins.directory.value_or(options_.plugin_directory);
    const auto file = is_file ? std::filesystem::path(name) : directory / (name + ".so");
    // A plugin that can't run is no reason to have no network: the rest goes on, `causeway plugins` tells
    // why.
    if (const auto loaded = plugins_.load(file, now()); !loaded) {
      log::error("plugin", "{}", loaded.error().message);
    }
  }
  use_configured_stack();
}

void Daemon::use_configured_stack() {
  std::vector<plugin::Host::StackEntry> stack;
  for (const PriorityLayer& layer : options_.config.plugins.priority)
    stack.push_back({layer.name, layer.weight});
  if (stack.empty()) return;
  if (const auto used = plugins_.use(stack, now()); !used) {
    log::error("plugin", "{}; paths are ranked by {}", used.error().message, plugins_.stack_text());
  }
}

}  // namespace causeway::daemon
