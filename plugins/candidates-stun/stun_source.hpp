#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "causeway/types.h"
#include "stun_codec.hpp"

namespace candidates_stun {

/// What the source asks of the world. In the plugin the host, in tests anything.
class World {
 public:
  virtual ~World() = default;
  virtual void send(std::uint32_t base, const cw_address& server, const std::uint8_t* bytes,
                    std::size_t size) = 0;
  virtual void found(std::uint32_t base, const cw_address& address) = 0;
  virtual void lost(std::uint32_t base, const cw_address& address) = 0;
  virtual void done() = 0;
  virtual void random(std::uint8_t* bytes, std::size_t size) = 0;
};

struct Base {
  std::uint32_t id;
  cw_address address;
};

/// Asks each server from each base, again and again, and reports what comes of it. No clock, no socket: the
/// caller passes the time in nanoseconds and calls on_time at next_time().
class StunSource {
 public:
  explicit StunSource(World& world) : world_(world) {}

  void set_bases(std::vector<Base> bases, std::int64_t now);
  void set_servers(std::vector<cw_address> servers, std::int64_t now);
  void on_datagram(std::uint32_t base, const cw_address& from, const std::uint8_t* bytes, std::size_t size,
                   std::int64_t now);
  void on_time(std::int64_t now);
  std::optional<std::int64_t> next_time() const;

 private:
  /// One server asked from one base.
  struct Query {
    Base base;
    cw_address server;
    std::int64_t due = 0;               ///< next request, repetition, or end of waiting
    std::optional<std::int64_t> begun;  ///< when the newest transaction's first request left
    unsigned requests = 0;              ///< sent in this transaction; 0: none is in flight
    TransactionId id{};
    bool was_tried = false;            ///< answered or given up once
    std::optional<cw_address> mapped;  ///< the last answer, if it makes a candidate
  };

  void rebuild(std::int64_t now);
  void ask_again(std::int64_t now);
  void step(Query& query, std::int64_t now);
  void settle(Query& query, std::optional<cw_address> mapped);
  bool is_reported(std::uint32_t base, const cw_address& address) const;
  void report_changes();
  std::int64_t jitter(std::int64_t from, std::int64_t to);

  World& world_;
  std::vector<Base> bases_;
  std::vector<cw_address> servers_;
  std::vector<Query> queries_;
  struct Report {
    std::uint32_t base;
    cw_address address;
  };
  std::vector<Report> reported_;
  bool is_done_ = false;
};

}  // namespace candidates_stun
