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

}  // namespace

/// The C functions: each finds its ServiceHost by host_data, checks what came, and notes a request. They run
/// inside calls of plugin code, which must not see an exception: memory exhaustion ends the process by
/// noexcept.
struct ServiceHost::Services {
  static ServiceHost& self(const cw_host* host) { return *static_cast<ServiceHost*>(host->host_data); }

  static cw_status note(const cw_host* host, Request request) {
    ServiceHost& services = self(host);
    if (services.is_drained_) return CW_ERROR_WRONG_STATE;
    if (services.requests_.size() >= kMaxRequestsPerCall) return CW_ERROR_LIMIT;
    services.requests_.push_back(std::move(request));
    return CW_OK;
  }

  static void write_log(const cw_host* host, std::int32_t level, const char* text,
                        std::uint64_t size) noexcept {
    if (text == nullptr) return;
    const std::string line = self(host).name_ + ": " +
                             clean_text({text, std::min<std::uint64_t>(size, kMaxLogBytes)}, kMaxLogBytes);
    const log::Level levels[] = {log::Level::debug, log::Level::info, log::Level::warning, log::Level::error};
    log::write(levels[std::clamp(level, CW_LOG_DEBUG, CW_LOG_ERROR)], "plugin", line);
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

  static const void* get_extension(const cw_host*, const char* id) noexcept {
    static const cw_host_log log_table = {sizeof(cw_host_log), 0, write_log};
    static const cw_host_clock clock_table = {sizeof(cw_host_clock), 0, now};
    static const cw_host_random random_table = {sizeof(cw_host_random), 0, fill};
    static const cw_host_timer timer_table = {sizeof(cw_host_timer), 0, set_timer, cancel_timer};
    static const cw_host_udp udp_table = {sizeof(cw_host_udp), 0, send};
    static const cw_host_post post_table = {sizeof(cw_host_post), 0, post};
    static const cw_host_candidates candidates_table = {sizeof(cw_host_candidates), 0, found, lost, done};
    const std::pair<std::string_view, const void*> tables[] = {{CW_EXT_HOST_LOG, &log_table},
                                                               {CW_EXT_HOST_CLOCK, &clock_table},
                                                               {CW_EXT_HOST_RANDOM, &random_table},
                                                               {CW_EXT_HOST_TIMER, &timer_table},
                                                               {CW_EXT_HOST_UDP, &udp_table},
                                                               {CW_EXT_HOST_POST, &post_table},
                                                               {CW_EXT_HOST_CANDIDATES, &candidates_table}};
    if (id == nullptr) return nullptr;
    for (const auto& [name, table] : tables) {
      if (name == id) return table;
    }
    return nullptr;
  }
};

ServiceHost::ServiceHost(std::string name, std::uint64_t seed) : name_(std::move(name)), seed_(seed) {
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
