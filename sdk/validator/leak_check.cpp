#include <fmt/format.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cfenv>
#include <csignal>
#include <fstream>
#include <limits>

#include "plugin/self_check.hpp"
#include "sdk/validator/contract_checks.hpp"

namespace causeway::validator {

namespace {

constexpr int kBatches = 3;
constexpr int kInstances = 32;                // of a batch
constexpr int kCycles = 8;                    // of a batch: load, use, unload
constexpr std::int64_t kBytesPerCycle = 512;  // what the loader itself may keep

std::size_t entries_of(const char* directory) {
  std::error_code error;
  const std::filesystem::directory_iterator begin(directory, error), end;
  return static_cast<std::size_t>(std::distance(begin, end));
}

/// What this process holds at present.
struct Holdings {
  std::int64_t heap_bytes = 0;
  std::size_t descriptors = entries_of("/proc/self/fd");
  std::size_t threads = entries_of("/proc/self/task");
  std::size_t mappings = 0;

  Holdings() {
    const struct mallinfo2 heap = ::mallinfo2();
    heap_bytes = static_cast<std::int64_t>(heap.uordblks + heap.hblkhd);
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
      ++mappings;
  }
};

/// What a batch of `times` left behind; what only the first one left is not counted.
struct Growth {
  std::int64_t heap_bytes = std::numeric_limits<std::int64_t>::max();  ///< for each time
  std::size_t descriptors = std::numeric_limits<std::size_t>::max();   ///< of a batch
  std::size_t threads = std::numeric_limits<std::size_t>::max();
  std::size_t mappings = std::numeric_limits<std::size_t>::max();
};

std::size_t more(std::size_t after, std::size_t before) { return after > before ? after - before : 0; }

/// True growth is in every batch; what is in one alone is a buffer that was enlarged.
template <class Work>
Growth grow(int times, Work work) {
  Growth growth;
  for (int i = 0; i < times; ++i)
    if (!work()) return {0, 0, 0, 0};
  for (int batch = 0; batch < kBatches; ++batch) {
    const Holdings before;
    for (int i = 0; i < times; ++i)
      if (!work()) return {0, 0, 0, 0};
    const Holdings after;
    growth.heap_bytes = std::min(growth.heap_bytes, (after.heap_bytes - before.heap_bytes) / times);
    growth.descriptors = std::min(growth.descriptors, more(after.descriptors, before.descriptors));
    growth.threads = std::min(growth.threads, more(after.threads, before.threads));
    growth.mappings = std::min(growth.mappings, more(after.mappings, before.mappings));
  }
  return growth;
}

void tell(Stage& stage, const Growth& growth, std::int64_t allowed_bytes, int times, const char* what,
          const char* remedy) {
  if (growth.heap_bytes > allowed_bytes) {
    stage.error("leaks",
                fmt::format("{} leaves about {} bytes of memory: {}", what, growth.heap_bytes, remedy));
  }
  if (growth.descriptors > 0) {
    stage.error("leaks", fmt::format("{} leaves file descriptors open ({} after {} times): {}", what,
                                     growth.descriptors, times, remedy));
  }
  if (growth.threads > 0) {
    stage.error("threads", fmt::format("{} leaves threads ({} after {} times): {}", what, growth.threads,
                                       times, remedy));
  }
  if (growth.mappings > static_cast<std::size_t>(times) / 2) {
    stage.error("leaks", fmt::format("{} leaves memory mapped ({} mappings after {} times): {}", what,
                                     growth.mappings, times, remedy));
  }
}

/// What a plugin could change for the whole process.
struct Surroundings {
  mode_t mask = 0;
  std::filesystem::path directory = std::filesystem::current_path();
  int rounding = std::fegetround();
  unsigned control = 0;
  std::array<bool, 32> handled{};

  Surroundings() {
    mask = ::umask(0);
    ::umask(mask);
#if defined(__x86_64__)
    control = __builtin_ia32_stmxcsr() & ~0x3fU;  // without the sticky flags
#endif
    for (int signal = 1; signal < 32; ++signal) {
      struct sigaction action {};
      if (::sigaction(signal, nullptr, &action) == 0)
        handled[static_cast<std::size_t>(signal)] = action.sa_handler != SIG_DFL;
    }
  }
};

void compare(Stage& stage, const Surroundings& before, const Surroundings& after) {
  const auto changed = [&](bool differs, const char* what) {
    if (differs)
      stage.error("contract", fmt::format("changes {} of the whole process, which is the daemon's", what));
  };
  changed(before.mask != after.mask, "the file mode mask");
  changed(before.directory != after.directory, "the working directory");
  changed(before.rounding != after.rounding || before.control != after.control,
          "how floating-point numbers are calculated (is it linked with -ffast-math?)");
  changed(before.handled != after.handled, "how signals are handled");
}

/// Opens, uses and closes the library; false if it cannot be.
bool cycle(Stage& stage, const std::filesystem::path& copy) {
  stage.enter("load");
  auto library = plugin::PluginLibrary::open(copy);
  stage.leave();
  if (!library) return false;
  stage.enter("self-check");
  const bool is_good = static_cast<bool>(plugin::self_check(*library));
  stage.leave();
  unload(stage, *library);
  return is_good && stage.errors() == 0;
}

}  // namespace

void check_leaks(Stage& stage, const std::filesystem::path& copy) {
  const Surroundings before;
  {
    stage.enter("load");
    auto library = plugin::PluginLibrary::open(copy);
    stage.leave();
    if (!library) return stage.error("load", library.error().message);
    const Growth growth = grow(kInstances, [&] {
      stage.enter("self-check");
      const bool is_good = static_cast<bool>(plugin::self_check(*library));
      stage.leave();
      return is_good;
    });
    tell(stage, growth, 0, kInstances, "each instance that is made, used and destroyed",
         "free in destroy what create and the calls took");
    unload(stage, *library);
  }
  if (stage.errors() == 0) {
    const Growth growth = grow(kCycles, [&] { return cycle(stage, copy); });
    tell(stage, growth, kBytesPerCycle, kCycles, "each loading and unloading",
         "free in deinit what init took");
  }
  compare(stage, before, Surroundings());
}

}  // namespace causeway::validator
