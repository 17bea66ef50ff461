#include "plugin/probe.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "causeway/entry.h"
#include "plugin/confine.hpp"
#include "plugin/plugin_library.hpp"
#include "plugin/self_check.hpp"

namespace causeway::plugin {

namespace {

std::size_t entries_of(const char* directory) {
  std::error_code error;
  const std::filesystem::directory_iterator begin(directory, error), end;
  return static_cast<std::size_t>(std::distance(begin, end));
}

/// What this process has open and runs.
struct Holdings {
  std::size_t threads = entries_of("/proc/self/task");
  std::size_t descriptors = entries_of("/proc/self/fd");
};

/// Loads, checks and unloads once. The flag: the library is still in memory afterwards.
Result<std::pair<Descriptor, bool>> run_cycle(const std::filesystem::path& file) {
  auto library = PluginLibrary::open(file);
  if (!library) return library.error();
  const Descriptor descriptor = (*library)->descriptor();
  if (auto ok = self_check(*library); !ok) return ok.error();
  return std::pair(descriptor, (*library)->close() == PluginLibrary::Closed::pinned);
}

Result<nlohmann::json> examine(const std::filesystem::path& file) {
  if (auto ok = confine(); !ok) return ok.error();
  const auto first = run_cycle(file);
  if (!first) return first.error();
  const auto& [descriptor, pinned] = *first;
  // The first time may open what stays for good; what grows the second time would grow with each reload.
  const Holdings before;
  if (const auto second = run_cycle(file); !second) return second.error();
  const Holdings after;
  if (after.threads > before.threads)
    return Error{"leaves a thread running when it is unloaded: use timers and posted work of the host"};
  if (after.descriptors > before.descriptors) {
    return Error{fmt::format("leaves {} file descriptors open when it is unloaded: close them in destroy",
                             after.descriptors - before.descriptors)};
  }
  nlohmann::json report = {{"id", descriptor.id},
                           {"name", descriptor.name},
                           {"version", descriptor.version},
                           {"description", descriptor.description},
                           {"abi", descriptor.abi},
                           {"kind", descriptor.kind == CW_KIND_PRIORITY    ? "priority"
                                    : descriptor.kind == CW_KIND_TRANSPORT ? "transport"
                                                                           : "candidate-source"},
                           {"pinned", pinned}};
  return Result<nlohmann::json>(boost::system::in_place_value, std::move(report));
}

}  // namespace

int probe_main(const std::filesystem::path& file) {
  const auto report = examine(file);
  const nlohmann::json answer = report ? *report : nlohmann::json{{"error", report.error().message}};
  // Broken UTF-8 can come from a loader message: replaced, not thrown.
  const std::string line = answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
  return report ? 0 : 1;
}

}  // namespace causeway::plugin
