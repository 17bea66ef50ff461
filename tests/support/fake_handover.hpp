#pragma once

#include <vector>

#include "dataplane/handover.hpp"

namespace causeway::testing {

/// Keeps what is given to other loops.
class FakeHandover final : public dataplane::Handover {
 public:
  FakeHandover(unsigned self, unsigned loops) : self_(self), loops_(loops) {}

  struct Frame {
    unsigned to = 0;
    tun::VnetHeader header;
    Bytes bytes;
  };
  struct Datagram {
    unsigned to = 0;
    dataplane::ReceivedBatch origin;  ///< without its bytes
    Bytes bytes;
  };

  unsigned self() const override { return self_; }
  unsigned loops() const override { return loops_; }
  bool give_frame(unsigned to, const tun::VnetHeader& header, ByteView frame) noexcept override {
    if (frames.size() >= most_frames) return false;
    frames.push_back({to, header, Bytes(frame.begin(), frame.end())});
    return true;
  }
  bool give_datagram(unsigned to, const dataplane::ReceivedBatch& origin,
                     ByteView datagram) noexcept override {
    if (is_full) return false;
    datagrams.push_back({to, origin, Bytes(datagram.begin(), datagram.end())});
    datagrams.back().origin.bytes = {};
    return true;
  }

  std::size_t most_frames = 1000;
  bool is_full = false;  ///< for datagrams
  std::vector<Frame> frames;
  std::vector<Datagram> datagrams;

 private:
  unsigned self_, loops_;
};

}  // namespace causeway::testing
