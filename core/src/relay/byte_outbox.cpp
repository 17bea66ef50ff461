#include "relay/byte_outbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace causeway::relay {

ByteOutbox::ByteOutbox() : readable_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!readable_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void ByteOutbox::tell() noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(readable_.get(), &one, sizeof one));
}

std::size_t ByteOutbox::push(std::span<const ByteView> messages) noexcept {
  std::size_t pushed = 0;
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = bytes_.empty();
    for (const ByteView message : messages) {
      if (bytes_.size() + message.size() > kMostBytes) break;
      bytes_.insert(bytes_.end(), message.begin(), message.end());
      ++pushed;
    }
  }
  if (was_empty && pushed > 0) tell();
  return pushed;
}

bool ByteOutbox::push_urgent(ByteView message) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (bytes_.size() + message.size() > kMostBytes + kReserve) return false;
    was_empty = bytes_.empty();
    bytes_.insert(bytes_.end(), message.begin(), message.end());
  }
  if (was_empty) tell();
  return true;
}

void ByteOutbox::take(std::vector<std::uint8_t>& taken) {
  // Cleared before the look: what is pushed after it makes the descriptor readable again.
  std::uint64_t count = 0;
  static_cast<void>(!::read(readable_.get(), &count, sizeof count));
  taken.clear();
  const std::lock_guard lock(mutex_);
  std::swap(taken, bytes_);
}

}  // namespace causeway::relay
