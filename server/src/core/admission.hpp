#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "base/time.hpp"
#include "net/endpoint.hpp"
#include "server/src/core/token_bucket.hpp"

namespace causeway::server {

enum class Admission : std::uint8_t {
  admitted,
  too_fast,        ///< this source opens more than 50/s
  source_full,     ///< 64 connections of this source have not authenticated
  strangers_full,  ///< the share of the limit that unauthenticated connections may have is used
  server_full,
};
std::string_view to_string(Admission admission);

/// Who may open a connection, before anything is known of it but its source: an address, or the /64 of an
/// IPv6 one. Holds at most one small entry per source seen in the last seconds, bounded.
class AdmissionControl {
 public:
  static constexpr double kOpensPerSecond = 50;
  static constexpr double kOpenBurst = 200;
  static constexpr std::size_t kStrangersPerSource = 64;
  static constexpr double kFailuresPerSecond = 5;
  static constexpr double kFailureBurst = 20;
  static constexpr std::size_t kMaxSources = 65536;

  explicit AdmissionControl(std::size_t most_connections);

  /// Counts the connection as a stranger if admitted.
  Admission open(const net::IpAddress& source, SteadyTime now);
  void authenticated(const net::IpAddress& source);
  void closed(const net::IpAddress& source, bool was_authenticated);

  /// A failed authentication: after kFailureBurst of them, further tries of this source wait.
  void failed(const net::IpAddress& source, SteadyTime now);
  /// 0: it may try.
  std::uint32_t wait_before_trying_ms(const net::IpAddress& source, SteadyTime now);

  /// Forgets sources that are as good as new. To be called now and then.
  void sweep(SteadyTime now);
  std::size_t connections() const { return connections_; }
  std::size_t strangers() const { return strangers_; }
  std::size_t sources() const { return sources_.size(); }

 private:
  struct Source {
    TokenBucket opens;
    TokenBucket failures;
    std::size_t strangers = 0;
  };
  static net::IpAddress key_of(const net::IpAddress& source);
  Source* find(const net::IpAddress& source, SteadyTime now);

  std::size_t most_connections_;
  std::size_t connections_ = 0;
  std::size_t strangers_ = 0;
  std::unordered_map<net::IpAddress, Source> sources_;
  SteadyTime swept_{};
};

}  // namespace causeway::server
