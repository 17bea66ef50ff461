// The daemon and this machine's network: bases, relays, changes of addresses and routes.
#include "daemon/running_daemon.hpp"

namespace causeway::daemon {

namespace {

/// After a sleep of this machine as long as this, the connection with the server is made anew unasked.
constexpr Duration kServerForgets = 60s;

}  // namespace

void Daemon::update_bases() {
  const auto changes = bases_.update(monitor_.interfaces(), keeper_.state().ports);
  for (const auto& sockets : changes.added) {
    const auto& base = *sockets.front();
    data_.add_base(base.id(), {sockets.begin(), sockets.end()});
    if (options_.config.listen_port == 0) keeper_.save_port(base.local().address, base.local().port);
  }
  for (const net::BaseId base : changes.removed)
    data_.send(dataplane::RemoveBase{base});
  tell_bases();
  std::vector<plugin::BaseView> views;
  for (const auto& [id, base] : bases_.bases())
    views.push_back({id, base.address, base.interface});
  plugins_.set_bases(std::move(views), now());
  turn_directory_.try_again();
  pump();
}

/// To the node an address on a relay is a base like that of a NIC.
void Daemon::tell_bases() {
  peer::LocalBases all = bases_.bases();
  all.insert(relays_.bases().begin(), relays_.bases().end());
  node_.on_bases_changed(std::move(all), now());
}

void Daemon::publish_turn_servers() {
  std::vector<protocol::TurnServer> servers;
  for (const TurnServer& server : options_.config.turn_servers)
    servers.push_back({server.uri, server.username, server.password, 0});
  servers.insert(servers.end(), node_.turn_servers().begin(), node_.turn_servers().end());
  sources_.turn_tls_verify = options_.config.turn_tls_verify;
  turn_directory_.set(std::move(servers));
}

void Daemon::on_network_changed(Duration away) {
  update_bases();
  // TCP would go on for minutes from an address that is gone, and to a server that has forgotten us.
  const auto local = link_.local_address();
  if (local && (!monitor_.has_usable_address(*local) || away >= kServerForgets)) {
    link_.close();
    node_.on_server_closed(away >= kServerForgets ? "this machine slept" : "the network in use is gone",
                           now());
  }
  node_.on_network_changed(away, now());
  pump();
}

}  // namespace causeway::daemon
