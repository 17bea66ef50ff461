#pragma once

#include "dataplane/drop_reason.hpp"
#include "packet/coalescer.hpp"
#include "tun/tun_device.hpp"

namespace causeway::dataplane {

/// Writes frames to the TUN and counts what the kernel refuses. A super-packet that it finds invalid (a
/// kernel without that offload) is cut again and written piece by piece, and its kind is not made any more.
class TunWriter final : public packet::FrameSink {
 public:
  TunWriter(tun::TunDevice& device, DropCounters& drops);
  void write_frame(const tun::VnetHeader& header, MutableByteView frame,
                   std::size_t packets) noexcept override;
  /// One packet with finished checksums.
  void write_packet(ByteView packet) noexcept;
  /// What the coalescer may make.
  packet::Coalescer::Options offloads() const { return offloads_; }

 private:
  bool write_pieces(const tun::VnetHeader& header, MutableByteView frame) noexcept;

  tun::TunDevice& device_;
  DropCounters& drops_;
  packet::Coalescer::Options offloads_;
  bool completes_checksums_ = false;  ///< the kernel takes finished packets only
};

}  // namespace causeway::dataplane
