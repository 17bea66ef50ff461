#include "sdk/validator/contract_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "causeway/ext/candidate-source.h"
#include "causeway/ext/priority.h"
#include "causeway/ext/transport.h"

namespace causeway::validator {

namespace {

constexpr Duration kNoticeable = std::chrono::milliseconds(10);
constexpr std::uint32_t kMostTableBytes = 4096;

/// Whether the table reaches up to and with the last member of its first revision, and has what it must.
template <class Table>
Table checked(Stage& stage, const void* given, const char* id) {
  Table table{};
  std::uint32_t size = 0;
  __builtin_memcpy(&size, given, sizeof size);
  if (size < sizeof(Table) || size > kMostTableBytes) {
    stage.error("contract",
                fmt::format("its table for {} says struct_size {}: set it to sizeof of the table, {} here",
                            id, size, sizeof(Table)));
  }
  __builtin_memcpy(&table, given, size < sizeof table ? size : sizeof table);
  return table;
}

void need(Stage& stage, bool there, const char* function) {
  if (!there) stage.error("contract", fmt::format("has no {}: every plugin of its kind needs it", function));
}

void check_priority_table(Stage& stage, const void* given) {
  const auto table = checked<cw_priority>(stage, given, CW_EXT_PRIORITY);
  need(stage, table.score_pairs != nullptr, "score_pairs");
}

void check_source_table(Stage& stage, const void* given) {
  const auto table = checked<cw_candidate_source>(stage, given, CW_EXT_CANDIDATE_SOURCE);
  need(stage, table.set_bases != nullptr, "set_bases");
  need(stage, table.configure != nullptr, "configure");
}

void check_transport_table(Stage& stage, const void* given) {
  const auto table = checked<cw_transport>(stage, given, CW_EXT_TRANSPORT);
  need(stage, table.configure != nullptr, "configure");
  need(stage, table.set_bases != nullptr, "set_bases");
  need(stage, table.on_link != nullptr, "on_link");
  need(stage, table.on_message != nullptr, "on_message");
  need(stage, table.wrap != nullptr, "wrap");
  need(stage, table.unwrap != nullptr, "unwrap");
}

}  // namespace

InstancePtr make_instance(Stage& stage, const LibraryPtr& library, std::uint64_t seed) {
  auto made = stage.call("create", {}, [&] { return plugin::Instance::create(library, seed); });
  if (!made) {
    stage.error("contract", made.error().message);
    return nullptr;
  }
  (*made)->services().mute();
  return std::move(*made);
}

void end_instance(Stage& stage, InstancePtr instance) {
  if (!instance) return;
  stage.call("destroy", {}, [&] {
    instance->end();
    return 0;
  });
}

void unload(Stage& stage, const LibraryPtr& library) {
  std::error_code error;
  const std::filesystem::directory_iterator threads("/proc/self/task", error), end;
  if (std::distance(threads, end) > 1) {
    stage.error("threads", "has started a thread: use the host's timers and post instead");
    return library->abandon();
  }
  stage.enter("unload");
  const auto closed = library->close();
  stage.leave();
  if (closed == plugin::PluginLibrary::Closed::pinned) {
    stage.error("unload",
                "is still in memory after it was unloaded, and would be after each reload: look for unique "
                "symbols, thread_local data with destructors, threads, -z nodelete");
  }
}

void check_tables(Stage& stage, const LibraryPtr& library) {
  const cw_entry& entry = library->entry();
  const auto ask = [&](const char* id) {
    return stage.call("get_extension", id, [&] { return entry.get_extension(id); });
  };
  for (const char* id :
       {"causeway.no-such-extension/1", "", "causeway.priority/2", "causeway.transport/999"}) {
    if (ask(id) != nullptr) {
      stage.error("contract",
                  fmt::format("answers \"{}\", which does not exist: compare the whole id, return "
                              "NULL for what is not yours",
                              id));
    }
  }
  const char* needed = plugin::required_extension(library->descriptor().kind);
  const void* const table = ask(needed);
  if (table != ask(needed))
    stage.error("contract", fmt::format("gives two tables for {}: it must be constant", needed));
  if (library->descriptor().kind == CW_KIND_PRIORITY) check_priority_table(stage, table);
  if (library->descriptor().kind == CW_KIND_CANDIDATE_SOURCE) check_source_table(stage, table);
  if (library->descriptor().kind == CW_KIND_TRANSPORT) check_transport_table(stage, table);
}

void judge_time(Stage& stage, const char* function, Duration longest) {
  if (longest > kCallBudget) {
    stage.error("time",
                fmt::format("{} took {:.0f} ms: the daemon gives a call up after {:.0f} ms; answer from what "
                            "is known and do the rest on a timer",
                            function, to_milliseconds(longest), to_milliseconds(kCallBudget)));
  } else if (longest > kNoticeable) {
    stage.warning("time", fmt::format("{} took {:.0f} ms, of {:.0f} ms that the daemon allows", function,
                                      to_milliseconds(longest), to_milliseconds(kCallBudget)));
  }
}

void judge_times(Stage& stage, const Slowest& first, const Slowest& second) {
  for (const auto& [function, took] : first) {
    const auto again = second.find(function);
    if (again != second.end()) judge_time(stage, function.c_str(), std::min(took, again->second));
  }
}

}  // namespace causeway::validator
