#include "session/replay_window.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/random.hpp"
#include "session/limits.hpp"

namespace causeway::session {
namespace {

/// The same, as plainly as it can be said.
template <std::size_t kBits>
struct NaiveWindow {
  std::set<std::uint64_t> seen;
  bool may_accept(std::uint64_t counter) const {
    if (seen.contains(counter)) return false;
    return seen.empty() || counter > *seen.rbegin() || *seen.rbegin() + 1 - counter <= kBits - 64;
  }
};

template <std::size_t kBits>
void compare_with_naive(std::uint64_t seed) {
  SeededRandom random{seed};
  ReplayWindow<kBits> window;
  NaiveWindow<kBits> naive;
  std::uint64_t around = random.below(3) == 0 ? kRejectAfterMessages - 200'000 : 0;
  for (int i = 0; i < 20'000; ++i) {
    switch (random.below(200)) {
      case 0:
        around += random.below(kBits * 3);
        break;
      default:
        around += random.below(3);
    }
    std::uint64_t counter = around + random.below(8);
    const std::uint64_t back = random.below(2) ? random.below(kBits + 200) : random.below(20);
    counter -= std::min(counter, back);
    ASSERT_EQ(window.may_accept(counter), naive.may_accept(counter)) << counter;
    if (window.may_accept(counter) && random.below(10) != 0) {
      window.accept(counter);
      naive.seen.insert(counter);
      ASSERT_FALSE(window.may_accept(counter));
      ASSERT_EQ(window.next(), *naive.seen.rbegin() + 1);
    }
  }
}

TEST(ReplayWindow, AgreesWithANaiveSet) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    compare_with_naive<128>(seed);
    compare_with_naive<8192>(seed);
    compare_with_naive<65536>(seed);
  }
}

TEST(ReplayWindow, EdgesOfTheWindow) {
  ReplayWindow<8192> window;
  EXPECT_TRUE(window.may_accept(0));
  window.accept(0);
  EXPECT_FALSE(window.may_accept(0));
  window.accept(10'000);
  EXPECT_TRUE(window.may_accept(10'001 - 8128));
  EXPECT_FALSE(window.may_accept(10'000 - 8128));
  window.accept(kRejectAfterMessages - 1);
  EXPECT_FALSE(window.may_accept(10'001));
  EXPECT_TRUE(window.may_accept(kRejectAfterMessages - 2));
}

}  // namespace
}  // namespace causeway::session
