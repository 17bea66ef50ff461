#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/handover.hpp"
#include "dataplane/handover_ring.hpp"

namespace causeway::dataplane {

class LoopMesh;
class WakeUp;

/// One data loop's end of the mesh. All functions: [its data-loop thread], but for use().
class LoopPort final : public Handover {
 public:
  LoopPort(LoopMesh& mesh, unsigned self) : mesh_(mesh), self_(self) {}

  // ---- giving ----
  unsigned self() const override { return self_; }
  unsigned loops() const override;
  bool give_frame(unsigned to, const tun::VnetHeader& header, ByteView frame) noexcept override;
  bool give_datagram(unsigned to, const ReceivedBatch& origin, ByteView datagram) noexcept override;
  /// Wakes the loops that something was given to, each once: at the end of a burst.
  void wake_receivers() noexcept;

  // ---- taking ----
  /// `visit(label, bytes)` for up to `most` packets from each of the other loops; in order from each one.
  template <class Visit>
  void take(std::size_t most, Visit&& visit);
  /// To be asked after the loop has announced its sleep.
  bool has_any() const;

 private:
  bool give(unsigned to, const HandoverLabel& label, ByteView bytes) noexcept;

  LoopMesh& mesh_;
  unsigned self_;
  std::uint64_t to_wake_ = 0;  ///< one bit per loop
};

/// The rings between all pairs of data loops. A ring comes into being when its first packet does, and stays.
class LoopMesh {
 public:
  /// `wake_ups[i]` wakes loop i; borrowed. At most kMostLoops.
  explicit LoopMesh(std::vector<WakeUp*> wake_ups);
  ~LoopMesh();
  LoopMesh(const LoopMesh&) = delete;
  LoopMesh& operator=(const LoopMesh&) = delete;

  unsigned loops() const { return static_cast<unsigned>(wake_ups_.size()); }
  LoopPort& port(unsigned loop) { return ports_[loop]; }

  struct Use {
    std::size_t used_bytes = 0;
    std::size_t capacity_bytes = 0;  ///< of the rings that exist
  };
  /// What waits for `loop`; any thread, a moment's view.
  Use use(unsigned loop) const;
  /// Of each ring; all that exist together take at most 16 MiB with up to eight loops, and at least 256 KiB
  /// each with more.
  static std::size_t ring_bytes(unsigned loops);

 private:
  friend class LoopPort;
  // Written by the thread of `from` alone; seq_cst, because a ring's first packet and its existence are
  // published together, see WakeUp.
  std::atomic<HandoverRing*>& slot(unsigned from, unsigned to) { return rings_[from * loops() + to]; }
  HandoverRing* ring(unsigned from, unsigned to) const {
    return rings_[from * loops() + to].load(std::memory_order_seq_cst);
  }

  std::vector<WakeUp*> wake_ups_;
  std::vector<LoopPort> ports_;
  std::vector<std::atomic<HandoverRing*>> rings_;
};

template <class Visit>
void LoopPort::take(std::size_t most, Visit&& visit) {
  for (unsigned from = 0; from < mesh_.loops(); ++from) {
    HandoverRing* ring = mesh_.ring(from, self_);
    if (ring == nullptr) continue;
    for (std::size_t taken = 0; taken < most && ring->pop(visit); ++taken) {
    }
  }
}

}  // namespace causeway::dataplane
