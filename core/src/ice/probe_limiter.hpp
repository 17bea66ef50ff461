#pragma once

#include <deque>
#include <map>

#include "base/time.hpp"
#include "net/endpoint.hpp"

namespace causeway::ice {

/// Keeps a peer from turning us against a third party by listing its address as a candidate (RFC 8445
/// §19.5.1): few requests a second to a transport address that has not answered, and not many more to one IP
/// address in all.
class ProbeLimiter {
 public:
  static constexpr std::size_t kPerEndpoint = 5;  ///< per second
  static constexpr std::size_t kPerAddress = 15;  ///< per second, all ports together

  /// From when on one more request may go there; SteadyTime::min() if at once.
  SteadyTime allowed_at(const net::Endpoint& to) const;
  void on_sent(const net::Endpoint& to, SteadyTime now);

 private:
  using Times = std::deque<SteadyTime>;  // the newest few

  std::map<net::Endpoint, Times> endpoints_;
  std::map<net::IpAddress, Times> addresses_;
};

}  // namespace causeway::ice
