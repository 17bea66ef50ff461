#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace causeway::validator {

/// What a stage tells its watcher while it runs, in memory that both see. Text is cut to fit; the watcher
/// reads it when the writer has stopped, or shows a mixture of two calls at worst.
struct Progress {
  std::atomic<std::uint64_t> entered{0};  ///< odd while a call is under way
  std::atomic<std::int64_t> since_ns{0};  ///< steady clock: since when
  char function[64] = {};
  char detail[256] = {};
  char fault[256] = {};  ///< what a memory fault was about, if that is known

  static void put(char* field, std::size_t size, std::string_view text);
};

}  // namespace causeway::validator
