#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "causeway/ext/transport.h"
#include "server_list.hpp"
#include "turn_client.hpp"

namespace transport_turn {

/// What the pool asks of the world. In the plugin the host, in tests anything.
class World {
 public:
  virtual ~World() = default;
  /// False: it cannot be opened.
  virtual bool open(std::uint32_t link, std::uint32_t base, const Server& server, bool verify_tls) = 0;
  virtual void close(std::uint32_t link) = 0;
  virtual void send(std::uint32_t link, const Bytes& message) = 0;
  virtual void allocated(std::uint32_t link, std::uint32_t kind,
                         const TurnClient::Allocation& allocation) = 0;
  virtual void lost(std::uint32_t link, std::string_view reason) = 0;
  virtual void done() = 0;
  virtual void random(std::uint8_t* bytes, std::size_t size) = 0;
  virtual void log(std::int32_t level, const std::string& text) = 0;
  /// What data threads are to know of the link; null: nothing any more.
  virtual void publish(std::uint32_t link, std::unique_ptr<const RouteTable> routes) = 0;
};

struct Base {
  std::uint32_t id;
  cw_address address;
};

/// Decides which relays to have: asks all servers from all bases side by side, keeps the first that answer,
/// looks for replacements and for better ones. No clock, no socket; times in nanoseconds.
///
/// A *target* is one thing to try: a base, a way to a server, a family of the relayed address. A *link* is an
/// attempt at one, or what came of it.
class RelayPool {
 public:
  static constexpr std::size_t kMaxBases = 8;
  /// Kept for each base, on different servers, so that one server's end leaves a warm path.
  static constexpr std::size_t kMaxRelaysV4 = 2;
  static constexpr std::size_t kMaxRelaysV6 = 1;

  explicit RelayPool(World& world) : world_(world) {}

  void set_servers(ServerList list, std::int64_t now);
  void set_bases(std::vector<Base> bases, std::int64_t now);
  void on_link(std::uint32_t link, bool is_open, std::string_view reason, std::int64_t now);
  void on_message(std::uint32_t link, ByteView bytes, std::int64_t now);
  void want_peer(std::uint32_t link, const cw_address& peer, std::int64_t now);
  void drop_peer(std::uint32_t link, const cw_address& peer, std::int64_t now);
  void on_time(std::int64_t now);
  /// Gives everything back; nothing is asked for afterwards.
  void drain(std::int64_t now);
  std::optional<std::int64_t> next_time() const { return wake_; }

  /// Of all clients there are and were.
  ClientCounters counters() const;

 private:
  struct Target {
    Base base{};
    Server server;
    std::uint8_t family = 4;
    std::int64_t due = 0;           ///< the next attempt, when it would be useful then
    std::int64_t tried_since = -1;  ///< the first attempt since the last change; -1: none yet
    bool is_settled = false;        ///< that attempt came to an end, or to an allocation
    unsigned failures = 0;          ///< in a row
    std::optional<Failure> failure;
    std::optional<std::uint32_t> link;     ///< the attempt under way, or the relay it became
    std::optional<cw_address> alternate;   ///< where the server has sent us
    std::vector<cw_address> redirections;  ///< all of them, since the last success
  };
  struct Link {
    Target* target = nullptr;  ///< null: not needed any more
    Base base{};
    Server server;  ///< address: the one spoken to
    std::uint8_t family = 4;
    std::unique_ptr<TurnClient> client;
    bool is_open = false;
    std::int64_t opened_at = 0;
    bool is_told = false;  ///< the host knows the allocation
    bool is_releasing = false;
    std::int64_t retire_at = 0;  ///< when it is given back, if there is no target
  };

  using LinkId = std::uint32_t;

  // Targets, relay_targets.cpp.
  void rebuild(std::int64_t now);
  bool is_wanted(const Target& target, std::int64_t now);
  bool is_gated(const Target& target, std::int64_t now);
  void try_targets(std::int64_t now);
  void try_target(Target& target, LinkId id, std::int64_t now);
  void fail(Target& target, Failure failure, const std::string& reason, std::int64_t now);
  void follow(Target& target, const TurnClient::Ended& ended, std::int64_t now);
  std::int64_t patience(const Target& target);
  std::vector<const Link*> held(std::uint32_t base, std::uint8_t family) const;
  bool is_everything_tried(std::int64_t now);

  // Links, relay_pool.cpp.
  void step(std::int64_t now);
  void step_link(LinkId id, std::int64_t now);
  void collect(LinkId id, std::int64_t now);
  void keep(LinkId id, const TurnClient::Allocation& allocation, std::int64_t now);
  bool is_redundant(const Link& link) const;
  void trim(const Link& newest, std::int64_t now);
  void replace(LinkId id, std::int64_t now);
  void on_end(LinkId id, const TurnClient::Ended& ended, std::int64_t now);
  void detach(Link& link, std::int64_t retire_at);
  void release(LinkId id, std::string_view reason, std::int64_t now);
  void forget(LinkId id);
  void wake_at(std::int64_t time);

  World& world_;
  ServerList list_;
  std::vector<Base> bases_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::array<std::optional<Link>, CW_MAX_LINKS> links_;
  std::optional<std::int64_t> wake_;
  std::int64_t changed_at_ = 0;
  bool is_done_ = false;
  bool is_drained_ = false;
  ClientCounters ended_counters_;
};

}  // namespace transport_turn
