#include "tests/sim/world.hpp"

#include <stdexcept>

#include "protocol/json.hpp"
#include "stun/message.hpp"
#include "tests/sim/sim_node.hpp"

namespace causeway::sim {
namespace {

constexpr const char* kNetwork = "demo";
constexpr const char* kPool = "10.10.0.101-10.10.0.250";
constexpr server::ConnectionId kAdministrator{1};
constexpr std::size_t kMostConnections = 1000;

net::Endpoint endpoint(const char* text) { return net::Endpoint::parse(text).value(); }

}  // namespace

World::World(std::uint64_t seed)
    : random_(seed), stun_servers_{endpoint("192.0.2.10:3478"), endpoint("192.0.2.11:3478")} {
  settings_.listen = "192.0.2.10:7443";
  settings_.public_address = {"192.0.2.10", 7443};
  settings_.stun_listen = settings_.stun_public = stun_servers_;
  settings_.pins = {protocol::KeyPin{}};
  store_.commit({server::NetworkRow{kNetwork, kPool}}, [](auto) {});
  restart_server();
}

World::~World() = default;

// ---- time ----

void World::after(Duration delay, std::function<void()> task) {
  events_.emplace(std::pair{steady_ + delay, next_event_++}, std::move(task));
}

bool World::run_until(const std::function<bool()>& condition, Duration limit) {
  const SteadyTime end = steady_ + limit;
  while (!condition()) {
    if (events_.empty() || events_.begin()->first.first > end) {
      steady_ = end;
      return condition();
    }
    auto event = events_.extract(events_.begin());
    steady_ = std::max(steady_, event.key().first);
    event.mapped()();
  }
  return true;
}

void World::run_for(Duration span) {
  run_until([] { return false; }, span);
}

// ---- nodes and datagrams ----

Nat& World::add_nat(net::IpAddress outside, Behaviour mapping, Behaviour filtering) {
  return *nats_.emplace_back(std::make_unique<Nat>(outside, mapping, filtering));
}

SimNode& World::add_node(const std::string& name, net::IpAddress address, Nat* nat) {
  return *nodes_.emplace_back(std::make_unique<SimNode>(*this, name, address, nat));
}

Duration World::travel_time() {
  const auto jitter = static_cast<std::uint64_t>(weather.jitter.count());
  return weather.delay +
         (jitter > 0 ? Duration(static_cast<std::int64_t>(random_.below(jitter))) : Duration{});
}

void World::send_datagram(SimNode& from, const net::Endpoint& source, const net::Endpoint& to, Bytes bytes) {
  const auto chance = [&](double share) {
    return share > 0 && static_cast<double>(random_.below(1'000'000)) < share * 1e6;
  };
  // Hosts behind the same NAT share a LAN; everything else passes the NAT.
  bool same_lan = false;
  for (const auto& node : nodes_)
    same_lan |= node->nat() == from.nat() && node->base_address().address == to.address;
  const net::Endpoint seen = from.nat() && !same_lan ? from.nat()->translate_out(source, to) : source;
  if (chance(weather.loss)) {
    ++datagrams_lost;
    return;
  }
  const int copies = chance(weather.duplicate) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    after(travel_time(), [this, seen, to, bytes, same_lan, &from] {
      if (same_lan) {
        for (const auto& node : nodes_) {
          if (node->base_address() == to && node->nat() == from.nat()) node->on_datagram(seen, bytes);
        }
        return;
      }
      deliver(seen, to, bytes);
    });
  }
}

void World::deliver(const net::Endpoint& from, const net::Endpoint& to, Bytes bytes) {
  for (std::size_t i = 0; i < stun_servers_.size(); ++i) {
    if (stun_servers_[i] == to) return serve_stun(i, from, std::move(bytes));
  }
  for (const auto& nat : nats_) {
    if (nat->outside() != to.address) continue;
    const auto inside = nat->translate_in(to.port, from);
    if (!inside) {
      ++datagrams_filtered;
      return;
    }
    for (const auto& node : nodes_) {
      if (node->nat() != nat.get() || node->base_address() != *inside) continue;
      ++datagrams_delivered;
      return node->on_datagram(from, std::move(bytes));
    }
  }
  for (const auto& node : nodes_) {
    if (node->nat() || node->base_address() != to) continue;
    ++datagrams_delivered;
    return node->on_datagram(from, std::move(bytes));
  }
  ++datagrams_lost;  // a private address, or nobody
}

void World::serve_stun(std::size_t index, const net::Endpoint& from, Bytes bytes) {
  const auto header = stun::peek_header(bytes);
  if (!server_is_up || !header || header->message_class != stun::MessageClass::request) return;
  after(travel_time(), [this, from, to = stun_servers_[index],
                        answer = stun::encode_plain_binding_success(header->transaction, from)] {
    deliver(to, from, answer);
  });
}

// ---- the server ----

void World::restart_server() {
  server_is_up = true;
  server_ = std::make_unique<server::ServerCore>(settings_, store_.load().value(), kMostConnections, random_,
                                                 now());
  server_->on_control_opened(kAdministrator, now());
  pump_server();
}

void World::crash_server() {
  server_is_up = false;
  server_.reset();
  server_timer_.reset();
  for (const auto& [connection, node] : std::exchange(connections_, {})) {
    after(travel_time(), [connection = connection, node = node] {
      node->on_server_closed(connection, "the server is gone");
    });
  }
}

std::string World::make_token() {
  server_->on_line(
      kAdministrator,
      R"({"jsonrpc":"2.0","id":1,"method":"admin.token.create","params":{"network":"demo","uses":1,"expires_s":86400}})",
      now());
  pump_server();
  const auto reply = protocol::parse_json(last_control_reply_);
  if (!reply || !reply->contains("result")) throw std::runtime_error("no token: " + last_control_reply_);
  return reply->at("result").at("token").get<std::string>();
}

server::ConnectionId World::open_connection(SimNode& node) {
  const server::ConnectionId id{++next_connection_};
  after(3 * travel_time(), [this, id, &node] {  // TCP and TLS
    if (!server_is_up) return node.on_server_closed(id, "connection refused");
    const net::IpAddress source = node.nat() ? node.nat()->outside() : node.base_address().address;
    if (server_->on_accepted(id, source, now()) != server::Admission::admitted) {
      return node.on_server_closed(id, "the server closed the connection");
    }
    Bytes exporter(32);
    random_.fill(exporter);
    connections_[id] = &node;
    server_->on_secured(id, exporter, now());
    node.on_server_secured(id, exporter);
    pump_server();
  });
  return id;
}

void World::send_to_server(server::ConnectionId connection, std::string line) {
  after(travel_time(), [this, connection, line = std::move(line)] {
    if (!connections_.contains(connection)) return;
    server_->on_line(connection, line, now());
    pump_server();
  });
}

void World::close_from_node(server::ConnectionId connection) {
  if (connections_.erase(connection) == 0) return;
  after(travel_time(), [this, connection] {
    if (!server_) return;
    server_->on_closed(connection, now());
    pump_server();
  });
}

void World::pump_server() {
  while (auto action = server_->poll_action()) {
    if (const auto* send = std::get_if<server::SendLine>(&*action)) {
      if (send->connection == kAdministrator) last_control_reply_ = *send->line;
      const auto at = connections_.find(send->connection);
      if (at == connections_.end()) continue;
      after(travel_time(), [id = send->connection, node = at->second, line = send->line] {
        node->on_server_line(id, *line);
      });
    } else if (const auto* close = std::get_if<server::Close>(&*action)) {
      const auto at = connections_.find(close->connection);
      if (at == connections_.end()) continue;
      after(travel_time(), [id = at->first, node = at->second, reason = close->reason] {
        node->on_server_closed(id, reason);
      });
      connections_.erase(at);
    } else if (auto* commit = std::get_if<server::Commit>(&*action)) {
      store_.commit(std::move(commit->changes),
                    [&, id = commit->id](const auto& error) { server_->on_committed(id, !error, now()); });
    }
  }
  const auto next = server_->next_timeout();
  if (!next || (server_timer_ && *server_timer_ <= *next)) return;
  server_timer_ = *next;
  after(*next - steady_, [this, at = *next] {
    if (!server_ || server_timer_ != at) return;
    server_timer_.reset();
    server_->on_timeout(now());
    pump_server();
  });
}

}  // namespace causeway::sim
