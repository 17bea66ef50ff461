#include "session/keypair.hpp"

namespace causeway::session {
namespace {

std::optional<std::uint32_t> index_of(const std::unique_ptr<Keypair>& slot) {
  return slot ? std::optional{slot->local_index()} : std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> KeypairSlots::install(const KeypairMaterial& material,
                                                   std::optional<std::uint32_t>* second) {
  auto made = std::make_unique<Keypair>(material);
  // `previous` gives way in every case, since there is something newer to receive with.
  std::optional<std::uint32_t> dropped = index_of(previous_), also_dropped;
  if (material.is_initiator) {
    if (next_) {
      // The peer may already send with its unconfirmed keypair (both initiated at once): keep that one
      // receivable.
      also_dropped = index_of(current_);
      previous_ = std::move(next_);
    } else {
      previous_ = std::move(current_);
    }
    current_ = std::move(made);
  } else {
    also_dropped = index_of(next_);
    previous_.reset();
    next_ = std::move(made);
  }
  if (!dropped) std::swap(dropped, also_dropped);
  if (second) *second = also_dropped;
  return dropped;
}

Keypair* KeypairSlots::sender(SteadyTime now) {
  return current_ && current_->may_send(now) ? current_.get() : nullptr;
}

Keypair* KeypairSlots::receiver(std::uint32_t local_index) {
  for (auto* slot : {&current_, &next_, &previous_}) {
    if (*slot && (*slot)->local_index() == local_index) return slot->get();
  }
  return nullptr;
}

Keypair* KeypairSlots::compact_receiver(std::uint32_t index) {
  for (auto* slot : {&current_, &next_, &previous_}) {
    if (*slot && ((*slot)->local_index() & kCompactIndexMask) == index) return slot->get();
  }
  return nullptr;
}

bool KeypairSlots::on_opened(std::uint32_t local_index, std::optional<std::uint32_t>* dropped) {
  if (dropped) dropped->reset();
  if (!next_ || next_->local_index() != local_index) return false;
  if (dropped) *dropped = index_of(previous_);
  previous_ = std::move(current_);
  current_ = std::move(next_);
  return true;
}

void KeypairSlots::erase_all() {
  previous_.reset();
  current_.reset();
  next_.reset();
}

}  // namespace causeway::session
