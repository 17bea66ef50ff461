#include "turn_links.hpp"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/time.hpp"
#include "transport-turn/address.hpp"
#include "transport-turn/turn_times.hpp"

namespace causeway::interop {

namespace {

using namespace transport_turn;

constexpr std::size_t kBufferBytes = 70'000;
constexpr std::int64_t kLimit = 10 * kSecond;

socklen_t to_sockaddr(const cw_address& address, sockaddr_storage& out) {
  out = {};
  if (address.family == 4) {
    auto& in = reinterpret_cast<sockaddr_in&>(out);
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    std::memcpy(&in.sin_addr, address.octets, 4);
    return sizeof in;
  }
  auto& in = reinterpret_cast<sockaddr_in6&>(out);
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(address.port);
  std::memcpy(&in.sin6_addr, address.octets, 16);
  return sizeof in;
}

std::int64_t machine_time() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(read_clocks().steady.time_since_epoch())
      .count();
}

}  // namespace

TurnLinks::TurnLinks() : tls_(SSL_CTX_new(TLS_client_method())) {}

TurnLinks::~TurnLinks() {
  pool_.drain(now());
  SSL_CTX_free(tls_);
}

std::int64_t TurnLinks::now() const { return machine_time() + ahead_; }

void TurnLinks::begin(std::vector<Server> servers, std::vector<Base> bases) {
  bases_ = bases;
  ServerList list;
  list.servers = std::move(servers);
  pool_.set_servers(std::move(list), now());
  pool_.set_bases(std::move(bases), now());
}

bool TurnLinks::run_until(const std::function<bool()>& is_met) {
  const std::int64_t end_at = machine_time() + kLimit;
  while (!is_met()) {
    if (machine_time() > end_at) return false;
    std::vector<pollfd> wanted;
    std::vector<std::uint32_t> ids;
    for (const auto& [id, link] : links_) {
      wanted.push_back({link.socket.get(), static_cast<short>(link.is_told ? POLLIN : POLLOUT), 0});
      ids.push_back(id);
    }
    const std::int64_t wait = pool_.next_time() ? *pool_.next_time() - now() : 100 * kMillisecond;
    const auto milliseconds =
        static_cast<int>(std::clamp(wait / kMillisecond, std::int64_t{0}, std::int64_t{50}));
    ::poll(wanted.data(), wanted.size(), milliseconds + 1);
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (wanted[i].revents != 0 && links_.count(ids[i]) != 0) serve(ids[i]);
    pool_.on_time(now());
  }
  return true;
}

bool TurnLinks::open(std::uint32_t id, std::uint32_t base, const Server& server, bool) {
  const auto own =
      std::find_if(bases_.begin(), bases_.end(), [&](const Base& one) { return one.id == base; });
  if (own == bases_.end()) return false;
  Link link;
  link.kind = server.kind;
  const int type = server.kind == CW_LINK_UDP ? SOCK_DGRAM : SOCK_STREAM;
  link.socket =
      net::FileDescriptor(::socket(server.address.family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  cw_address local = own->address;
  local.port = 0;
  socklen_t size = to_sockaddr(local, address);
  if (::bind(link.socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return false;
  size = to_sockaddr(server.address, address);
  const bool is_connected =
      ::connect(link.socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0;  // loopback: at once
  if (is_connected && server.kind == CW_LINK_TLS) {
    link.tls = SSL_new(tls_);
    SSL_set_fd(link.tls, link.socket.get());
    SSL_set_tlsext_host_name(link.tls, server.host.c_str());
  }
  const bool is_ready = is_connected && (link.tls == nullptr || SSL_connect(link.tls) == 1);
  if (!is_ready) {
    SSL_free(link.tls);
    return false;
  }
  opened_.insert(to_text(server.address));
  links_.emplace(id, std::move(link));
  return true;
}

void TurnLinks::close(std::uint32_t id) {
  const auto found = links_.find(id);
  if (found != links_.end()) SSL_free(found->second.tls);
  links_.erase(id);
  relays_.erase(id);
}

void TurnLinks::end(std::uint32_t id, const std::string& reason) {
  close(id);
  pool_.on_link(id, false, reason, now());
}

void TurnLinks::write(Link& link, const std::uint8_t* bytes, std::size_t size) {
  if (link.tls != nullptr) {
    SSL_write(link.tls, bytes, static_cast<int>(size));
  } else {
    static_cast<void>(::send(link.socket.get(), bytes, size, MSG_NOSIGNAL));
  }
}

void TurnLinks::send(std::uint32_t id, const Bytes& message) {
  const auto found = links_.find(id);
  if (found != links_.end()) write(found->second, message.data(), message.size());
}

void TurnLinks::serve(std::uint32_t id) {
  Link& link = links_.at(id);
  if (!link.is_told) {
    link.is_told = true;
    return pool_.on_link(id, true, "", now());
  }
  Bytes buffer(kBufferBytes);
  const auto got =
      link.tls != nullptr
          ? static_cast<ssize_t>(SSL_read(link.tls, buffer.data(), static_cast<int>(buffer.size())))
          : ::recv(link.socket.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) {
    if (link.kind != CW_LINK_UDP) end(id, "the stream ended");
    return;
  }
  buffer.resize(static_cast<std::size_t>(got));
  if (link.kind == CW_LINK_UDP) return take(id, std::move(buffer));
  link.input.insert(link.input.end(), buffer.begin(), buffer.end());
  while (links_.count(id) != 0) {
    Bytes& input = links_.at(id).input;
    const std::int64_t size = frame(input.data(), input.size());
    if (size < 0) return end(id, "not TURN");
    if (size == 0) return;
    Bytes message(input.begin(), input.begin() + size);
    input.erase(input.begin(), input.begin() + size);
    take(id, std::move(message));
  }
}

void TurnLinks::take(std::uint32_t id, Bytes message) {
  static const RouteTable kNone({}, {}, false);
  Link& link = links_.at(id);
  cw_packet packet{};
  packet.bytes = message.data();
  packet.size = static_cast<std::uint32_t>(message.size());
  const bool is_channel = (message[0] & 0xc0) == 0x40;
  unwrap(packet, link.routes ? *link.routes : kNone, drops_);
  if (packet.verdict == CW_PACKET_CONTROL) return pool_.on_message(id, {packet.bytes, packet.size}, now());
  if (packet.verdict == CW_PACKET_PASS)
    received.push_back({packet.peer, std::string(packet.bytes, packet.bytes + packet.size), is_channel});
}

void TurnLinks::want_peer(std::uint32_t link, const cw_address& peer) { pool_.want_peer(link, peer, now()); }

bool TurnLinks::is_ready(std::uint32_t id, const cw_address& peer) const {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second.routes) return false;
  const Route* route = found->second.routes->find(peer);
  const Permission* permission = found->second.routes->find_permission(peer);
  return route != nullptr && route->is_bound && permission != nullptr && permission->is_granted;
}

bool TurnLinks::send_to_peer(std::uint32_t id, const cw_address& peer, const std::string& text,
                             bool by_channel) {
  Link& link = links_.at(id);
  Bytes buffer(CW_PACKET_HEADROOM + text.size() + CW_PACKET_TAILROOM);
  std::copy(text.begin(), text.end(), buffer.begin() + CW_PACKET_HEADROOM);
  cw_packet packet{};
  packet.bytes = buffer.data() + CW_PACKET_HEADROOM;
  packet.size = static_cast<std::uint32_t>(text.size());
  packet.peer = peer;
  const RouteTable without_channels({}, {{without_port(peer), true}}, link.kind != CW_LINK_UDP);
  wrap(packet, by_channel ? *link.routes : without_channels, 1, drops_);
  if (packet.verdict != CW_PACKET_PASS) return false;
  write(link, packet.bytes, packet.size);
  return true;
}

void TurnLinks::allocated(std::uint32_t link, std::uint32_t, const TurnClient::Allocation& allocation) {
  relays_[link] = allocation;
}
void TurnLinks::lost(std::uint32_t link, std::string_view) { relays_.erase(link); }
void TurnLinks::random(std::uint8_t* bytes, std::size_t size) { RAND_bytes(bytes, static_cast<int>(size)); }
void TurnLinks::log(std::int32_t level, const std::string& text) {
  if (level >= CW_LOG_WARNING) warnings.push_back(text);
}
void TurnLinks::publish(std::uint32_t link, std::unique_ptr<const RouteTable> routes) {
  const auto found = links_.find(link);
  if (found != links_.end()) found->second.routes = std::move(routes);
}

}  // namespace causeway::interop
