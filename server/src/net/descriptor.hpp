#pragma once

#include <string>
#include <utility>

#include "base/result.hpp"
#include "net/endpoint.hpp"

namespace causeway::server {

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

// All are non-blocking and close-on-exec. The error names the address and what to do.
Result<Descriptor> listen_tcp(const net::Endpoint& endpoint);
Result<Descriptor> bind_udp(const net::Endpoint& endpoint);
/// A stale socket file is replaced: the caller holds the directory's lock, so nobody listens there.
Result<Descriptor> listen_unix(const std::string& path);

}  // namespace causeway::server
