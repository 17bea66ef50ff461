#include "dataplane/wake_up.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace causeway::dataplane {

WakeUp::WakeUp() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!descriptor_) throw std::system_error(errno, std::generic_category(), "cannot create an eventfd");
}

void WakeUp::signal() noexcept {
  // The plain look first: an exchange would take the cache line from the reader at every message.
  if (!sleeping_.load(std::memory_order_seq_cst) || !sleeping_.exchange(false, std::memory_order_seq_cst))
    return;
  const std::uint64_t one = 1;
  // Can only fail with EAGAIN, when it is readable already.
  [[maybe_unused]] const ssize_t written = ::write(descriptor_.get(), &one, sizeof one);
}

void WakeUp::clear() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(descriptor_.get(), &count, sizeof count);
}

}  // namespace causeway::dataplane
