#include "dataplane/stage.hpp"

#include <algorithm>
#include <utility>

namespace causeway::dataplane {

std::size_t Stage::push(ByteView packet, SteadyTime now) {
  Bytes bytes(kHeadroom + packet.size());
  std::copy(packet.begin(), packet.end(), bytes.begin() + kHeadroom);
  return push(Waiting{std::move(bytes), now});
}

std::size_t Stage::push(Waiting&& waiting) {
  const std::size_t bytes = waiting.packet().size();
  std::size_t lost = 0;
  while (!packets_.empty() && (packets_.size() == kMostPackets || bytes_ + bytes > kMostBytes ||
                               budget_->used_bytes + bytes > budget_->most_bytes)) {
    pop();
    ++lost;
  }
  if (bytes > kMostBytes || budget_->used_bytes + bytes > budget_->most_bytes) return lost + 1;
  bytes_ += bytes;
  budget_->used_bytes += bytes;
  packets_.push_back(std::move(waiting));
  return lost;
}

std::size_t Stage::append(Stage& other) {
  std::size_t lost = 0;
  while (!other.packets_.empty()) {
    Waiting waiting = std::move(other.packets_.front());
    other.forget(waiting.packet().size());
    other.packets_.pop_front();
    lost += push(std::move(waiting));
  }
  return lost;
}

std::size_t Stage::expire(SteadyTime now) {
  std::size_t lost = 0;
  while (!packets_.empty() && deadline() <= now) {
    pop();
    ++lost;
  }
  return lost;
}

std::size_t Stage::clear() {
  const std::size_t lost = packets_.size();
  while (!packets_.empty())
    pop();
  return lost;
}

void Stage::pop() {
  forget(packets_.front().packet().size());
  packets_.pop_front();
}

}  // namespace causeway::dataplane
