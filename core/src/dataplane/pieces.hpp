#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace causeway::dataplane {

/// Halves of compact messages that were too long for their path, until the other half comes. The two are
/// sealed one after the other, so their packet numbers tell which belong together. Bounded: the oldest half
/// makes room for a new one, and none is joined after kPatience.
class Pieces {
 public:
  static constexpr std::size_t kMost = 16;
  static constexpr Duration kPatience = 5s;

  /// One half, of the keypair with `local_index`. When it completes a message, that is returned; borrowed
  /// until the next call. `*lost` grows by the halves that are given up.
  std::optional<ByteView> add(std::uint32_t local_index, std::uint64_t counter, bool is_second, ByteView half,
                              SteadyTime now, std::size_t* lost);

 private:
  struct Half {
    bool is_used = false;
    bool is_second = false;
    std::uint32_t local_index = 0;
    std::uint64_t first_counter = 0;
    SteadyTime since{};
    Bytes bytes;
  };
  std::array<Half, kMost> halves_;
  Bytes whole_;
};

}  // namespace causeway::dataplane
