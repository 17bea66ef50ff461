#include "plugin/host_services.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string_view>

#include "base/log.hpp"
#include "plugin/text.hpp"

namespace causeway::plugin {

namespace {

constexpr std::size_t kMaxLogBytes = 1024;
constexpr std::size_t kMaxRequestsPerCall = 512;  // a bound for a plugin gone wild; more are refused
constexpr std::size_t kMaxHeldCandidates = 64;
constexpr std::size_t kMaxPosted = 64;
constexpr std::size_t kMaxMessageBytesPerCall = 1u << 20;
constexpr std::size_t kMaxServerName = 253;  // a host name's length
constexpr std::size_t kMaxLabel = 32;
constexpr std::size_t kMaxReason = 256;

}  // namespace

/// The C functions: each finds its ServiceHost by host_data, checks what came, and notes a request. They run
/// inside calls of plugin code, which must not see an exception: memory exhaustion ends the process by
/// noexcept.
struct ServiceHost::Services {
  static ServiceHost& self(const cw_host* host) { return *static_cast<ServiceHost*>(host->host_data); }

  template <class Wish>
  static cw_status note(const cw_host* host, Wish&& wish) {
    ServiceHost& services = self(host);
    if (services.is_drained_) return CW_ERROR_WRONG_STATE;
    if (services.requests_.size() >= kMaxRequestsPerCall) return CW_ERROR_LIMIT;
    services.requests_.emplace_back(std::forward<Wish>(wish));
    return CW_OK;
  }

  static void write_log(const cw_host* host, std::int32_t level, const char* text,
                        std::uint64_t size) noexcept {
    if (text == nullptr) return;
    const std::string line = self(host).name_ + ": " +
                             clean_text({text, std::min<std::uint64_t>(size, kMaxLogBytes)}, kMaxLogBytes);
    const log::Level levels[] = {log::Level::debug, log::Level::info, log::Level::warning, log::Level::error};
    const int highest = self(host).is_muted_ ? CW_LOG_DEBUG : CW_LOG_ERROR;
    log::write(levels[std::clamp(level, CW_LOG_DEBUG, highest)], "plugin", line);
  }

  static void now(const cw_host* host, cw_now* out) noexcept {
    out->steady_ns = self(host).now_.steady.time_since_epoch().count();
    out->wall_ns = self(host).now_.wall.time_since_epoch().count();
  }

  /// SHA-256 over (seed, counter): as secret as the seed, and a simulation replays it.
  static void fill(const cw_host* host, std::uint8_t* bytes, std::uint64_t size) noexcept {
    ServiceHost& services = self(host);
    while (size > 0) {
      const std::array<std::uint64_t, 2> input = {services.seed_, services.drawn_++};
      std::array<std::uint8_t, EVP_MAX_MD_SIZE> block{};
      unsigned length = 0;
      EVP_Digest(input.data(), sizeof input, block.data(), &length, EVP_sha256(), nullptr);
      const std::size_t part = std::min<std::uint64_t>(size, length);
      std::memcpy(bytes, block.data(), part);
      bytes += part;
      size -= part;
    }
  }

  static cw_status set_timer(const cw_host* host, std::uint32_t timer, std::int64_t steady_ns) noexcept {
    if (timer >= CW_MAX_TIMERS) return CW_ERROR_LIMIT;
    return note(host, request::SetTimer{timer, SteadyTime(Duration(steady_ns))});
  }
  static cw_status cancel_timer(const cw_host* host, std::uint32_t timer) noexcept {
    return note(host, request::CancelTimer{timer});
  }

  static cw_status send(const cw_host* host, std::uint32_t base, const cw_address* to,
                        const std::uint8_t* bytes, std::uint64_t size) noexcept {
    const auto target = to == nullptr ? std::nullopt : from_c(*to);
    if (!target || bytes == nullptr || size == 0 || size > CW_MAX_DATAGRAM) return CW_ERROR_INVALID_ARGUMENT;
    return note(host, request::Send{net::BaseId{base}, *target, Bytes(bytes, bytes + size)});
  }

  static cw_status found(const cw_host* host, std::uint32_t base, std::uint32_t type,
                         const cw_address* address) noexcept {
    const auto seen = address == nullptr ? std::nullopt : from_c(*address);
    const bool known_type = type == CW_CANDIDATE_SERVER_REFLEXIVE || type == CW_CANDIDATE_RELAYED;
    if (!seen || !known_type || seen->port == 0 || !seen->address.is_usable_unicast())
      return CW_ERROR_INVALID_ARGUMENT;
    auto& held = self(host).held_;
    const auto key = std::pair(net::BaseId{base}, *seen);
    if (!held.contains(key) && held.size() >= kMaxHeldCandidates) return CW_ERROR_LIMIT;
    const auto kind =
        type == CW_CANDIDATE_RELAYED ? ice::CandidateType::relayed : ice::CandidateType::server_reflexive;
    const cw_status status = note(host, request::Found{key.first, kind, key.second});
    if (status == CW_OK) held.insert(key);
    return status;
  }
  static cw_status lost(const cw_host* host, std::uint32_t base, const cw_address* address) noexcept {
    const auto seen = address == nullptr ? std::nullopt : from_c(*address);
    if (!seen) return CW_ERROR_INVALID_ARGUMENT;
    if (self(host).held_.erase({net::BaseId{base}, *seen}) == 0) return CW_OK;
    return note(host, request::Lost{net::BaseId{base}, *seen});
  }
  static cw_status done(const cw_host* host) noexcept { return note(host, request::Done{}); }

  static std::string text(const cw_string* given, std::size_t most) {
    if (given == nullptr || given->data == nullptr) return {};
    return clean_text({given->data, std::min<std::uint64_t>(given->size, most)}, most);
  }
  /// The serial number of an open link of this id; 0: there is none.
  static std::uint32_t serial_of(const cw_host* host, std::uint32_t link) {
    const auto& links = self(host).links_;
    const auto at = links.find(link);
    return at == links.end() ? 0 : at->second;
  }

  static cw_status open_link(const cw_host* host, std::uint32_t link, std::uint32_t base, std::uint32_t kind,
                             const cw_address* server, const cw_string* server_name,
                             std::uint32_t verify) noexcept {
    ServiceHost& services = self(host);
    if (services.is_drained_) return CW_ERROR_WRONG_STATE;
    const auto to = server == nullptr ? std::nullopt : from_c(*server);
    if (kind > CW_LINK_TLS || link >= CW_MAX_LINKS || serial_of(host, link) != 0 || !to || to->port == 0 ||
        !to->address.is_usable_unicast() || base == 0) {
      return CW_ERROR_INVALID_ARGUMENT;
    }
    const std::uint32_t serial = services.last_serial_ + 1;
    const cw_status status = note(host, request::OpenLink{link, serial, net::BaseId{base}, kind, *to,
                                                          text(server_name, kMaxServerName), verify != 0});
    if (status != CW_OK) return status;
    services.last_serial_ = serial;
    services.links_[link] = serial;
    return CW_OK;
  }
  static cw_status close_link(const cw_host* host, std::uint32_t link) noexcept {
    const std::uint32_t serial = serial_of(host, link);
    if (serial == 0) return CW_ERROR_INVALID_ARGUMENT;
    const cw_status status = note(host, request::CloseLink{serial});
    if (status == CW_OK) self(host).links_.erase(link);
    return status;
  }
  static cw_status send_on_link(const cw_host* host, std::uint32_t link, const std::uint8_t* bytes,
                                std::uint64_t size) noexcept {
    const std::uint32_t serial = serial_of(host, link);
    if (serial == 0 || bytes == nullptr || size == 0 || size > CW_MAX_STREAM_MESSAGE)
      return CW_ERROR_INVALID_ARGUMENT;
    ServiceHost& services = self(host);
    if (services.message_bytes_ + size > kMaxMessageBytesPerCall) return CW_ERROR_LIMIT;
    const cw_status status = note(host, request::SendOnLink{serial, Bytes(bytes, bytes + size)});
    if (status == CW_OK) services.message_bytes_ += size;
    return status;
  }
  static cw_status allocated(const cw_host* host, std::uint32_t link, const cw_address* relayed,
                             const cw_address* mapped, const cw_string* label,
                             std::uint32_t overhead) noexcept {
    const std::uint32_t serial = serial_of(host, link);
    const auto address = relayed == nullptr ? std::nullopt : from_c(*relayed);
    if (serial == 0 || !address || address->port == 0 || !address->address.is_usable_unicast() ||
        overhead > CW_PACKET_HEADROOM + CW_PACKET_TAILROOM) {
      return CW_ERROR_INVALID_ARGUMENT;
    }
    return note(host, request::Allocated{serial, *address, mapped == nullptr ? std::nullopt : from_c(*mapped),
                                         text(label, kMaxLabel), overhead});
  }
  static cw_status allocation_lost(const cw_host* host, std::uint32_t link,
                                   const cw_string* reason) noexcept {
    const std::uint32_t serial = serial_of(host, link);
    if (serial == 0) return CW_ERROR_INVALID_ARGUMENT;
    return note(host, request::AllocationLost{serial, text(reason, kMaxReason)});
  }

  static cw_status post(const cw_host* host, void (*function)(void*), void* argument) noexcept {
    ServiceHost& services = self(host);
    if (function == nullptr) return CW_ERROR_INVALID_ARGUMENT;
    const std::lock_guard waking(services.wake_mutex_);
    if (!services.wake_) return CW_ERROR_WRONG_STATE;
    {
      const std::lock_guard lock(services.posted_mutex_);
      if (services.posted_.size() >= kMaxPosted) return CW_ERROR_LIMIT;
      services.posted_.emplace_back(function, argument);
    }
    services.wake_();
    return CW_OK;
  }

  static const void* get_extension(const cw_host* host, const char* id) noexcept {
    static const cw_host_log log_table = {sizeof(cw_host_log), 0, write_log};
    static const cw_host_clock clock_table = {sizeof(cw_host_clock), 0, now};
    static const cw_host_random random_table = {sizeof(cw_host_random), 0, fill};
    static const cw_host_timer timer_table = {sizeof(cw_host_timer), 0, set_timer, cancel_timer};
    static const cw_host_udp udp_table = {sizeof(cw_host_udp), 0, send};
    static const cw_host_post post_table = {sizeof(cw_host_post), 0, post};
    static const cw_host_candidates candidates_table = {sizeof(cw_host_candidates), 0, found, lost, done};
    static const cw_host_transport transport_table = {
        sizeof(cw_host_transport), 0, open_link, close_link, send_on_link, allocated, allocation_lost, done};
    const std::pair<std::string_view, const void*> tables[] = {{CW_EXT_HOST_LOG, &log_table},
                                                               {CW_EXT_HOST_CLOCK, &clock_table},
                                                               {CW_EXT_HOST_RANDOM, &random_table},
                                                               {CW_EXT_HOST_TIMER, &timer_table},
                                                               {CW_EXT_HOST_UDP, &udp_table},
                                                               {CW_EXT_HOST_POST, &post_table},
                                                               {CW_EXT_HOST_CANDIDATES, &candidates_table},
                                                               {CW_EXT_HOST_TRANSPORT, &transport_table}};
    if (id == nullptr) return nullptr;
    const std::string_view wanted(id);
    const bool is_transport = self(host).kind_ == CW_KIND_TRANSPORT;
    if (is_transport ? wanted == CW_EXT_HOST_UDP || wanted == CW_EXT_HOST_CANDIDATES
                     : wanted == CW_EXT_HOST_TRANSPORT) {
      return nullptr;
    }
    for (const auto& [name, table] : tables) {
      if (name == wanted) return table;
    }
    return nullptr;
  }
};

ServiceHost::ServiceHost(std::string name, std::uint64_t seed, std::uint32_t kind)
    : name_(std::move(name)), kind_(kind), seed_(seed) {
  host_ = {sizeof(cw_host), CW_ABI_VERSION, this, &Services::get_extension};
}

void ServiceHost::begin(Now now) {
  const std::lock_guard lock(posted_mutex_);
  now_ = now;
}

Now ServiceHost::moment() const {
  const std::lock_guard lock(posted_mutex_);
  return now_;
}

void ServiceHost::set_wake(std::function<void()> wake) {
  const std::lock_guard waking(wake_mutex_);
  wake_ = std::move(wake);
}

void ServiceHost::run_posted() {
  std::vector<std::pair<void (*)(void*), void*>> posted;
  {
    const std::lock_guard lock(posted_mutex_);
    posted.swap(posted_);
  }
  for (const auto& [function, argument] : posted)
    function(argument);
}

cw_address to_c(const net::Endpoint& endpoint) {
  cw_address address{};
  address.family = endpoint.address.is_v4() ? 4 : 6;
  address.port = endpoint.port;
  std::memcpy(address.octets, endpoint.address.data(), endpoint.address.size());
  return address;
}

std::optional<net::Endpoint> from_c(const cw_address& address) {
  std::array<std::uint8_t, 4> v4{};
  std::array<std::uint8_t, 16> v6{};
  if (address.family == 4) {
    std::memcpy(v4.data(), address.octets, v4.size());
    return net::Endpoint{net::IpAddress::v4(v4), address.port};
  }
  if (address.family == 6) {
    std::memcpy(v6.data(), address.octets, v6.size());
    return net::Endpoint{net::IpAddress::v6(v6), address.port};
  }
  return std::nullopt;
}

}  // namespace causeway::plugin
