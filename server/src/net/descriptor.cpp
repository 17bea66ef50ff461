#include "server/src/net/descriptor.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace causeway::server {
namespace {

constexpr int kBacklog = 4096;

Result<Descriptor> bind_socket(const net::Endpoint& endpoint, int type) {
  sockaddr_storage storage{};
  const unsigned length = endpoint.to_sockaddr(storage);
  Descriptor made(::socket(storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1, off = 0;
  if (made.get() >= 0 && type == SOCK_STREAM)
    ::setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Nodes of both families come to the one address that a server listens on for them: [::] is for both. A
  // STUN socket has one family, as its answers must come from where they were asked for.
  if (made.get() >= 0 && storage.ss_family == AF_INET6) {
    const bool is_for_both = type == SOCK_STREAM && endpoint.address.is_unspecified();
    ::setsockopt(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, is_for_both ? &off : &on, sizeof on);
  }
  if (made.get() < 0 || ::bind(made.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    return Error{"cannot listen on " + endpoint.to_string() + ": " + std::generic_category().message(errno)};
  }
  return made;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Result<Descriptor> listen_tcp(const net::Endpoint& endpoint) {
  auto made = bind_socket(endpoint, SOCK_STREAM);
  if (made && ::listen(made->get(), kBacklog) != 0) {
    return Error{"cannot listen on " + endpoint.to_string() + ": " + std::generic_category().message(errno)};
  }
  return made;
}

Result<Descriptor> bind_udp(const net::Endpoint& endpoint) { return bind_socket(endpoint, SOCK_DGRAM); }

Result<Descriptor> listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error{path + ": too long for a socket: choose a shorter --dir"};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ::unlink(path.c_str());
  Descriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const mode_t former = ::umask(0177);
  const bool listening =
      made.get() >= 0 &&
      ::bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(made.get(), 16) == 0;
  const int problem = errno;
  ::umask(former);
  if (!listening) return Error{path + ": " + std::generic_category().message(problem)};
  return made;
}

}  // namespace causeway::server
