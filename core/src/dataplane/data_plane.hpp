#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "dataplane/control_channel.hpp"
#include "dataplane/data_loop.hpp"
#include "dataplane/drop_reason.hpp"
#include "dataplane/loop_mesh.hpp"
#include "dataplane/udp_base.hpp"
#include "dataplane/wake_up.hpp"

namespace causeway::dataplane {

/// How many loops to run: what was configured, or for 0 one per core, but one on two cores or fewer, where a
/// second one only takes CPU from the first (and from whoever makes the traffic).
unsigned loops_to_run(unsigned configured, unsigned cores);

/// All data loops of a node as the control thread sees them: one to talk to. It sends each command to the
/// loops that it concerns, and gathers what they say and count. [control thread]
class DataPlane {
 public:
  /// One loop for each TUN queue, at most kMostLoops; the queues are borrowed. What `options` bounds is
  /// shared out among the loops.
  explicit DataPlane(const std::vector<tun::TunDevice*>& queues, const Forwarder::Options& options = {});
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  /// Fails when the kernel refuses threads or descriptors; call once.
  Result<void> start();
  /// Returns when all threads have ended and all bases are let go. Repeating is harmless.
  void stop();
  unsigned loops() const { return static_cast<unsigned>(loops_.size()); }

  /// Commands about a peer go to the loop that AddPeer named, all others to every loop; in order for each
  /// loop. The carrier of an AddBase is then used by all loops at once: one that loops read comes by
  /// add_base().
  void send(Command command);
  /// `carriers`: one for each loop, of the same base.
  void add_base(net::BaseId base, const std::vector<std::shared_ptr<Carrier>>& carriers);

  /// Readable when events are there: then call take_events().
  int events_descriptor() const { return events_.descriptor(); }
  /// Hands over events of all loops, about `most` of them; each loop has its share. Order is kept inside a
  /// loop as ControlChannel says.
  std::size_t take_events(std::size_t most, const std::function<void(Event&&)>& visit);
  /// True once somebody has deleted the virtual NIC. The events' descriptor is made readable when that
  /// happens.
  bool tun_is_gone() const;
  /// Handshake messages that wait to be taken.
  std::size_t pending_handshakes() const;

  std::uint64_t dropped(DropReason reason) const;
  /// How full the queues between this loop and the control thread are; a moment's view.
  std::array<ControlChannel::QueueUse, 6> queues(unsigned loop) const { return loops_[loop]->channel.use(); }
  /// What other loops have handed to this one and it has not taken yet.
  LoopMesh::Use handed_over(unsigned loop) const { return mesh_->use(loop); }

 private:
  struct Loop {
    explicit Loop(WakeUp& events) : channel(&events) {}
    ControlChannel channel;
    DropCounters drops;
    std::unique_ptr<DataLoop> thread;  // last: uses the others
  };
  void send_to_all(const Command& command);
  ControlChannel& channel_of(PeerId peer);

  WakeUp events_;
  std::unique_ptr<LoopMesh> mesh_;  // before the loops, which use it
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unordered_map<PeerId, std::uint8_t> owners_;
  unsigned first_asked_ = 0;  ///< the loop whose events are taken first next time
};

}  // namespace causeway::dataplane
