#include "sdk/validator/file_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "causeway/entry.h"
#include "plugin/elf_check.hpp"
#include "plugin/text.hpp"
#include "sdk/validator/elf_facts.hpp"

namespace causeway::validator {

namespace {

constexpr std::size_t kMostNamed = 5;

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kMostNamed); ++i)
    out += (i == 0 ? "" : ", ") + plugin::clean_text(names[i], 120);
  if (names.size() > kMostNamed) out += fmt::format(" and {} more", names.size() - kMostNamed);
  return out;
}

/// Those of `wanted` that are in `names`.
template <std::size_t N>
std::vector<std::string> found(const std::vector<std::string>& names,
                               const std::array<std::string_view, N>& wanted) {
  std::vector<std::string> result;
  for (const std::string& name : names) {
    if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) result.push_back(name);
  }
  return result;
}

constexpr std::array<std::string_view, 4> kThreads = {"pthread_create", "thrd_create", "clone",
                                                      "_ZNSt6thread15_M_start_threadESt10unique_ptrINS_"
                                                      "6_StateESt14default_deleteIS1_EEPFvvE"};
constexpr std::array<std::string_view, 3> kThreadExit = {"__cxa_thread_atexit", "__cxa_thread_atexit_impl",
                                                         "pthread_key_create"};
constexpr std::array<std::string_view, 6> kEnds = {"exit", "_exit", "quick_exit", "_Exit", "execve", "fork"};

void check_symbols(const ElfFacts& facts, const auto& note) {
  if (!facts.has_symbols) {
    note(Severity::error, "symbols",
         "has no table of dynamic symbols: do not strip more than `strip --strip-unneeded` does");
    return;
  }
  std::vector<std::string> others = facts.exported;
  const std::string entry = CW_ENTRY_SYMBOL;
  if (std::erase(others, entry) == 0) {
    note(Severity::error, "symbols",
         "does not export " + entry +
             ": end the source with CAUSEWAY_PLUGIN(…), or put CW_EXPORT before the table");
  }
  if (!others.empty()) {
    note(Severity::error, "symbols",
         fmt::format(
             "exports {} besides {}: build it by causeway_add_plugin(), or link with the SDK's version "
             "script causeway-plugin.version",
             listed(others), entry));
  }
  if (!facts.unique.empty()) {
    note(Severity::error, "symbols",
         fmt::format("has unique symbols ({}), which keep a library in memory for good: build it by "
                     "causeway_add_plugin(), or with -fno-gnu-unique and the version script",
                     listed(facts.unique)));
  }
  if (const auto names = found(facts.imported, kThreads); !names.empty()) {
    note(Severity::warning, "symbols",
         fmt::format(
             "can start threads ({}): use the host's timers and post instead, a thread that outlives its "
             "instance crashes the daemon",
             listed(names)));
  }
  if (const auto names = found(facts.imported, kThreadExit); !names.empty()) {
    note(Severity::warning, "symbols",
         fmt::format(
             "has thread-local data with a destructor ({}), which can pin the library: keep state in the "
             "instance",
             listed(names)));
  }
  if (const auto names = found(facts.imported, kEnds); !names.empty()) {
    note(Severity::warning, "symbols",
         fmt::format("can end or replace the process ({}): the daemon is not its own to end", listed(names)));
  }
}

}  // namespace

bool check_file(Report& report, ByteView file) {
  const auto note = [&](Severity severity, const char* check, std::string text) {
    report.findings.push_back({severity, check, std::move(text)});
  };
  if (auto ok = plugin::check_elf(file); !ok) {
    note(Severity::error, "file", ok.error().message);
    return false;
  }
  const ElfFacts facts = read_elf_facts(file);
  check_symbols(facts, note);
  if (facts.no_delete) {
    note(Severity::error, "file",
         "is linked with -z nodelete and can never be unloaded: leave that option out");
  }
  if (facts.has_executable_stack) {
    note(Severity::error, "file",
         "asks for an executable stack: add `.section .note.GNU-stack` to assembler sources, avoid nested "
         "functions");
  }
  if (facts.has_text_relocations) {
    note(Severity::error, "file", "has text relocations: compile everything in it with -fPIC");
  }
  if (!facts.search_path.empty()) {
    note(Severity::warning, "file",
         fmt::format("looks for libraries in {}: link what it needs statically, or leave it to the system's "
                     "folders",
                     plugin::clean_text(facts.search_path, 200)));
  }
  for (const std::string& name : facts.needed) {
    if (name.starts_with("libasan") || name.starts_with("libtsan") || name.starts_with("libubsan")) {
      note(Severity::error, "file",
           fmt::format("is built for a sanitizer ({}): that is for its own tests, not for the daemon",
                       plugin::clean_text(name, 80)));
    }
  }
  report.checks.emplace_back("file");
  report.checks.emplace_back("symbols");
  return true;
}

}  // namespace causeway::validator
