#include "plugin/plugin_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "plugin/host_services.hpp"
#include "plugin/text.hpp"

namespace causeway::plugin {

struct PluginLibrary::Mapping {
  boost::dll::shared_library library;
};

Result<std::shared_ptr<PluginLibrary>> PluginLibrary::open(const std::filesystem::path& copy) {
  std::shared_ptr<PluginLibrary> result(new PluginLibrary);
  result->path_ = copy;
  result->mapping_ = std::make_unique<Mapping>();
  auto& library = result->mapping_->library;
  boost::dll::fs::error_code error;
  library.load(copy, error, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  if (error) {
    // The loader's own words name the missing library or symbol; what is before the colon is our private
    // path.
    const char* detail = ::dlerror();
    std::string why = detail != nullptr ? detail : error.message();
    if (const auto at = why.find(copy.string()); at == 0) why.erase(0, copy.string().size() + 2);
    return Error{fmt::format("cannot be loaded: {}", why)};
  }
  if (!library.has(CW_ENTRY_SYMBOL)) {
    return Error{fmt::format("has no symbol {}: it is not a Causeway plugin, or its entry lacks CW_EXPORT",
                             CW_ENTRY_SYMBOL)};
  }
  const auto* entry = &library.get<const cw_entry>(CW_ENTRY_SYMBOL);
  auto descriptor = negotiate(entry);
  if (!descriptor) return descriptor.error();
  result->descriptor_ = std::move(*descriptor);
  if (entry->init != nullptr) {
    const ServiceHost logger(result->descriptor_.id);
    if (const cw_status status = entry->init(logger.host()); status != CW_OK) {
      return Error{fmt::format("its init failed ({})", status_text(status))};
    }
  }
  result->entry_ = entry;
  return result;
}

PluginLibrary::~PluginLibrary() {
  if (mapping_) close();
}

const void* PluginLibrary::extension() const {
  return entry_->get_extension(required_extension(descriptor_.kind));
}

PluginLibrary::Closed PluginLibrary::close() {
  if (entry_ != nullptr && entry_->deinit != nullptr) entry_->deinit();
  entry_ = nullptr;
  mapping_.reset();
  return is_mapped(path_) ? Closed::pinned : Closed::gone;
}

void PluginLibrary::abandon() {
  // A thread may stay in its code for as long as the process lives. Never destroyed, so as not to be closed
  // at exit.
  static auto* const kept = new std::vector<std::unique_ptr<Mapping>>;
  kept->push_back(std::move(mapping_));
}

bool is_mapped(const std::filesystem::path& path) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.size() >= path.native().size() && line.find(path.native()) != std::string::npos) return true;
  }
  return false;
}

}  // namespace causeway::plugin
