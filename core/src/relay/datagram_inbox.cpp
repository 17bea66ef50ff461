#include "relay/datagram_inbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace causeway::relay {

using dataplane::ReceiveStatus;

DatagramInbox::DatagramInbox() : readable_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!readable_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

bool DatagramInbox::push(const net::Endpoint& from, ByteView datagram) {
  if (datagram.empty() || datagram.size() > 0xffff) return true;  // no datagram that the data plane knows
  const std::lock_guard lock(mutex_);
  if (filling_.bytes.size() + datagram.size() > kMostBytes) return false;
  Group* last = filling_.groups.empty() ? nullptr : &filling_.groups.back();
  const bool joins = last != nullptr && !last->is_complete && last->from == from &&
                     datagram.size() <= last->segment_bytes &&
                     last->bytes + datagram.size() <= dataplane::kReceiveBytes;
  if (!joins) {
    if (filling_.groups.size() >= kMostGroups) return false;
    filling_.groups.push_back(
        {from, filling_.bytes.size(), 0, static_cast<std::uint16_t>(datagram.size()), false});
    last = &filling_.groups.back();
  }
  const bool was_empty = filling_.bytes.empty();
  filling_.bytes.insert(filling_.bytes.end(), datagram.begin(), datagram.end());
  last->bytes += datagram.size();
  last->is_complete = datagram.size() < last->segment_bytes;
  if (was_empty) {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(readable_.get(), &one, sizeof one));
  }
  return true;
}

ReceiveStatus DatagramInbox::receive(dataplane::ReceivedBatch& received) noexcept {
  if (next_ == reading_.groups.size()) {
    // Cleared before the look: what is pushed after it makes the descriptor readable again.
    std::uint64_t count = 0;
    static_cast<void>(!::read(readable_.get(), &count, sizeof count));
    reading_.bytes.clear();
    reading_.groups.clear();
    next_ = 0;
    const std::lock_guard lock(mutex_);
    std::swap(reading_, filling_);
  }
  if (next_ == reading_.groups.size()) return ReceiveStatus::empty;
  const Group& group = reading_.groups[next_++];
  received.from = group.from;
  received.bytes = MutableByteView(reading_.bytes).subspan(group.begin, group.bytes);
  received.segment_bytes = group.segment_bytes;
  received.ecn = 0;
  return ReceiveStatus::received;
}

}  // namespace causeway::relay
