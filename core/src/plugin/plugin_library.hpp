#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"
#include "causeway/entry.h"
#include "plugin/negotiation.hpp"

namespace causeway::plugin {

/// A mapped plugin library. Whoever holds it last should close(): the destructor does the same but cannot
/// tell how it went. Any thread, one at a time.
class PluginLibrary {
 public:
  /// Maps `copy` (a trusted copy: constructors of the library run here), finds the entry, negotiates, calls
  /// init.
  static Result<std::shared_ptr<PluginLibrary>> open(const std::filesystem::path& copy);
  ~PluginLibrary();
  PluginLibrary(const PluginLibrary&) = delete;
  PluginLibrary& operator=(const PluginLibrary&) = delete;

  const cw_entry& entry() const { return *entry_; }
  const Descriptor& descriptor() const { return descriptor_; }
  /// The table of the plugin's kind, never null.
  const void* extension() const;

  enum class Closed {
    gone,    ///< unmapped
    pinned,  ///< dlclose returned but it is still in the memory map; never to be called again
  };
  /// deinit, unmap, and look whether it is really gone. All instances must be destroyed.
  Closed close();
  /// Gives up unmapping: a call into it never came back.
  void abandon();

 private:
  struct Mapping;
  PluginLibrary() = default;
  std::filesystem::path path_;
  std::unique_ptr<Mapping> mapping_;
  const cw_entry* entry_ = nullptr;
  Descriptor descriptor_;
};

/// Whether /proc/self/maps still names `path`.
bool is_mapped(const std::filesystem::path& path);

}  // namespace causeway::plugin
