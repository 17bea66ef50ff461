#pragma once

#include <atomic>
#include <memory>

#include "base/result.hpp"
#include "plugin/host_services.hpp"
#include "plugin/plugin_library.hpp"

namespace causeway::plugin {

/// One instance of a plugin with its library and the services lent to it. Calls go through the adapters, on
/// the plugin thread; created on the control thread.
class Instance {
 public:
  static Result<std::shared_ptr<Instance>> create(std::shared_ptr<PluginLibrary> library, std::uint64_t seed);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  cw_instance* get() const { return instance_; }
  const Descriptor& descriptor() const { return library_->descriptor(); }
  /// The plugin's table of its kind, copied: a tail that an older plugin lacks is null.
  template <class Table>
  Table table() const {
    return read_table<Table>(library_->extension());
  }
  /// Of an extension that it may have or not; all null if not.
  template <class Table>
  Table optional_table(const char* id) const {
    const void* given = library_->entry().get_extension(id);
    return given == nullptr ? Table{} : read_table<Table>(given);
  }
  ServiceHost& services() { return services_; }

  /// Its last useful moment: what it says in it stays in services().take(). Afterwards services refuse.
  /// Plugin thread, once.
  void drain();
  /// Drain unless that was done, destroy. Plugin thread.
  void end();
  /// The library, to be closed by the caller; after end().
  PluginLibrary& library() { return *library_; }

  /// A call into it never came back: nothing of it is touched or freed any more. [thread-safe]
  void abandon();
  bool is_abandoned() const { return is_abandoned_; }

 private:
  Instance(std::shared_ptr<PluginLibrary> library, std::uint64_t seed);
  template <class Table>
  static Table read_table(const void* given);

  std::shared_ptr<PluginLibrary> library_;
  ServiceHost services_;
  cw_instance* instance_ = nullptr;
  bool is_drained_ = false;
  std::atomic<bool> is_abandoned_ = false;
};

template <class Table>
Table Instance::read_table(const void* given) {
  Table table{};
  std::uint32_t size = 0;
  __builtin_memcpy(&size, given, sizeof size);
  __builtin_memcpy(&table, given, size < sizeof table ? size : sizeof table);
  return table;
}

}  // namespace causeway::plugin
