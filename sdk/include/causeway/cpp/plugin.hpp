#ifndef CAUSEWAY_CPP_PLUGIN_HPP
#define CAUSEWAY_CPP_PLUGIN_HPP

// A thin C++17 layer over the C ABI, header-only: derive from PriorityPlugin, CandidateSourcePlugin or
// TransportPlugin, end the file with CAUSEWAY_PLUGIN(Type, …). Trampolines stand between the host and the
// virtual functions: no exception leaves the plugin, and the guarantees of the headers are checked when
// CAUSEWAY_SDK_CHECKS is 1 (the default).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "../plugin.h"

#ifndef CAUSEWAY_SDK_CHECKS
#define CAUSEWAY_SDK_CHECKS 1
#endif

namespace causeway_sdk {

inline std::string_view view(cw_string text) {
  return text.data == nullptr ? std::string_view()
                              : std::string_view(text.data, static_cast<std::size_t>(text.size));
}

/// Elements of an array of sized structs, by the maker's stride. get() copies min(own, given) bytes, so that
/// fields an older host does not have read as zero.
template <class T>
class Items {
 public:
  explicit Items(const cw_array* array) : array_(array) {}
  std::uint32_t size() const { return array_ == nullptr ? 0 : array_->count; }
  T get(std::uint32_t index) const {
    T item{};
    const char* at = static_cast<const char*>(array_->data) + std::size_t{index} * array_->stride;
    std::uint32_t given = 0;
    std::memcpy(&given, at, sizeof given);
    if (given > array_->stride) given = array_->stride;
    std::memcpy(&item, at, given < sizeof(T) ? given : sizeof(T));
    return item;
  }

 private:
  const cw_array* array_;
};

/// A sized struct behind a pointer, as above; all zero for NULL.
template <class T>
T read(const T* given) {
  T item{};
  if (given != nullptr) {
    std::uint32_t size = 0;
    std::memcpy(&size, given, sizeof size);
    std::memcpy(static_cast<void*>(&item), given, size < sizeof(T) ? size : sizeof(T));
  }
  return item;
}

/// Where score_pairs puts one answer. Fields the host does not know of are dropped.
class ScoreOutput {
 public:
  ScoreOutput(const cw_mutable_array* array, std::uint32_t index)
      : at_(static_cast<char*>(array->data) + std::size_t{index} * array->stride) {}
  void score(std::int64_t value) { put(offsetof(cw_pair_score, score), value); }
  void veto() { put(offsetof(cw_pair_score, veto), std::uint32_t{1}); }
  void ask_again_after(std::int64_t nanoseconds) {
    put(offsetof(cw_pair_score, ask_again_after_ns), nanoseconds);
  }
  void multipath_weight(std::uint32_t per_mille) {
    put(offsetof(cw_pair_score, multipath_weight), per_mille);
  }
  void reason(std::string_view text) {
    const cw_pair_score now = read(reinterpret_cast<const cw_pair_score*>(at_));
    if (now.reason == nullptr) return;
    const std::size_t size = text.size() < now.reason_capacity ? text.size() : now.reason_capacity;
    std::memcpy(now.reason, text.data(), size);
    put(offsetof(cw_pair_score, reason_size), static_cast<std::uint32_t>(size));
  }

 private:
  template <class V>
  void put(std::size_t offset, V value) {
    std::uint32_t size = 0;
    std::memcpy(&size, at_, sizeof size);
    if (offset + sizeof value <= size) std::memcpy(at_ + offset, &value, sizeof value);
  }
  char* at_;
};

inline void set_rank(const cw_mutable_array* array, std::uint32_t index, std::uint32_t priority) {
  char* at = static_cast<char*>(array->data) + std::size_t{index} * array->stride;
  std::memcpy(at + offsetof(cw_candidate_rank, priority), &priority, sizeof priority);
}

/// The packets of wrap() and unwrap(), in the host's buffers. cw_packet's first revision is there whole,
/// whatever the host's age, so its fields are used in place.
class Packets {
 public:
  explicit Packets(const cw_mutable_array* array)
      : data_(static_cast<char*>(array->data)), count_(array->count), stride_(array->stride) {}
  std::uint32_t size() const { return count_; }
  cw_packet& operator[](std::uint32_t index) const {
    return *reinterpret_cast<cw_packet*>(data_ + std::size_t{index} * stride_);
  }

 private:
  char* data_;
  std::uint32_t count_;
  std::uint32_t stride_;
};

/// The host's services. A missing one reads as NOT_SUPPORTED, or does nothing.
class Host {
 public:
  explicit Host(const cw_host* host)
      : host_(host),
        log_(table<cw_host_log>(CW_EXT_HOST_LOG)),
        clock_(table<cw_host_clock>(CW_EXT_HOST_CLOCK)),
        random_(table<cw_host_random>(CW_EXT_HOST_RANDOM)),
        timer_(table<cw_host_timer>(CW_EXT_HOST_TIMER)),
        udp_(table<cw_host_udp>(CW_EXT_HOST_UDP)),
        candidates_(table<cw_host_candidates>(CW_EXT_HOST_CANDIDATES)),
        transport_(table<cw_host_transport>(CW_EXT_HOST_TRANSPORT)) {}

  void log(std::int32_t level, std::string_view text) const {
    if (log_ != nullptr) log_->write(host_, level, text.data(), text.size());
  }
  cw_now now() const {
    cw_now value{};
    if (clock_ != nullptr) clock_->now(host_, &value);
    return value;
  }
  bool random(std::uint8_t* bytes, std::size_t size) const {
    if (random_ != nullptr) random_->fill(host_, bytes, size);
    return random_ != nullptr;
  }
  cw_status set_timer(std::uint32_t timer, std::int64_t steady_ns) const {
    return timer_ == nullptr ? CW_ERROR_NOT_SUPPORTED : timer_->set(host_, timer, steady_ns);
  }
  cw_status cancel_timer(std::uint32_t timer) const {
    return timer_ == nullptr ? CW_ERROR_NOT_SUPPORTED : timer_->cancel(host_, timer);
  }
  cw_status send(std::uint32_t base, const cw_address& to, const std::uint8_t* bytes,
                 std::size_t size) const {
    return udp_ == nullptr ? CW_ERROR_NOT_SUPPORTED : udp_->send(host_, base, &to, bytes, size);
  }
  cw_status found(std::uint32_t base, std::uint32_t type, const cw_address& address) const {
    return candidates_ == nullptr ? CW_ERROR_NOT_SUPPORTED : candidates_->found(host_, base, type, &address);
  }
  cw_status lost(std::uint32_t base, const cw_address& address) const {
    return candidates_ == nullptr ? CW_ERROR_NOT_SUPPORTED : candidates_->lost(host_, base, &address);
  }
  cw_status done() const {
    return candidates_ == nullptr ? CW_ERROR_NOT_SUPPORTED : candidates_->done(host_);
  }

  // Of transports.
  cw_status open_link(std::uint32_t link, std::uint32_t base, std::uint32_t kind, const cw_address& server,
                      std::string_view server_name, bool verify) const {
    const cw_string name = text(server_name);
    return transport_ == nullptr ? CW_ERROR_NOT_SUPPORTED
                                 : transport_->open(host_, link, base, kind, &server, &name, verify ? 1 : 0);
  }
  cw_status close_link(std::uint32_t link) const {
    return transport_ == nullptr ? CW_ERROR_NOT_SUPPORTED : transport_->close(host_, link);
  }
  cw_status send_on_link(std::uint32_t link, const std::uint8_t* bytes, std::size_t size) const {
    return transport_ == nullptr ? CW_ERROR_NOT_SUPPORTED : transport_->send(host_, link, bytes, size);
  }
  cw_status allocated(std::uint32_t link, const cw_address& relayed, const cw_address& mapped,
                      std::string_view label, std::uint32_t overhead) const {
    const cw_string name = text(label);
    return transport_ == nullptr ? CW_ERROR_NOT_SUPPORTED
                                 : transport_->allocated(host_, link, &relayed, &mapped, &name, overhead);
  }
  cw_status allocation_lost(std::uint32_t link, std::string_view reason) const {
    const cw_string why = text(reason);
    return transport_ == nullptr ? CW_ERROR_NOT_SUPPORTED : transport_->lost(host_, link, &why);
  }
  cw_status links_done() const {
    return transport_ == nullptr ? CW_ERROR_NOT_SUPPORTED : transport_->done(host_);
  }

  const cw_host* raw() const { return host_; }

 private:
  static cw_string text(std::string_view from) { return {from.data(), from.size()}; }
  template <class T>
  const T* table(const char* id) const {
    return static_cast<const T*>(host_->get_extension(host_, id));
  }
  const cw_host* host_;
  const cw_host_log* log_;
  const cw_host_clock* clock_;
  const cw_host_random* random_;
  const cw_host_timer* timer_;
  const cw_host_udp* udp_;
  const cw_host_candidates* candidates_;
  const cw_host_transport* transport_;
};

/// What every instance has; made by CAUSEWAY_PLUGIN.
class Plugin {
 public:
  explicit Plugin(const cw_host* host) : host_(host) {}
  virtual ~Plugin() = default;
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  virtual void on_drain() {}

  /// The way in from the host: checks the state, calls, and turns whatever is thrown into a status.
  template <class P, class Call>
  static cw_status enter(cw_instance* instance, Call call) noexcept {
    if (instance == nullptr) return CW_ERROR_INVALID_ARGUMENT;
    Plugin* plugin = reinterpret_cast<Plugin*>(instance);
#if CAUSEWAY_SDK_CHECKS
    if (plugin->drained_) return CW_ERROR_WRONG_STATE;
    if (plugin->busy_.exchange(true))
      return CW_ERROR_WRONG_STATE;  // two calls at once: the host broke its word
    struct Leave {
      std::atomic<bool>& busy;
      ~Leave() { busy = false; }
    } leave{plugin->busy_};
#endif
    try {
      return call(static_cast<P&>(*plugin));
    } catch (const std::bad_alloc&) {
      return CW_ERROR_NO_MEMORY;
    } catch (const std::exception& error) {
      plugin->tell(error.what());
    } catch (...) {
      plugin->tell("an exception of unknown type");
    }
    return CW_ERROR_EXCEPTION;
  }
  /// The same for calls that may come from several threads at once: only what is thrown is looked after.
  template <class P, class Call>
  static auto enter_any_thread(cw_instance* instance, Call call) noexcept
      -> decltype(call(std::declval<P&>())) {
    try {
      return call(static_cast<P&>(*reinterpret_cast<Plugin*>(instance)));
    } catch (...) {
      return CW_ERROR_EXCEPTION;
    }
  }
  static void drain(cw_instance* instance) noexcept {
    enter<Plugin>(instance, [](Plugin& plugin) {
      plugin.on_drain();
      return CW_OK;
    });
    if (instance != nullptr) reinterpret_cast<Plugin*>(instance)->drained_ = true;
  }
  static void destroy(cw_instance* instance) noexcept {
    try {
      delete reinterpret_cast<Plugin*>(instance);
    } catch (...) {
    }
  }

 protected:
  const Host& host() const { return host_; }

 private:
  void tell(const char* what) noexcept {
    try {
      host_.log(CW_LOG_ERROR, std::string("exception: ") + what);
    } catch (...) {
    }
  }
  Host host_;
  std::atomic<bool> busy_{false};
  bool drained_ = false;
};

class PriorityPlugin : public Plugin {
 public:
  using Plugin::Plugin;
  static constexpr std::uint32_t kKind = CW_KIND_PRIORITY;
  virtual cw_status rank_candidates(const cw_decision& decision, Items<cw_candidate_view> candidates,
                                    const cw_mutable_array* ranks) = 0;
  virtual cw_status score_pairs(const cw_decision& decision, Items<cw_pair_view> pairs,
                                const cw_mutable_array* scores) = 0;

  static const void* extension(const char* id) noexcept {
    static const cw_priority table = {
        sizeof(cw_priority), 0,
        [](cw_instance* instance, const cw_decision* decision, const cw_array* candidates,
           const cw_mutable_array* ranks) noexcept {
          return enter<PriorityPlugin>(instance, [&](PriorityPlugin& plugin) {
            if (candidates->count != ranks->count) return cw_status{CW_ERROR_INVALID_ARGUMENT};
            return plugin.rank_candidates(read(decision), Items<cw_candidate_view>(candidates), ranks);
          });
        },
        [](cw_instance* instance, const cw_decision* decision, const cw_array* pairs,
           const cw_mutable_array* scores) noexcept {
          return enter<PriorityPlugin>(instance, [&](PriorityPlugin& plugin) {
            if (pairs->count != scores->count) return cw_status{CW_ERROR_INVALID_ARGUMENT};
            return plugin.score_pairs(read(decision), Items<cw_pair_view>(pairs), scores);
          });
        }};
    return std::strcmp(id, CW_EXT_PRIORITY) == 0 ? &table : nullptr;
  }
};

class CandidateSourcePlugin : public Plugin {
 public:
  using Plugin::Plugin;
  static constexpr std::uint32_t kKind = CW_KIND_CANDIDATE_SOURCE;
  virtual cw_status set_bases(Items<cw_base_view> bases) = 0;
  virtual cw_status configure(std::string_view json) = 0;
  virtual cw_status on_datagram(std::uint32_t base, const cw_address& from, const std::uint8_t* bytes,
                                std::size_t size) = 0;
  virtual cw_status on_timer(std::uint32_t timer) = 0;

  static const void* extension(const char* id) noexcept {
    static const cw_candidate_source table = {
        sizeof(cw_candidate_source),
        0,
        [](cw_instance* instance, const cw_array* bases) noexcept {
          return enter<CandidateSourcePlugin>(instance, [&](CandidateSourcePlugin& plugin) {
            return plugin.set_bases(Items<cw_base_view>(bases));
          });
        },
        [](cw_instance* instance, const char* json, std::uint64_t size) noexcept {
          return enter<CandidateSourcePlugin>(instance, [&](CandidateSourcePlugin& plugin) {
            return plugin.configure(std::string_view(json, static_cast<std::size_t>(size)));
          });
        },
        [](cw_instance* instance, std::uint32_t base, const cw_address* from, const std::uint8_t* bytes,
           std::uint64_t size) noexcept {
          return enter<CandidateSourcePlugin>(instance, [&](CandidateSourcePlugin& plugin) {
            return plugin.on_datagram(base, *from, bytes, static_cast<std::size_t>(size));
          });
        },
        [](cw_instance* instance, std::uint32_t timer) noexcept {
          return enter<CandidateSourcePlugin>(
              instance, [&](CandidateSourcePlugin& plugin) { return plugin.on_timer(timer); });
        }};
    return std::strcmp(id, CW_EXT_CANDIDATE_SOURCE) == 0 ? &table : nullptr;
  }
};

class TransportPlugin : public Plugin {
 public:
  using Plugin::Plugin;
  static constexpr std::uint32_t kKind = CW_KIND_TRANSPORT;
  virtual cw_status configure(std::string_view json) = 0;
  virtual cw_status set_bases(Items<cw_base_view> bases) = 0;
  virtual cw_status on_link(std::uint32_t link, std::uint32_t state, std::string_view reason) = 0;
  virtual cw_status on_message(std::uint32_t link, const std::uint8_t* bytes, std::size_t size) = 0;
  virtual cw_status on_timer(std::uint32_t timer) = 0;
  virtual cw_status want_peer(std::uint32_t link, const cw_address& peer) = 0;
  virtual cw_status drop_peer(std::uint32_t link, const cw_address& peer) = 0;
  /// [thread-safe] As cw_transport::frame; the default ends every stream.
  virtual std::int64_t frame(const std::uint8_t* bytes, std::size_t size) const {
    static_cast<void>(bytes), static_cast<void>(size);
    return -1;
  }
  /// [data-thread] Several at a time, beside calls of the plugin thread: no host service, no waiting.
  virtual cw_status wrap(std::uint32_t link, Packets packets) = 0;
  virtual cw_status unwrap(std::uint32_t link, Packets packets) = 0;

  static const void* extension(const char* id) noexcept {
    static const cw_transport table = {
        sizeof(cw_transport),
        0,
        [](cw_instance* instance, const char* json, std::uint64_t size) noexcept {
          return enter<TransportPlugin>(instance, [&](TransportPlugin& plugin) {
            return plugin.configure(std::string_view(json, static_cast<std::size_t>(size)));
          });
        },
        [](cw_instance* instance, const cw_array* bases) noexcept {
          return enter<TransportPlugin>(instance, [&](TransportPlugin& plugin) {
            return plugin.set_bases(Items<cw_base_view>(bases));
          });
        },
        [](cw_instance* instance, std::uint32_t link, std::uint32_t state, const cw_string* reason) noexcept {
          return enter<TransportPlugin>(instance, [&](TransportPlugin& plugin) {
            return plugin.on_link(link, state, reason == nullptr ? std::string_view() : view(*reason));
          });
        },
        [](cw_instance* instance, std::uint32_t link, const std::uint8_t* bytes,
           std::uint64_t size) noexcept {
          return enter<TransportPlugin>(instance, [&](TransportPlugin& plugin) {
            return plugin.on_message(link, bytes, static_cast<std::size_t>(size));
          });
        },
        [](cw_instance* instance, std::uint32_t timer) noexcept {
          return enter<TransportPlugin>(instance,
                                        [&](TransportPlugin& plugin) { return plugin.on_timer(timer); });
        },
        [](cw_instance* instance, std::uint32_t link, const cw_address* peer) noexcept {
          return enter<TransportPlugin>(
              instance, [&](TransportPlugin& plugin) { return plugin.want_peer(link, *peer); });
        },
        [](cw_instance* instance, std::uint32_t link, const cw_address* peer) noexcept {
          return enter<TransportPlugin>(
              instance, [&](TransportPlugin& plugin) { return plugin.drop_peer(link, *peer); });
        },
        [](cw_instance* instance, const std::uint8_t* bytes, std::uint64_t size) noexcept {
          return enter_any_thread<TransportPlugin>(instance, [&](TransportPlugin& plugin) -> std::int64_t {
            return plugin.frame(bytes, static_cast<std::size_t>(size));
          });
        },
        [](cw_instance* instance, std::uint32_t link, const cw_mutable_array* packets) noexcept {
          return enter_any_thread<TransportPlugin>(
              instance, [&](TransportPlugin& plugin) { return plugin.wrap(link, Packets(packets)); });
        },
        [](cw_instance* instance, std::uint32_t link, const cw_mutable_array* packets) noexcept {
          return enter_any_thread<TransportPlugin>(
              instance, [&](TransportPlugin& plugin) { return plugin.unwrap(link, Packets(packets)); });
        }};
    return std::strcmp(id, CW_EXT_TRANSPORT) == 0 ? &table : nullptr;
  }
};

/// Beside a kind's class, for a plugin that tells the next generation what it has learnt (ext/state.h):
/// `class Mine : public WithState<PriorityPlugin, 1>`, where 1 names the layout of what export_state() makes.
template <class KindOfPlugin, std::uint32_t Schema>
class WithState : public KindOfPlugin {
 public:
  using KindOfPlugin::KindOfPlugin;
  /// At most CW_MAX_STATE bytes; empty: nothing to tell.
  virtual std::string export_state() const = 0;
  /// The bytes may be anything; CW_ERROR_NOT_SUPPORTED for a schema that is not known here. On a failure
  /// nothing may have changed.
  virtual cw_status import_state(std::uint32_t schema, std::string_view bytes) = 0;

  static const void* extension(const char* id) noexcept {
    static const cw_state table = {
        sizeof(cw_state), Schema,
        [](cw_instance* instance, std::uint8_t* bytes, std::uint64_t capacity, std::uint64_t* size) noexcept {
          return Plugin::enter<WithState>(instance, [&](WithState& plugin) -> cw_status {
            const std::string state = plugin.export_state();
            if (state.size() > capacity) return CW_ERROR_LIMIT;
            if (!state.empty()) std::memcpy(bytes, state.data(), state.size());
            *size = state.size();
            return CW_OK;
          });
        },
        [](cw_instance* instance, std::uint32_t schema, const std::uint8_t* bytes,
           std::uint64_t size) noexcept {
          return Plugin::enter<WithState>(instance, [&](WithState& plugin) {
            return plugin.import_state(schema, std::string_view(reinterpret_cast<const char*>(bytes),
                                                                static_cast<std::size_t>(size)));
          });
        }};
    return std::strcmp(id, CW_EXT_STATE) == 0 ? &table : KindOfPlugin::extension(id);
  }
};

template <class P>
cw_status create(const cw_host* host, cw_instance** out) noexcept {
  try {
    Plugin* plugin = new P(host);
    *out = reinterpret_cast<cw_instance*>(plugin);
    return CW_OK;
  } catch (const std::bad_alloc&) {
    return CW_ERROR_NO_MEMORY;
  } catch (...) {
    return CW_ERROR_EXCEPTION;
  }
}

}  // namespace causeway_sdk

/// Defines the entry. `Type` has a constructor from `const cw_host*`.
#define CAUSEWAY_PLUGIN(Type, id, name, version, description)                 \
  CW_EXPORT const cw_entry cw_plugin_entry = {sizeof(cw_entry),               \
                                              CW_ABI_VERSION,                 \
                                              CW_ABI_VERSION,                 \
                                              Type::kKind,                    \
                                              CW_STRING(id),                  \
                                              CW_STRING(name),                \
                                              CW_STRING(version),             \
                                              CW_STRING(description),         \
                                              nullptr,                        \
                                              nullptr,                        \
                                              &causeway_sdk::create<Type>,    \
                                              &causeway_sdk::Plugin::drain,   \
                                              &causeway_sdk::Plugin::destroy, \
                                              &Type::extension}

#endif
