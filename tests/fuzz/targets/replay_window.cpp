#include "session/replay_window.hpp"

#include <set>

#include "input.hpp"

// The ring of words against a plain set of all that was accepted.
CAUSEWAY_FUZZ_TARGET(replay_window) {
  using Window = session::ReplayWindow<256>;
  Window window;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 200 && !input.is_empty(); ++i) {
    const std::uint8_t how = input.byte();
    std::uint64_t counter = window.next() + how % 64;
    if (how >= 128) counter = window.next() - std::min<std::uint64_t>(window.next(), input.byte() * 2u);
    if (how % 64 == 63) counter += input.u64() >> 2;
    if (counter > std::uint64_t{1} << 63) continue;
    const bool is_too_old = !seen.empty() && counter + Window::kWindow < *seen.rbegin() + 1;
    const bool may = window.may_accept(counter);
    require(may == (!is_too_old && !seen.contains(counter)), "the window and the plain set disagree");
    if (!may) continue;
    window.accept(counter);
    seen.insert(counter);
  }
}
