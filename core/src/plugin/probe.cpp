#include "plugin/probe.hpp"

#include <cap-ng.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "causeway/entry.h"
#include "plugin/plugin_library.hpp"
#include "plugin/self_check.hpp"

namespace causeway::plugin {

namespace {

/// What is probed is not trusted yet: no capabilities, no new privileges, no core files.
Result<void> confine() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error{"the probe could not set no_new_privs"};
  capng_clear(CAPNG_SELECT_ALL);
  // Without CAP_SETPCAP the bounding set can't be changed; what counts is that nothing is held.
  if (capng_apply(CAPNG_SELECT_BOTH) != 0 && capng_apply(CAPNG_SELECT_CAPS) != 0) {
    return Error{"the probe could not drop its capabilities"};
  }
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return {};
}

Result<nlohmann::json> examine(const std::filesystem::path& file) {
  if (auto ok = confine(); !ok) return ok.error();
  auto library = PluginLibrary::open(file);
  if (!library) return library.error();
  const Descriptor descriptor = (*library)->descriptor();
  if (auto ok = self_check(*library); !ok) return ok.error();
  const bool pinned = (*library)->close() == PluginLibrary::Closed::pinned;
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
