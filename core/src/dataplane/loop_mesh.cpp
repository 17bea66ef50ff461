#include "dataplane/loop_mesh.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

#include "dataplane/messages.hpp"
#include "dataplane/wake_up.hpp"

namespace causeway::dataplane {
namespace {

constexpr std::size_t kMostRingBytes = 2u << 20;
constexpr std::size_t kMeshBytes = 16u << 20;
/// A burst that fills this part of a ring wakes its receiver before it is over.
constexpr std::size_t kPartToWake = 4;

}  // namespace

unsigned LoopPort::loops() const { return mesh_.loops(); }

bool LoopPort::give_frame(unsigned to, const tun::VnetHeader& header, ByteView frame) noexcept {
  HandoverLabel label;
  label.kind = HandoverLabel::Kind::frame;
  label.header = header;
  return give(to, label, frame);
}

bool LoopPort::give_datagram(unsigned to, const ReceivedBatch& origin, ByteView datagram) noexcept {
  HandoverLabel label;
  label.kind = HandoverLabel::Kind::datagram;
  label.origin = origin;
  label.origin.bytes = {};
  label.origin.segment_bytes = static_cast<std::uint16_t>(datagram.size());
  return give(to, label, datagram);
}

bool LoopPort::give(unsigned to, const HandoverLabel& label, ByteView bytes) noexcept {
  assert(to < mesh_.loops() && to != self_);
  HandoverRing* ring = mesh_.ring(self_, to);
  if (ring == nullptr) {
    ring = HandoverRing::make(LoopMesh::ring_bytes(mesh_.loops())).release();
    if (ring == nullptr) return false;
    mesh_.slot(self_, to).store(ring, std::memory_order_seq_cst);
  }
  const bool is_given = ring->push(label, bytes);
  to_wake_ |= std::uint64_t{1} << to;
  if (ring->used() >= ring->capacity() / kPartToWake) mesh_.wake_ups_[to]->signal();
  return is_given;
}

void LoopPort::wake_receivers() noexcept {
  for (; to_wake_ != 0; to_wake_ &= to_wake_ - 1)
    mesh_.wake_ups_[static_cast<std::size_t>(std::countr_zero(to_wake_))]->signal();
}

bool LoopPort::has_any() const {
  for (unsigned from = 0; from < mesh_.loops(); ++from) {
    const HandoverRing* ring = mesh_.ring(from, self_);
    if (ring != nullptr && !ring->is_empty()) return true;
  }
  return false;
}

LoopMesh::LoopMesh(std::vector<WakeUp*> wake_ups)
    : wake_ups_(std::move(wake_ups)), rings_(wake_ups_.size() * wake_ups_.size()) {
  assert(loops() >= 1 && loops() <= kMostLoops);
  for (unsigned loop = 0; loop < loops(); ++loop)
    ports_.emplace_back(*this, loop);
}

LoopMesh::~LoopMesh() {
  for (auto& ring : rings_)
    delete ring.load(std::memory_order_relaxed);
}

LoopMesh::Use LoopMesh::use(unsigned loop) const {
  Use use;
  for (unsigned from = 0; from < loops(); ++from) {
    if (const HandoverRing* there = ring(from, loop)) {
      use.used_bytes += there->used();
      use.capacity_bytes += there->capacity();
    }
  }
  return use;
}

std::size_t LoopMesh::ring_bytes(unsigned loops) {
  const std::size_t pairs = std::max<std::size_t>(1, std::size_t{loops} * (loops - 1));
  return std::clamp(std::bit_floor(kMeshBytes / pairs), HandoverRing::kLeastCapacity, kMostRingBytes);
}

}  // namespace causeway::dataplane
