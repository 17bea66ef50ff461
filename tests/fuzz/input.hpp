#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/bytes.hpp"
#include "base/log.hpp"

/// What every fuzz target is made of. A target is one file:
///
///     CAUSEWAY_FUZZ_TARGET(json) { protocol::parse_json(as_text(input.rest())); }
///
/// With libFuzzer it becomes that program's entry; without, it is registered for fuzz_replay under its name.
namespace causeway::fuzz {

/// Any bytes, eaten from the front. Past the end everything reads as zero, so that no target needs to ask.
class Input {
 public:
  explicit Input(ByteView bytes) : bytes_(bytes) {}

  bool is_empty() const { return bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }
  bool flag() { return (byte() & 1) != 0; }
  std::uint16_t u16() { return static_cast<std::uint16_t>(byte() | byte() << 8); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(u16()) | static_cast<std::uint32_t>(u16()) << 16; }
  std::uint64_t u64() { return u32() | static_cast<std::uint64_t>(u32()) << 32; }
  /// In [0, bound), bound > 0, from one byte.
  std::size_t below(std::size_t bound) { return byte() % bound; }
  /// At most `most` bytes, fewer at the end.
  ByteView take(std::size_t most) {
    const ByteView taken = bytes_.first(std::min(most, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }
  /// A piece with its length (16 bits) in front.
  ByteView piece() { return take(u16()); }
  ByteView rest() { return take(bytes_.size()); }

 private:
  ByteView bytes_;
};

/// Ends the process with this sentence when an invariant of the code under test is broken.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

using Target = void (*)(Input input);
struct Registration {
  Registration(std::string_view name, Target target);
};

}  // namespace causeway::fuzz

#ifdef CAUSEWAY_LIBFUZZER
#define CAUSEWAY_FUZZ_ENTRY(name)                                                         \
  extern "C" int LLVMFuzzerInitialize(int*, char***) {                                    \
    causeway::log::set_level(causeway::log::Level::off);                                  \
    return 0;                                                                             \
  }                                                                                       \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {     \
    causeway::fuzz::name##_target(causeway::fuzz::Input(causeway::ByteView(data, size))); \
    return 0;                                                                             \
  }
#else
#define CAUSEWAY_FUZZ_ENTRY(name) \
  static const causeway::fuzz::Registration name##_registration(#name, causeway::fuzz::name##_target);
#endif

#define CAUSEWAY_FUZZ_TARGET(name)                         \
  namespace causeway::fuzz {                               \
  static void name##_target([[maybe_unused]] Input input); \
  }                                                        \
  CAUSEWAY_FUZZ_ENTRY(name)                                \
  void causeway::fuzz::name##_target([[maybe_unused]] Input input)
