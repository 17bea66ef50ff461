#include "daemon/netcheck_operation.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include "netcheck/report.hpp"
#include "protocol/json.hpp"

namespace causeway::daemon {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using netcheck::NatProbe;
using Json = nlohmann::json;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kMaxLocals = 8;
constexpr Duration kServerPatience = 4s;
constexpr std::size_t kTurnServersAsked = 2;

/// Keeps itself alive by what it waits for, until it is done.
class Netcheck : public std::enable_shared_from_this<Netcheck> {
 public:
  Netcheck(ControlTarget& target, ControlSocket::Completion done, ControlSocket::Progress progress)
      : target_(target),
        done_(std::move(done)),
        progress_(std::move(progress)),
        timer_(target.context()),
        server_timer_(target.context()),
        resolver_(target.context()),
        server_socket_(target.context()),
        started_(target.now().steady) {}

  void start() {
    auto servers = target_.node().stun_servers();
    findings_.stun_servers = servers.size();
    if (servers.size() > NatProbe::kMaxServers - kTurnServersAsked)
      servers.resize(NatProbe::kMaxServers - kTurnServersAsked);
    for (const protocol::TurnServer& turn : target_.node().turn_servers()) {
      const auto address = netcheck::binding_address(turn.uri);
      if (!address || std::find(servers.begin(), servers.end(), *address) != servers.end()) continue;
      if (findings_.turn_servers.size() == kTurnServersAsked) break;
      findings_.turn_servers.push_back(*address);
      servers.push_back(*address);
    }
    for (const auto& [id, base] : target_.node().bases())
      if (!base.relay && probes_.size() < kMaxLocals) open(base, servers);
    tell("asking " + std::to_string(servers.size()) + " STUN server" + (servers.size() == 1 ? "" : "s") +
         " from " + std::to_string(probes_.size()) + " local address" + (probes_.size() == 1 ? "" : "es"));
    for (auto& probe : probes_) {
      if (!probe->probe) continue;
      probe->probe->start(now());
      flush(*probe);
    }
    ask_server();
    go_on();
  }

 private:
  struct Local {
    explicit Local(asio::io_context& context)
        : readers{asio::posix::stream_descriptor(context), asio::posix::stream_descriptor(context)} {}
    std::size_t report = 0;  ///< in findings_.locals
    std::array<std::unique_ptr<net::UdpSocket>, 2> sockets;
    std::array<asio::posix::stream_descriptor, 2> readers;
    std::optional<NatProbe> probe;
    std::size_t told = 0;  ///< answers that progress has told of
  };

  SteadyTime now() const { return target_.now().steady; }
  void tell(const std::string& text) { progress_(Json{{"step", text}}); }

  void open(const peer::LocalBase& base, const std::vector<net::Endpoint>& servers) {
    auto local = std::make_unique<Local>(target_.context());
    local->report = findings_.locals.size();
    findings_.locals.push_back({base.interface, base.address, base.has_default_route, "", {}});
    for (std::size_t i = 0; i < 2; ++i) {
      auto socket = net::UdpSocket::open({.address = base.address.address,
                                          .device = base.interface,
                                          .buffer_bytes = 65536,
                                          .use_gso = false,
                                          .use_gro = false});
      if (!socket) {
        findings_.locals.back().failure = "no socket could be opened there: " + socket.error().message;
        probes_.push_back(std::move(local));
        return;
      }
      local->sockets[i] = std::make_unique<net::UdpSocket>(std::move(*socket));
      local->readers[i].assign(::dup(local->sockets[i]->descriptor()));
    }
    local->probe.emplace(local->sockets[0]->local(), local->sockets[1]->local(), servers, random_);
    probes_.push_back(std::move(local));
    for (std::size_t i = 0; i < 2; ++i)
      wait_for(*probes_.back(), i);
  }

  void wait_for(Local& local, std::size_t i) {
    local.readers[i].async_wait(asio::posix::stream_descriptor::wait_read,
                                [self = shared_from_this(), &local, i](ErrorCode error) {
                                  if (error || self->is_over_) return;
                                  self->receive(local, i);
                                  self->wait_for(local, i);
                                });
  }

  void receive(Local& local, std::size_t i) {
    for (int datagrams = 0; datagrams < 64; ++datagrams) {
      const auto received = local.sockets[i]->receive(buffer_);
      if (received.error != 0) break;
      local.probe->on_datagram(static_cast<NatProbe::Socket>(i), received.from,
                               ByteView(buffer_).first(received.bytes), now());
    }
    flush(local);
    tell_answers(local);
    go_on();
  }

  void flush(Local& local) {
    // A datagram that cannot leave is one that gets no answer.
    while (const auto send = local.probe->poll_send())
      local.sockets[static_cast<std::size_t>(send->socket)]->send(send->to, send->bytes, send->bytes.size());
  }

  void tell_answers(Local& local) {
    const auto report = local.probe->report();
    std::size_t answered = 0;
    for (const auto& answer : report.servers) {
      if (!answer.rtt || ++answered <= local.told) continue;
      tell("STUN server " + answer.server.to_string() + " answers " +
           findings_.locals[local.report].interface);
    }
    local.told = std::max(local.told, answered);
  }

  // ---- the address server: one TCP handshake ----

  void ask_server() {
    const auto* link = target_.node().link();
    const auto& enrolment = target_.node().enrolment();
    if (!link || !enrolment || enrolment->servers.empty()) {
      server_is_done_ = true;
      return;
    }
    netcheck::ServerReport& report = findings_.server;
    report.address = link->server();
    report.state = link->state() == link::LinkState::online ? "online" : "offline";
    report.reason = target_.node().link_reason();
    auto wanted = enrolment->servers.front();
    for (const auto& server : enrolment->servers) {
      if (server.to_string() == report.address) wanted = server;
    }
    resolver_.async_resolve(
        wanted.host, std::to_string(wanted.port), tcp::resolver::numeric_service,
        [self = shared_from_this()](ErrorCode error, const tcp::resolver::results_type& found) {
          if (error || found.empty())
            return self->server_done("its name cannot be resolved: " + error.message());
          for (const auto& entry : found)
            self->server_addresses_.push_back(entry.endpoint());
          self->try_server();
        });
    server_timer_.expires_after(
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(kServerPatience));
    server_timer_.async_wait([self = shared_from_this()](ErrorCode error) {
      if (!error) self->server_done("no answer within 4 s");
    });
  }

  void try_server() {
    if (server_is_done_) return;
    const tcp::endpoint address = server_addresses_[server_tried_++];
    ErrorCode ignored;
    server_socket_.close(ignored);
    const SteadyTime asked = now();
    server_socket_.async_connect(address, [self = shared_from_this(), asked](ErrorCode error) {
      if (self->server_is_done_) return;
      if (!error) {
        self->findings_.server.rtt = self->now() - asked;
        return self->server_done("");
      }
      if (self->server_tried_ < std::min<std::size_t>(self->server_addresses_.size(), 8))
        return self->try_server();
      self->server_done(error.message());
    });
  }

  void server_done(std::string failure) {
    if (std::exchange(server_is_done_, true)) return;
    findings_.server.failure = std::move(failure);
    tell(findings_.server.failure.empty()
             ? "the address server can be reached"
             : "the address server cannot be reached: " + findings_.server.failure);
    ErrorCode ignored;
    server_timer_.cancel();
    server_socket_.close(ignored);
    resolver_.cancel();
    go_on();
  }

  // ---- time ----

  void go_on() {
    if (is_over_) return;
    std::optional<SteadyTime> next;
    for (const auto& local : probes_) {
      const auto at = local->probe ? local->probe->next_timeout() : std::nullopt;
      if (at && (!next || *at < *next)) next = at;
    }
    if (!next && server_is_done_) return finish();
    timer_.expires_at(asio::steady_timer::time_point(
        std::min(next.value_or(SteadyTime::max()), started_ + kNetcheckLimit)));
    timer_.async_wait([self = shared_from_this()](ErrorCode error) {
      if (!error) self->on_timer();
    });
  }

  void on_timer() {
    if (now() >= started_ + kNetcheckLimit) return finish();
    for (const auto& local : probes_) {
      if (!local->probe) continue;
      local->probe->on_timeout(now());
      flush(*local);
    }
    go_on();
  }

  void finish() {
    is_over_ = true;
    timer_.cancel();
    for (const auto& local : probes_) {
      for (auto& reader : local->readers) {
        ErrorCode ignored;
        reader.close(ignored);
      }
      if (local->probe) findings_.locals[local->report].nat = local->probe->report();
    }
    for (const auto& [id, base] : target_.node().bases()) {
      if (!base.relay) continue;
      findings_.relays.push_back(
          {base.address, base.relay->nic, base.relay->source, base.relay->transport, std::nullopt});
    }
    netcheck::attribute_relays(findings_);
    findings_.took = now() - started_;
    done_(protocol::success(netcheck::to_json(findings_)));
  }

  ControlTarget& target_;
  ControlSocket::Completion done_;
  ControlSocket::Progress progress_;
  asio::steady_timer timer_, server_timer_;
  tcp::resolver resolver_;
  tcp::socket server_socket_;
  std::vector<tcp::endpoint> server_addresses_;
  std::size_t server_tried_ = 0;
  bool server_is_done_ = false;
  bool is_over_ = false;
  SystemRandom random_;
  SteadyTime started_;
  std::vector<std::unique_ptr<Local>> probes_;
  netcheck::Findings findings_;
  std::array<std::uint8_t, net::UdpSocket::kReceiveBytes> buffer_;
};

}  // namespace

void start_netcheck(ControlTarget& target, ControlSocket::Completion done, ControlSocket::Progress progress) {
  std::make_shared<Netcheck>(target, std::move(done), std::move(progress))->start();
}

}  // namespace causeway::daemon
