#include "plugin/instance.hpp"

#include <fmt/format.h>

#include "plugin/text.hpp"

namespace causeway::plugin {

Instance::Instance(std::shared_ptr<PluginLibrary> library, std::uint64_t seed)
    : library_(std::move(library)), services_(library_->descriptor().id, seed, library_->descriptor().kind) {}

Result<std::shared_ptr<Instance>> Instance::create(std::shared_ptr<PluginLibrary> library,
                                                   std::uint64_t seed) {
  std::shared_ptr<Instance> result(new Instance(std::move(library), seed));
  cw_instance* made = nullptr;
  const cw_status status = result->library_->entry().create(result->services_.host(), &made);
  if (status != CW_OK || made == nullptr) {
    return Error{fmt::format("could not make an instance ({})", status_text(status))};
  }
  result->instance_ = made;
  return result;
}

Instance::~Instance() {
  if (!is_abandoned_) end();
}

void Instance::drain() {
  if (instance_ == nullptr || std::exchange(is_drained_, true)) return;
  services_.set_wake({});
  if (const auto drain = library_->entry().drain; drain != nullptr) drain(instance_);
  services_.drain();
}

void Instance::end() {
  if (instance_ == nullptr) return;
  drain();
  library_->entry().destroy(std::exchange(instance_, nullptr));
}

void Instance::abandon() {
  is_abandoned_ = true;
  services_.set_wake({});
  library_->abandon();
}

}  // namespace causeway::plugin
