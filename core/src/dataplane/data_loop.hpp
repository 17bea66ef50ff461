#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "dataplane/control_channel.hpp"
#include "dataplane/drop_reason.hpp"
#include "dataplane/forwarder.hpp"
#include "dataplane/loop_mesh.hpp"
#include "dataplane/pollable_carrier.hpp"
#include "net/file_descriptor.hpp"
#include "tun/tun_device.hpp"

struct epoll_event;

namespace causeway::dataplane {

/// A thread that moves packets, both directions: one epoll loop over a TUN queue, a socket of each UDP base,
/// the commands and what other loops hand over. Each turn it reads up to 64 times from everything that is
/// readable, lets the forwarder flush, and only then sleeps; so neither direction waits for the other to run
/// dry. All decisions are the Forwarder's.
class DataLoop {
 public:
  /// `tun`, `channel`, `drops` and `port` are borrowed and outlive the loop. `port`: its end of the mesh,
  /// when it is not the only loop; the channel's wake-up is what the mesh wakes it by.
  DataLoop(tun::TunDevice& tun, ControlChannel& channel, DropCounters& drops,
           const Forwarder::Options& options = {}, LoopPort* port = nullptr);
  ~DataLoop();
  DataLoop(const DataLoop&) = delete;
  DataLoop& operator=(const DataLoop&) = delete;

  /// Fails when the kernel refuses descriptors; call once.
  Result<void> start();
  /// Returns when the thread has ended; the channel is closed then and all bases are let go. Repeating is
  /// harmless.
  void stop();

  /// True once somebody has deleted the virtual NIC: nothing comes from it any more. The events' descriptor
  /// is made readable when that happens.
  bool tun_is_gone() const { return tun_gone_.load(std::memory_order_acquire); }

 private:
  /// A base whose socket this loop reads.
  struct Base {
    net::BaseId id;
    std::shared_ptr<PollableCarrier> carrier;
    int errors_in_a_row = 0;
    bool polled = true;  ///< false: set aside after errors until `try_again_at`
    SteadyTime try_again_at{};
  };

  void run();
  void run_turn(Now now, std::span<const epoll_event> ready);
  int milliseconds_to_sleep(SteadyTime now) const;
  void take_handed_over(Now now);
  void read_tun(bool failed, Now now);
  void obey(Command&& command, Now now);
  void add_base(const AddBase& command);
  void remove_base(net::BaseId id);
  void receive_from(net::BaseId id, bool failed, Now now);
  std::size_t take_commands(Now now);
  Base* find_base(net::BaseId id);
  void set_aside(Base& base, SteadyTime now);
  void try_bases_again(SteadyTime now);
  bool poll(int descriptor, std::uint64_t tag);
  void poll_no_more(int descriptor);

  tun::TunDevice& tun_;
  ControlChannel& channel_;
  LoopPort* port_;
  Forwarder forwarder_;
  net::FileDescriptor epoll_;
  std::vector<Base> bases_;
  std::unique_ptr<std::uint8_t[]> receive_buffer_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> tun_gone_{false};
  std::thread thread_;
};

}  // namespace causeway::dataplane
