// A thousand nodes lose their server together, and come back to it (spec V9): how they spread, and that all
// is as before.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "crypto/ed25519.hpp"
#include "link/server_link_fsm.hpp"
#include "protocol/join_token.hpp"
#include "protocol/rpc.hpp"
#include "server/src/core/server_core.hpp"
#include "server/src/storage/memory_store.hpp"
#include "tests/sim/schedule.hpp"

namespace causeway::sim {
namespace {

using server::ConnectionId;
using server::ServerCore;

constexpr std::size_t kNodes = 1000;
constexpr Duration kRoundTrip = 20ms;
/// What one core of a server was measured to take back in a tenth of a second.
constexpr std::size_t kServerTakes = 180;

/// The link of each node and the core of the server, joined by lines that take their time. A node's list of
/// all others is answered here, empty: a million descriptions are not what this is about.
class Herd {
 public:
  Herd() {
    store_.commit({server::NetworkRow{"home", "10.10.0.0/16"}}, [](auto) {});
    start_server();
    const std::string secret = token();
    for (std::size_t i = 0; i < kNodes; ++i) {
      Member& member = members_.emplace_back();
      const auto keys = crypto::generate_identity(random_);
      link::ServerLinkFsm::Options options;
      options.enrolment.network = "home";
      options.enrolment.servers = {{"198.51.100.1", 7443}};
      options.enrolment.secret = secret;
      options.identity = keys.secret;
      options.identity_public = keys.public_key;
      member.random = std::make_unique<SeededRandom>(1000 + i);
      member.link = std::make_unique<link::ServerLinkFsm>(std::move(options), *member.random);
      member.source = net::IpAddress::v4(0xc6336401u + static_cast<std::uint32_t>(i));
      // They join one after the other; only later do they share a fate.
      schedule_.after(i * 2ms, [this, i] {
        members_[i].link->start(now());
        pump(i);
      });
    }
    settle(30s);
    // Each wants to hear of its neighbour's changes, and lets it.
    for (std::size_t i = 0; i < kNodes; ++i) {
      members_[i].link->subscribe(members_[(i + 1) % kNodes].address, now());
      pump(i);
    }
    schedule_.run_for(11s);  // the server has counted them by now, and tells each when it registers again
    for (std::size_t i = 0; i < kNodes; ++i)
      lose(i, "roamed");
    settle(30s);
    EXPECT_EQ(accepted(), kNodes);
  }

  void crash() {
    core_.reset();
    for (std::size_t i = 0; i < kNodes; ++i)
      lose(i, "the connection was reset");
  }
  void stop_as_planned() {
    core_->shut_down(now());
    pump_server();
    schedule_.run_for(kRoundTrip);
    core_.reset();
  }
  void start_server() {
    core_ = std::make_unique<ServerCore>(settings(), store_.load().value(), 20'000, random_, now());
    started_ = schedule_.now();
    arrivals_.clear();
    queries_.clear();
    run_server_timer(core_.get());
  }
  /// Runs until everything is as it was; how long that took since the server's return.
  Duration recover(Duration limit) {
    settle(limit);
    EXPECT_EQ(accepted(), kNodes) << "each hears of its neighbour again";
    return schedule_.now() - started_;
  }
  void run_for(Duration time) { schedule_.run_for(time); }

  std::size_t online() const {
    return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(), [](const Member& member) {
      return member.link->state() == link::LinkState::online;
    }));
  }
  std::size_t accepted() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const auto state = members_[i].link->subscription(members_[(i + 1) % kNodes].address);
      count += state == protocol::SubscriptionState::accepted ? 1 : 0;
    }
    return count;
  }
  /// The most connections of any tenth of a second.
  static std::size_t peak(std::vector<SteadyTime> times) {
    std::sort(times.begin(), times.end());
    std::size_t most = 0;
    for (std::size_t first = 0, last = 0; last < times.size(); ++last) {
      while (times[last] - times[first] >= 100ms)
        ++first;
      most = std::max(most, last - first + 1);
    }
    return most;
  }
  void report(const char* what, Duration took) const {
    std::printf(
        "%-28s all %zu back after %.2f s, at most %zu connections and %zu lists in 100 ms, %zu refused\n",
        what, kNodes, std::chrono::duration<double>(took).count(), peak(arrivals_), peak(queries_), refused_);
  }
  const std::vector<SteadyTime>& arrivals() const { return arrivals_; }
  const std::vector<SteadyTime>& queries() const { return queries_; }
  std::size_t refused() const { return refused_; }

 private:
  struct Member {
    std::unique_ptr<SeededRandom> random;
    std::unique_ptr<link::ServerLinkFsm> link;
    net::IpAddress source, address;
    ConnectionId connection = ConnectionId::none;
    std::uint64_t timer = 0;
  };

  static server::ServerSettings settings() {
    server::ServerSettings made;
    made.listen = "198.51.100.1:7443";
    made.public_address = {"198.51.100.1", 7443};
    made.pins = {protocol::KeyPin{1}};
    return made;
  }
  Now now() const { return schedule_.clocks(); }

  std::string token() {
    core_->on_control_opened(ConnectionId{~std::uint64_t{0}}, now());
    core_->on_line(ConnectionId{~std::uint64_t{0}},
                   protocol::make_request(1, "admin.token.create",
                                          {{"network", "home"}, {"uses", kNodes}, {"expires_s", 86'400}}),
                   now());
    std::string secret;
    while (auto action = core_->poll_action()) {
      if (auto* commit = std::get_if<server::Commit>(&*action)) store(*commit);
      if (auto* send = std::get_if<server::SendLine>(&*action)) {
        const auto reply = protocol::Json::parse(*send->line);
        secret = protocol::JoinToken::parse(reply["result"]["token"].get<std::string>()).value().secret;
      }
    }
    return secret;
  }
  void store(const server::Commit& commit) {
    bool stored = false;
    store_.commit(commit.changes, [&stored](const auto& error) { stored = !error; });
    core_->on_committed(commit.id, stored, now());
  }

  /// Until all are online and have what they want; looked at now and then, as it takes its time.
  void settle(Duration limit) {
    const SteadyTime end = schedule_.now() + limit;
    while (schedule_.now() < end && (online() < kNodes || accepted() < wanted()))
      schedule_.run_for(10ms);
    EXPECT_EQ(online(), kNodes);
  }
  std::size_t wanted() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < members_.size(); ++i)
      count += members_[i].link->subscription(members_[(i + 1) % kNodes].address) ? 1 : 0;
    return count;
  }
  void run_server_timer(const ServerCore* core) {
    schedule_.after(1s, [this, core] {
      if (core_.get() != core) return;
      core_->on_timeout(now());
      pump_server();
      run_server_timer(core);
    });
  }

  // ---- the nodes' side ----
  void pump(std::size_t i) {
    Member& member = members_[i];
    while (auto action = member.link->poll_action()) {
      if (std::holds_alternative<link::OpenConnection>(*action)) {
        const ConnectionId id = member.connection = ConnectionId{++last_id_};
        schedule_.after(2 * kRoundTrip, [this, i, id] { open(i, id); });  // TCP, then TLS
      } else if (std::holds_alternative<link::CloseConnection>(*action)) {
        const ConnectionId id = std::exchange(member.connection, ConnectionId::none);
        schedule_.after(kRoundTrip / 2, [this, id] {
          if (core_) core_->on_closed(id, now());
          pump_server();
        });
      } else if (auto* send = std::get_if<link::SendLine>(&*action)) {
        schedule_.after(kRoundTrip / 2, [this, i, id = member.connection, line = std::move(send->line)] {
          hear(i, id, line);
        });
      } else if (const auto* registered = std::get_if<link::Registered>(&*action)) {
        member.address = registered->virtual_address;
      } else if (const auto* ask = std::get_if<link::SubscribersAsk>(&*action)) {
        std::vector<net::IpAddress> accepted;
        for (const auto& node : ask->nodes)
          accepted.push_back(node.virtual_address);
        member.link->answer_subscribers(std::move(accepted), ask->disbelieved, now());
      }
    }
    arm(i);
  }
  void arm(std::size_t i) {
    const auto next = members_[i].link->next_timeout();
    if (!next) return;
    schedule_.after(std::max(Duration{}, *next - schedule_.now()), [this, i, timer = ++members_[i].timer] {
      if (timer != members_[i].timer) return;
      members_[i].link->on_timeout(now());
      pump(i);
    });
  }
  void lose(std::size_t i, const char* reason) {
    const ConnectionId id = std::exchange(members_[i].connection, ConnectionId::none);
    if (core_) core_->on_closed(id, now());
    members_[i].link->on_closed(reason, now());
    pump(i);
    pump_server();
  }
  void open(std::size_t i, ConnectionId id) {
    Member& member = members_[i];
    if (member.connection != id) return;
    if (!core_) {
      member.connection = ConnectionId::none;
      member.link->on_closed("connection refused", now());
      return pump(i);
    }
    arrivals_.push_back(schedule_.now());
    if (core_->on_accepted(id, member.source, now()) != server::Admission::admitted) {
      ++refused_;
      member.connection = ConnectionId::none;
      member.link->on_closed("closed", now());
      return pump(i);
    }
    const Bytes exporter(32, static_cast<std::uint8_t>(id));
    core_->on_secured(id, exporter, now());
    owners_[id] = i;
    member.link->on_connected(exporter, now());
    pump(i);
  }

  // ---- the server's side ----
  void hear(std::size_t i, ConnectionId id, const std::string& line) {
    if (!core_ || members_[i].connection != id) return;
    if (line.find(R"("method":"query")") != std::string::npos) {
      queries_.push_back(schedule_.now());
      const auto message = protocol::parse_message(line);
      const auto request = std::get<protocol::Request>(*message).id;
      return tell(id, protocol::make_result(request, protocol::QueryResult{}.to_json()));
    }
    core_->on_line(id, line, now());
    pump_server();
  }
  void pump_server() {
    while (auto action = core_ ? core_->poll_action() : std::nullopt) {
      if (auto* commit = std::get_if<server::Commit>(&*action)) store(*commit);
      if (auto* send = std::get_if<server::SendLine>(&*action)) tell(send->connection, *send->line);
      if (auto* close = std::get_if<server::Close>(&*action)) {
        const auto owner = owners_.find(close->connection);
        if (owner == owners_.end()) continue;
        schedule_.after(kRoundTrip / 2, [this, i = owner->second, id = close->connection] {
          if (members_[i].connection == id) lose(i, "the server closed it");
        });
      }
    }
  }
  void tell(ConnectionId id, std::string line) {
    const auto owner = owners_.find(id);
    if (owner == owners_.end()) return;
    schedule_.after(kRoundTrip / 2, [this, i = owner->second, id, line = std::move(line)] {
      if (members_[i].connection != id) return;
      members_[i].link->on_line(line, now());
      pump(i);
    });
  }

  Schedule schedule_;
  SeededRandom random_{7};
  server::MemoryStore store_;
  std::unique_ptr<ServerCore> core_;
  std::deque<Member> members_;
  std::map<ConnectionId, std::size_t> owners_;
  std::uint64_t last_id_ = 0;
  SteadyTime started_{};
  std::vector<SteadyTime> arrivals_, queries_;
  std::size_t refused_ = 0;
};

TEST(Herd, ComesBackSpreadOverTheServersRateAndGetsEverythingAgain) {
  log::set_level(log::Level::warning);
  Herd herd;
  const auto expect_spread = [&herd](const char* what, Duration most) {
    SCOPED_TRACE(what);
    const Duration took = herd.recover(most + 30s);
    herd.report(what, took);
    EXPECT_LT(took, most);
    EXPECT_LE(Herd::peak(herd.arrivals()), kServerTakes);
    EXPECT_LE(Herd::peak(herd.queries()), kServerTakes);
    EXPECT_EQ(herd.refused(), 0U);
    herd.run_for(11s);  // lists that were put off
  };
  herd.crash();
  herd.start_server();
  expect_spread("restarted at once", 3s);

  herd.crash();
  herd.run_for(3s);
  herd.start_server();
  expect_spread("3 s down", 6s);  // tries are at most 5 s apart in the first two minutes of an outage

  herd.crash();
  herd.run_for(10min);
  herd.start_server();
  expect_spread("10 min down", 62s);

  herd.stop_as_planned();
  herd.run_for(1s);
  herd.start_server();
  expect_spread("planned, 1 s", 5s);
  log::set_level(log::Level::info);
}

}  // namespace
}  // namespace causeway::sim
