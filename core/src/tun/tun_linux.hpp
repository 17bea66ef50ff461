#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "net/file_descriptor.hpp"
#include "tun/tun_device.hpp"

namespace causeway::tun {

struct TunOptions {
  std::string name = "cw0";              ///< empty: the kernel chooses (tun0, tun1, …)
  TunOffloads wanted{true, true, true};  ///< what is not wanted is not asked for
  bool several_queues = false;           ///< add_queue() will follow
};

/// One queue of a TUN of this network namespace. The NIC goes when its last queue goes.
class LinuxTun final : public TunDevice {
 public:
  static Result<std::unique_ptr<LinuxTun>> open(const TunOptions& options);
  /// Another queue of the same NIC, which was opened for several. The kernel puts each flow on the queue that
  /// wrote the flow's last packet in the other direction.
  Result<std::unique_ptr<LinuxTun>> add_queue() const;

  ReadResult read(MutableByteView buffer) noexcept override;
  int write(const VnetHeader& header, ByteView packet) noexcept override;
  int descriptor() const override { return descriptor_.get(); }
  TunOffloads offloads() const override { return offloads_; }
  const std::string& name() const override { return name_; }

 private:
  LinuxTun(net::FileDescriptor descriptor, std::string name, TunOffloads offloads)
      : descriptor_(std::move(descriptor)), name_(std::move(name)), offloads_(offloads) {}

  net::FileDescriptor descriptor_;
  std::string name_;
  TunOffloads offloads_;
};

}  // namespace causeway::tun
