#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "support/packet_builder.hpp"
#include "tun/tun_device.hpp"

namespace causeway::testing {

/// A TUN in memory: frames put in are read, frames written are kept (or only counted, for runs that must not
/// allocate).
class FakeTun final : public tun::TunDevice {
 public:
  void put(SuperFrame frame) { incoming_.push_back(std::move(frame)); }
  void put(Bytes packet) { incoming_.push_back({{}, std::move(packet)}); }
  void close() { closed_ = true; }

  ReadResult read(MutableByteView buffer) noexcept override {
    if (next_ == incoming_.size()) {
      incoming_.clear();
      next_ = 0;
      return {closed_ ? ReadResult::Status::closed : ReadResult::Status::empty, {}, 0};
    }
    const SuperFrame& frame = incoming_[next_++];
    std::copy(frame.packet.begin(), frame.packet.end(), buffer.begin());
    return {ReadResult::Status::frame, frame.header, frame.packet.size()};
  }
  /// Makes everything that was put in readable once more.
  void rewind() { next_ = 0; }

  int write(const tun::VnetHeader& header, ByteView packet) noexcept override {
    const bool is_super = header.gso_type != 0;
    if (is_super && super_frame_error != 0) return super_frame_error;
    if (write_error != 0) return write_error;
    ++frames_written;
    bytes_written += packet.size();
    if (keep_written) written.push_back({header, Bytes(packet.begin(), packet.end())});
    return 0;
  }
  int descriptor() const override { return -1; }
  tun::TunOffloads offloads() const override { return kernel; }
  const std::string& name() const override { return name_; }

  tun::TunOffloads kernel{.checksum = true, .tso = true, .uso = true};
  int write_error = 0;        ///< what every write returns
  int super_frame_error = 0;  ///< what writes of TSO and USO frames return
  bool keep_written = true;
  std::vector<SuperFrame> written;
  std::size_t frames_written = 0;
  std::size_t bytes_written = 0;

 private:
  std::string name_ = "fake0";
  std::vector<SuperFrame> incoming_;
  std::size_t next_ = 0;
  bool closed_ = false;
};

}  // namespace causeway::testing
