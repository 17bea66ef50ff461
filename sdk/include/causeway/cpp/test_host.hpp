#ifndef CAUSEWAY_CPP_TEST_HOST_HPP
#define CAUSEWAY_CPP_TEST_HOST_HPP

// For the tests of a plugin, C++17, header-only: a host that writes down what the plugin asks for, with a
// clock that stands still until the test moves it, and the plugin's own instance behind the C ABI. Link the
// plugin's sources into the test; no daemon, socket or time is needed.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../plugin.h"

namespace causeway_sdk {

/// Ends a test with the place and the expression.
#define CAUSEWAY_CHECK(expression)                                                  \
  do {                                                                              \
    if (!(expression)) {                                                            \
      std::fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #expression); \
      std::exit(1);                                                                 \
    }                                                                               \
  } while (false)

/// "192.0.2.1", 3478
inline cw_address ipv4(const char* dotted, std::uint16_t port) {
  cw_address address{};
  unsigned a = 0, b = 0, c = 0, d = 0;
  CAUSEWAY_CHECK(std::sscanf(dotted, "%u.%u.%u.%u", &a, &b, &c, &d) == 4);
  address.family = 4;
  address.port = port;
  const unsigned octets[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    address.octets[i] = static_cast<std::uint8_t>(octets[i]);
  return address;
}

inline bool equal(const cw_address& a, const cw_address& b) {
  return a.family == b.family && a.port == b.port && std::memcmp(a.octets, b.octets, sizeof a.octets) == 0;
}

class TestHost {
 public:
  struct Sent {
    std::uint32_t base;
    cw_address to;
    std::string bytes;
  };
  struct Found {
    std::uint32_t base, type;
    cw_address address;
  };
  struct Link {
    std::uint32_t base, kind;
    cw_address server;
    std::vector<std::string> sent;
    bool is_allocated;
    cw_address relayed;
  };

  TestHost() : host_{sizeof(cw_host), CW_ABI_VERSION, this, &TestHost::extension} {}
  TestHost(const TestHost&) = delete;
  TestHost& operator=(const TestHost&) = delete;

  const cw_host* get() const { return &host_; }

  cw_now now = {1'000'000'000'000, 1'700'000'000'000'000'000};
  std::map<std::uint32_t, std::int64_t> timers;  ///< set and neither cancelled nor taken
  std::vector<std::string> log;
  std::vector<Sent> sent;
  std::vector<Found> found;  ///< and not lost
  std::map<std::uint32_t, Link> links;
  unsigned done = 0;

  /// Takes the timer that is due first and moves the clock there; false if none is set.
  bool next_timer(std::uint32_t& timer) {
    auto first = timers.begin();
    for (auto at = timers.begin(); at != timers.end(); ++at) {
      if (at->second < first->second) first = at;
    }
    if (first == timers.end()) return false;
    timer = first->first;
    if (first->second > now.steady_ns) advance(first->second - now.steady_ns);
    timers.erase(first);
    return true;
  }
  void advance(std::int64_t nanoseconds) {
    now.steady_ns += nanoseconds;
    now.wall_ns += nanoseconds;
  }

 private:
  static TestHost& self(const cw_host* host) { return *static_cast<TestHost*>(host->host_data); }

  static const void* extension(const cw_host*, const char* id) {
    static const cw_host_log log_table = {
        sizeof(cw_host_log), 0, [](const cw_host* host, std::int32_t, const char* text, std::uint64_t size) {
          self(host).log.emplace_back(text, static_cast<std::size_t>(size));
        }};
    static const cw_host_clock clock_table = {
        sizeof(cw_host_clock), 0, [](const cw_host* host, cw_now* out) { *out = self(host).now; }};
    static const cw_host_random random_table = {
        sizeof(cw_host_random), 0, [](const cw_host* host, std::uint8_t* bytes, std::uint64_t size) {
          for (std::uint64_t i = 0; i < size; ++i)
            bytes[i] = static_cast<std::uint8_t>(self(host).drawn_++ * 151 + 7);
        }};
    static const cw_host_timer timer_table = {
        sizeof(cw_host_timer), 0,
        [](const cw_host* host, std::uint32_t timer, std::int64_t steady_ns) -> cw_status {
          if (timer >= CW_MAX_TIMERS) return CW_ERROR_LIMIT;
          self(host).timers[timer] = steady_ns;
          return CW_OK;
        },
        [](const cw_host* host, std::uint32_t timer) -> cw_status {
          self(host).timers.erase(timer);
          return CW_OK;
        }};
    static const cw_host_udp udp_table = {sizeof(cw_host_udp), 0,
                                          [](const cw_host* host, std::uint32_t base, const cw_address* to,
                                             const std::uint8_t* bytes, std::uint64_t size) -> cw_status {
                                            if (size == 0 || size > CW_MAX_DATAGRAM)
                                              return CW_ERROR_INVALID_ARGUMENT;
                                            self(host).sent.push_back({base, *to, text(bytes, size)});
                                            return CW_OK;
                                          }};
    static const cw_host_candidates candidates_table = {
        sizeof(cw_host_candidates), 0,
        [](const cw_host* host, std::uint32_t base, std::uint32_t type,
           const cw_address* address) -> cw_status {
          self(host).forget(base, *address);
          self(host).found.push_back({base, type, *address});
          return CW_OK;
        },
        [](const cw_host* host, std::uint32_t base, const cw_address* address) -> cw_status {
          self(host).forget(base, *address);
          return CW_OK;
        },
        [](const cw_host* host) -> cw_status {
          ++self(host).done;
          return CW_OK;
        }};
    static const cw_host_transport transport_table = {
        sizeof(cw_host_transport),
        0,
        [](const cw_host* host, std::uint32_t link, std::uint32_t base, std::uint32_t kind,
           const cw_address* server, const cw_string*, std::uint32_t) -> cw_status {
          if (link >= CW_MAX_LINKS || self(host).links.count(link) != 0) return CW_ERROR_INVALID_ARGUMENT;
          self(host).links[link] = {base, kind, *server, {}, false, {}};
          return CW_OK;
        },
        [](const cw_host* host, std::uint32_t link) -> cw_status {
          return self(host).links.erase(link) == 0 ? CW_ERROR_INVALID_ARGUMENT : CW_OK;
        },
        [](const cw_host* host, std::uint32_t link, const std::uint8_t* bytes,
           std::uint64_t size) -> cw_status {
          const auto at = self(host).links.find(link);
          if (at == self(host).links.end() || size == 0) return CW_ERROR_INVALID_ARGUMENT;
          at->second.sent.push_back(text(bytes, size));
          return CW_OK;
        },
        [](const cw_host* host, std::uint32_t link, const cw_address* relayed, const cw_address*,
           const cw_string*, std::uint32_t) -> cw_status {
          const auto at = self(host).links.find(link);
          if (at == self(host).links.end()) return CW_ERROR_INVALID_ARGUMENT;
          at->second.is_allocated = true;
          at->second.relayed = *relayed;
          return CW_OK;
        },
        [](const cw_host* host, std::uint32_t link, const cw_string*) -> cw_status {
          const auto at = self(host).links.find(link);
          if (at == self(host).links.end()) return CW_ERROR_INVALID_ARGUMENT;
          at->second.is_allocated = false;
          return CW_OK;
        },
        [](const cw_host* host) -> cw_status {
          ++self(host).done;
          return CW_OK;
        }};
    const struct {
      const char* id;
      const void* table;
    } tables[] = {{CW_EXT_HOST_LOG, &log_table},
                  {CW_EXT_HOST_CLOCK, &clock_table},
                  {CW_EXT_HOST_RANDOM, &random_table},
                  {CW_EXT_HOST_TIMER, &timer_table},
                  {CW_EXT_HOST_UDP, &udp_table},
                  {CW_EXT_HOST_CANDIDATES, &candidates_table},
                  {CW_EXT_HOST_TRANSPORT, &transport_table}};
    for (const auto& entry : tables) {
      if (std::strcmp(entry.id, id) == 0) return entry.table;
    }
    return nullptr;
  }

  static std::string text(const std::uint8_t* bytes, std::uint64_t size) {
    return std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
  void forget(std::uint32_t base, const cw_address& address) {
    for (auto at = found.begin(); at != found.end(); ++at) {
      if (at->base == base && equal(at->address, address)) {
        found.erase(at);
        return;
      }
    }
  }

  cw_host host_;
  std::uint32_t drawn_ = 0;
};

/// An instance of the plugin that is linked in, from create to destroy.
class TestInstance {
 public:
  explicit TestInstance(TestHost& host) {
    if (cw_plugin_entry.init != nullptr) CAUSEWAY_CHECK(cw_plugin_entry.init(host.get()) == CW_OK);
    CAUSEWAY_CHECK(cw_plugin_entry.create(host.get(), &instance_) == CW_OK);
  }
  ~TestInstance() {
    if (cw_plugin_entry.drain != nullptr) cw_plugin_entry.drain(instance_);
    cw_plugin_entry.destroy(instance_);
    if (cw_plugin_entry.deinit != nullptr) cw_plugin_entry.deinit();
  }
  TestInstance(const TestInstance&) = delete;
  TestInstance& operator=(const TestInstance&) = delete;

  cw_instance* get() const { return instance_; }
  template <class Table>
  static const Table& table(const char* id) {
    const void* const found = cw_plugin_entry.get_extension(id);
    CAUSEWAY_CHECK(found != nullptr);
    return *static_cast<const Table*>(found);
  }

 private:
  cw_instance* instance_ = nullptr;
};

/// The pairs of one question to score_pairs(), and the answers.
class TestPairs {
 public:
  struct Pair {
    cw_pair_view view;
    cw_candidate_view local, remote;
    cw_statistics statistics;
    cw_history history;
  };

  /// A pair of host candidates, of which nothing is known; its parts can be changed before ask().
  Pair& add(std::uint32_t id) {
    pairs_.emplace_back();
    Pair& pair = pairs_.back();
    pair.view.struct_size = sizeof(cw_pair_view);
    pair.view.id = id;
    pair.local.struct_size = pair.remote.struct_size = sizeof(cw_candidate_view);
    pair.local.base = 1;
    pair.local.address = pair.local.base_address = ipv4("192.168.0.100", 41641);
    pair.remote.address = ipv4("192.168.0.101", 41641);
    pair.statistics.struct_size = sizeof(cw_statistics);
    pair.history.struct_size = sizeof(cw_history);
    return pair;
  }
  cw_status ask(const TestInstance& instance, std::string_view configuration = {}) {
    std::vector<cw_pair_view> views;
    scores.assign(pairs_.size(), cw_pair_score());
    reasons_.assign(pairs_.size(), std::string(160, '\0'));
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      Pair& pair = pairs_[i];
      pair.view.local = &pair.local;
      pair.view.remote = &pair.remote;
      pair.view.statistics = pair.statistics.known != 0 ? &pair.statistics : nullptr;
      pair.view.history = pair.history.known != 0 ? &pair.history : nullptr;
      views.push_back(pair.view);
      scores[i].struct_size = sizeof(cw_pair_score);
      scores[i].reason = &reasons_[i][0];
      scores[i].reason_capacity = 160;
    }
    cw_decision decision = cw_decision();
    decision.struct_size = sizeof decision;
    decision.configuration = {configuration.data(), configuration.size()};
    const cw_array in = {views.data(), static_cast<std::uint32_t>(views.size()), sizeof(cw_pair_view)};
    const cw_mutable_array out = {scores.data(), static_cast<std::uint32_t>(scores.size()),
                                  sizeof(cw_pair_score)};
    return TestInstance::table<cw_priority>(CW_EXT_PRIORITY)
        .score_pairs(instance.get(), &decision, &in, &out);
  }
  std::string reason(std::size_t index) const {
    return std::string(scores[index].reason, scores[index].reason_size);
  }

  std::vector<cw_pair_score> scores;  ///< in the order of add()

 private:
  std::deque<Pair> pairs_;
  std::vector<std::string> reasons_;
};

}  // namespace causeway_sdk

#endif
