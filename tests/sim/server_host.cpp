#include "tests/sim/server_host.hpp"

#include <stdexcept>

#include "protocol/json.hpp"
#include "protocol/rpc.hpp"
#include "stun/message.hpp"
#include "tests/sim/sim_node.hpp"

namespace causeway::sim {
namespace {

constexpr const char* kNetwork = "demo";
constexpr server::ConnectionId kAdministrator{1};
constexpr std::size_t kMostConnections = 1000;
/// How often TCP tries a dead link again.
constexpr Duration kTcpRetry = 1s;

net::Endpoint endpoint(const char* text) { return net::Endpoint::parse(text).value(); }

}  // namespace

ServerHost::ServerHost(Schedule& schedule, Network& network, RandomSource& random, Narration& narration,
                       Options options)
    : schedule_(schedule),
      network_(network),
      random_(random),
      narration_(narration),
      stun_servers_{endpoint("192.0.2.10:3478"), endpoint("192.0.2.11:3478")} {
  settings_.listen = "192.0.2.10:7443";
  settings_.public_address = {"192.0.2.10", 7443};
  settings_.stun_listen = settings_.stun_public = stun_servers_;
  settings_.pins = {protocol::KeyPin{}};
  for (std::size_t i = 0; i < stun_servers_.size(); ++i) {
    stun_plugs_.push_back(network_.plug_in(
        Realm::internet, stun_servers_[i], "server",
        [this, i](const net::Endpoint& from, const Bytes& bytes) { serve_stun(i, from, bytes); }));
  }
  const auto prefix6 = options.ipv6 ? net::Prefix::parse("fd12:3456:789a::/64") : std::nullopt;
  store_.commit({server::NetworkRow{kNetwork, options.pool, options.friends_only, prefix6}}, [](auto) {});
  restart();
}

ServerHost::~ServerHost() = default;

Now ServerHost::now() const { return schedule_.clocks(clock_error); }

// ---- life ----

void ServerHost::restart() {
  if (server_) return;
  narration_.note("server", "starts");
  server_ = std::make_unique<server::ServerCore>(settings_, store_.load().value(), kMostConnections, random_,
                                                 now());
  server_->on_control_opened(kAdministrator, now());
  pump();
}

void ServerHost::crash() {
  if (!server_) return;
  narration_.note("server", "crashes");
  server_.reset();
  timer_.reset();
  for (auto& [id, connection] : connections_) {
    connection.closed_because = "the server is gone";
    if (!connection.to_node.is_running) {
      schedule_.after(network_.travel_time(), [this, id = id] { run_pipe(id, Direction::to_node); });
    }
  }
}

protocol::Json ServerHost::administer(std::string_view method, const protocol::Json& params) {
  server_->on_line(kAdministrator, protocol::make_request(1, method, params), now());
  pump();
  const auto reply = protocol::parse_json(last_control_reply_);
  if (!reply || !reply->contains("result")) throw std::runtime_error("refused: " + last_control_reply_);
  return reply->at("result");
}

std::string ServerHost::make_token(const std::string& user) {
  const auto made = administer(
      "admin.token.create", {{"network", kNetwork}, {"user", user}, {"uses", 1}, {"expires_s", 315'360'000}});
  return made.at("token").get<std::string>();
}

// ---- connections ----

server::ConnectionId ServerHost::open(SimNode& node, PlugId plug) {
  const server::ConnectionId id{++next_connection_};
  connections_[id] = {.node = &node, .plug = plug, .to_server = {}, .to_node = {}, .closed_because = {}};
  // TCP and TLS are three round trips. A dead link answers nothing: giving up is the node's business.
  schedule_.after(6 * network_.travel_time(), [this, id] { accept(id); });
  return id;
}

void ServerHost::accept(server::ConnectionId id) {
  const auto at = connections_.find(id);
  if (at == connections_.end()) return;
  Connection& connection = at->second;
  if (!network_.is_live(connection.plug)) {
    schedule_.after(kTcpRetry, [this, id] { accept(id); });
    return;
  }
  const auto refuse = [&](const char* reason) {
    SimNode& node = *connection.node;
    connections_.erase(at);
    node.on_server_closed(id, reason);
  };
  if (!server_) return refuse("connection refused");
  if (server_->on_accepted(id, network_.seen_address(connection.plug), now()) != server::Admission::admitted)
    return refuse("the server closed the connection");
  connection.is_accepted = true;
  Bytes exporter(32);
  random_.fill(exporter);
  server_->on_secured(id, exporter, now());
  SimNode& node = *connection.node;
  pump();
  node.on_server_secured(id, exporter);
}

void ServerHost::send(server::ConnectionId id, std::string line) {
  push(id, Direction::to_server, std::move(line));
}

void ServerHost::push(server::ConnectionId id, Direction direction, std::string line) {
  const auto at = connections_.find(id);
  if (at == connections_.end() || at->second.closed_because) return;
  Pipe& pipe = direction == Direction::to_server ? at->second.to_server : at->second.to_node;
  pipe.lines.emplace_back(schedule_.now() + network_.travel_time(), std::move(line));
  if (!pipe.is_running) run_pipe(id, direction);
}

void ServerHost::run_pipe(server::ConnectionId id, Direction direction) {
  const auto at = connections_.find(id);
  if (at == connections_.end()) return;
  Connection& connection = at->second;
  Pipe& pipe = direction == Direction::to_server ? connection.to_server : connection.to_node;
  const auto again = [&](Duration delay) {
    pipe.is_running = true;
    schedule_.after(delay, [this, id, direction] { run_pipe(id, direction); });
  };
  pipe.is_running = false;
  const bool has_end = direction == Direction::to_node && connection.closed_because;
  if (pipe.lines.empty() && !has_end) return;
  if (!network_.is_plugged(connection.plug)) return;  // nothing ever comes through
  if (!network_.is_live(connection.plug)) return again(kTcpRetry);
  if (pipe.lines.empty()) return finish_close(id);
  if (pipe.lines.front().first > schedule_.now()) return again(pipe.lines.front().first - schedule_.now());

  const std::string line = std::move(pipe.lines.front().second);
  pipe.lines.pop_front();
  if (!pipe.lines.empty() || has_end) again(Duration{});
  SimNode& node = *connection.node;
  if (direction == Direction::to_node) {
    narration_.line("server", node.name(), line);
    node.on_server_line(id, line);
  } else if (server_ && connection.is_accepted && !connection.closed_because) {
    narration_.line(node.name(), "server", line);
    server_->on_line(id, line, now());
    pump();
  }
}

void ServerHost::finish_close(server::ConnectionId id) {
  const auto at = connections_.find(id);
  SimNode& node = *at->second.node;
  const std::string reason = *at->second.closed_because;
  connections_.erase(at);
  node.on_server_closed(id, reason);
}

void ServerHost::close(server::ConnectionId id) {
  const auto at = connections_.find(id);
  if (at == connections_.end()) return;
  const PlugId plug = at->second.plug;
  const bool is_known = at->second.is_accepted && !at->second.closed_because;
  connections_.erase(at);
  // Over a dead link the server is not told and finds out by itself.
  if (!is_known || !network_.is_live(plug)) return;
  schedule_.after(network_.travel_time(), [this, id] {
    if (!server_) return;
    server_->on_closed(id, now());
    pump();
  });
}

// ---- driving ----

void ServerHost::pump() {
  while (auto action = server_->poll_action()) {
    if (const auto* send = std::get_if<server::SendLine>(&*action)) {
      if (send->connection == kAdministrator) last_control_reply_ = *send->line;
      push(send->connection, Direction::to_node, *send->line);
    } else if (const auto* close = std::get_if<server::Close>(&*action)) {
      const auto at = connections_.find(close->connection);
      if (at == connections_.end()) continue;
      at->second.closed_because = close->reason;
      if (!at->second.to_node.is_running) {
        at->second.to_node.is_running = true;
        schedule_.after(network_.travel_time(),
                        [this, id = close->connection] { run_pipe(id, Direction::to_node); });
      }
    } else if (auto* commit = std::get_if<server::Commit>(&*action)) {
      store_.commit(std::move(commit->changes),
                    [&, id = commit->id](const auto& error) { server_->on_committed(id, !error, now()); });
    }
  }
  const auto next = server_->next_timeout();
  if (!next || (timer_ && *timer_ <= *next && *timer_ > schedule_.now())) return;
  timer_ = std::max(*next, schedule_.now());
  schedule_.after(*timer_ - schedule_.now(), [this, at = *timer_] {
    if (!server_ || timer_ != at) return;
    timer_.reset();
    server_->on_timeout(now());
    pump();
  });
}

void ServerHost::serve_stun(std::size_t index, const net::Endpoint& from, const Bytes& bytes) {
  const auto header = stun::peek_header(bytes);
  if (!server_ || !header || header->message_class != stun::MessageClass::request) return;
  network_.send(stun_plugs_[index], from, stun::encode_plain_binding_success(header->transaction, from));
}

}  // namespace causeway::sim
