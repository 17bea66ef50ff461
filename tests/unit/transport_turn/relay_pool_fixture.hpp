#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "transport-turn/relay_pool.hpp"
#include "transport-turn/turn_times.hpp"
#include "turn_server.hpp"

namespace transport_turn::test {

inline const cw_address kOne = at("203.0.113.9:3478");
inline const cw_address kTwo = at("203.0.113.20:3478");
inline const cw_address kThree = at("203.0.113.30:3478");

inline Server way(const cw_address& address, std::uint32_t kind, const char* password = "secret") {
  Server server;
  server.uri = "turn:relay.example";
  server.host = "relay.example";
  server.kind = kind;
  server.address = address;
  server.credentials = {"alice", password};
  return server;
}

/// Hosts and TURN servers of one network, in virtual time: a host that opens every link at once, and servers
/// that can be cut off by kind.
class RelayPoolTest : public ::testing::Test, private World {
 protected:
  struct Machine {
    TurnServer turn;
    std::map<std::uint32_t, TurnServer> by_link;  ///< an allocation for each link
    std::set<std::uint32_t> dead_kinds;           ///< packets of these vanish
    std::set<std::uint32_t> refused_kinds;        ///< connections of these fail at once
    bool has_ipv6 = false;
  };
  struct Opened {
    std::uint32_t base = 0;
    Server server;
  };

  RelayPoolTest() {
    for (const cw_address& address : {kOne, kTwo, kThree})
      machines_[to_text(address)].turn.relayed = without_port(address);
  }
  Machine& machine(const cw_address& address) { return machines_.at(to_text(address)); }

  void configure(std::vector<Server> servers) {
    ServerList list;
    list.servers = std::move(servers);
    pool_.set_servers(std::move(list), now_);
    settle();
  }
  void set_bases(std::vector<Base> bases) {
    for (auto& [id, link] : std::map(links_)) {
      const bool is_there = std::any_of(
          bases.begin(), bases.end(), [&, base = link.base](const Base& other) { return other.id == base; });
      if (!is_there) {
        links_.erase(id);
        relays_.erase(id);
      }
    }
    pool_.set_bases(std::move(bases), now_);
    settle();
  }
  void begin(std::vector<Server> servers) {
    configure(std::move(servers));
    set_bases({{1, at("192.168.0.100:7000")}});
  }
  void pass(std::int64_t span) {
    const std::int64_t end = now_ + span;
    while (pool_.next_time() && *pool_.next_time() <= end) {
      now_ = std::max(now_, *pool_.next_time());
      pool_.on_time(now_);
      settle();
      ASSERT_LT(++calls_, 200'000) << "called without end";
    }
    now_ = end;
  }
  /// Links open and messages travel, until nothing is left to do.
  void settle() {
    for (int round = 0; !events_.empty(); ++round) {
      ASSERT_LT(round, 10'000);
      auto event = std::move(events_.front());
      events_.erase(events_.begin());
      event();
    }
  }
  void server_restarts(const cw_address& address) {
    for (auto& [link, turn] : machine(address).by_link)
      turn.has_allocation = false;
  }
  std::vector<std::string> relays() const {
    std::vector<std::string> found;
    for (const auto& [link, text] : relays_)
      found.push_back(text);
    std::sort(found.begin(), found.end());
    return found;
  }
  std::int64_t since(std::int64_t begin) const { return (now_ - begin) / kMillisecond; }
  template <class Condition>
  void pass_until(Condition is_met, std::int64_t limit) {
    const std::int64_t end = now_ + limit;
    while (!is_met() && now_ < end)
      pass(10 * kMillisecond);
    EXPECT_TRUE(is_met());
  }

  // ---- World ----
  bool open(std::uint32_t link, std::uint32_t base, const Server& server, bool) override {
    EXPECT_LT(link, CW_MAX_LINKS);
    EXPECT_EQ(links_.count(link), 0U) << "the id is in use";
    if (is_host_full_) return false;
    links_[link] = {base, server};
    ++opened_[server.kind];
    const auto found = machines_.find(to_text(server.address));
    if (found == machines_.end() ||
        (server.kind != CW_LINK_UDP && found->second.dead_kinds.count(server.kind)))
      return true;  // nothing ever comes back
    Machine& machine = found->second;
    if (machine.refused_kinds.count(server.kind) != 0) {
      events_.push_back([this, link] {
        if (links_.erase(link) != 0) pool_.on_link(link, false, "connection refused", now_);
      });
      return true;
    }
    machine.by_link[link] = machine.turn;
    machine.by_link[link].relayed.port = static_cast<std::uint16_t>(50'000 + link + 100 * server.kind);
    events_.push_back([this, link] { pool_.on_link(link, true, "", now_); });
    return true;
  }
  void close(std::uint32_t link) override {
    EXPECT_EQ(links_.erase(link), 1U) << "the host has no such link";
    relays_.erase(link);
    published_.erase(link);
  }
  void send(std::uint32_t link, const Bytes& message) override {
    ASSERT_EQ(links_.count(link), 1U);
    const Opened opened = links_[link];
    Machine& machine = machines_.at(to_text(opened.server.address));
    if (machine.dead_kinds.count(opened.server.kind) != 0) return;
    TurnServer& turn = machine.by_link[link];
    const Asked asked = Asked::parse(message);
    if (asked.has(0x0017)) {
      if (!machine.has_ipv6 && asked.has(0x0008)) {
        reply(link, TurnServer::refuse(asked, 440).seal(turn.key()).bytes());
        return;
      }
      turn.relayed = at("[2001:db8::9]:50000");
    }
    reply(link, turn.answer(message));
  }
  void reply(std::uint32_t link, Bytes bytes) {
    events_.push_back([this, link, bytes] {
      if (links_.count(link) != 0) pool_.on_message(link, bytes, now_);
    });
  }
  void allocated(std::uint32_t link, std::uint32_t kind, const TurnClient::Allocation& allocation) override {
    static const char* const kNames[] = {"udp ", "tcp ", "tls "};
    cw_address server = allocation.relayed;
    relays_[link] = kNames[kind] + to_text(without_port(server));
    first_relay_at_ = first_relay_at_ < 0 ? now_ : first_relay_at_;
  }
  void lost(std::uint32_t link, std::string_view) override { EXPECT_EQ(relays_.erase(link), 1U); }
  void done() override { ++done_; }
  void random(std::uint8_t* bytes, std::size_t size) override {
    while (size-- > 0)
      *bytes++ = static_cast<std::uint8_t>(random_());
  }
  void log(std::int32_t level, const std::string& text) override {
    EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("secret")));
    if (level >= CW_LOG_WARNING) ++warnings_;
  }
  void publish(std::uint32_t link, std::unique_ptr<const RouteTable> routes) override {
    if (routes) {
      EXPECT_EQ(relays_.count(link), 1U) << "routes of a relay that the host does not know";
      published_[link] = std::move(routes);
    } else {
      published_.erase(link);
    }
  }

  std::mt19937 random_{3};
  std::map<std::string, Machine> machines_;
  std::vector<std::function<void()>> events_;
  std::map<std::uint32_t, Opened> links_;
  std::map<std::uint32_t, std::string> relays_;
  std::map<std::uint32_t, std::unique_ptr<const RouteTable>> published_;
  std::map<std::uint32_t, int> opened_;
  std::int64_t now_ = kSecond;
  std::int64_t first_relay_at_ = -1;
  int calls_ = 0;
  int done_ = 0;
  int warnings_ = 0;
  bool is_host_full_ = false;
  RelayPool pool_{*this};
};

}  // namespace transport_turn::test
