#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "packet/flow.hpp"
#include "packet/ip_view.hpp"
#include "tun/tun_device.hpp"

namespace causeway::packet {

/// Where finished frames go.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// `frame` holds `packets` packets, and may be written over; borrowed until the call returns.
  virtual void write_frame(const tun::VnetHeader& header, MutableByteView frame,
                           std::size_t packets) noexcept = 0;
};

/// Joins received packets of a flow into one TSO or USO frame, the inverse of what the Segmenter does.
///
/// Packets are decrypted to where prepare() says: normally just behind the flow's previous payload, so that
/// the data is already in place. The new header then lies over that payload's last bytes, which are kept
/// aside meanwhile. What turns out to belong elsewhere is moved; so a wrong guess costs one copy, never a
/// packet. Order within a flow is kept: a packet that can't join first sends the flow's frame on its way.
/// Allocates in the constructor only.
class Coalescer {
 public:
  /// Each offload may be missing in the kernel: such packets then go one by one.
  struct Options {
    bool tcp = true;
    bool udp = true;
  };
  static constexpr std::size_t kOpenFrames = 8;
  /// The longest packet that prepare() makes room for, padding included.
  static constexpr std::size_t kMostBytes = 65536;
  /// The kernel refuses UDP frames of more segments.
  static constexpr std::size_t kMostUdpSegments = 64;

  Coalescer(FrameSink& sink, Options options);

  /// Room for one packet of up to `most` (<= kMostBytes) bytes. `origin` says who sends it (a guess at its
  /// flow).
  MutableByteView prepare(std::size_t most, std::uint32_t origin);
  /// The same for the plaintext of a compact message, which holds a packet's L4 part behind a few bytes.
  MutableByteView prepare_compact(std::size_t most, std::uint32_t origin);
  /// After prepare_compact(), the quick way of most packets: true, and joined, when the `plaintext` continues
  /// the frame that was guessed with nothing new but sequence number, payload, PSH and FIN, and neither has a
  /// checksum yet. False: nothing has changed.
  bool join_as_guessed(ByteView plaintext);
  /// After prepare_compact(): where an IP header of `ip_bytes` goes to stand in front of the L4 part found at
  /// `l4`. The L4 part may be moved for that.
  std::uint8_t* place_header(std::uint8_t* l4, std::size_t l4_bytes, std::size_t ip_bytes);
  /// The packet that `view` found in the prepared room is good: joins it, opens a frame, or writes it.
  /// `is_partial`: its TCP or UDP checksum (at least that header is there) is left to us or the kernel.
  void commit(const IpView& view, std::uint32_t origin, bool is_partial = false);
  /// What was prepared is not wanted.
  void abandon() { restore_tail(); }
  /// Writes every open frame, oldest first: at the end of a burst.
  void flush();
  void set_options(Options options) { options_ = options; }
  Options options() const { return options_; }

 private:
  static constexpr std::size_t kSlots = kOpenFrames + 1;  ///< one is always free for the next packet
  static constexpr std::size_t kSlotBytes = kMostBytes + 4096;
  /// In front of a compact message's plaintext, for the header that it leaves out.
  static constexpr std::size_t kHeadroom = 64;
  static constexpr std::size_t kMostHeaderBytes = 100;
  static constexpr std::size_t kMostLead = 8;

  struct Frame {
    bool is_open = false;
    bool is_partial = false;  ///< none of its packets has a checksum
    std::uint8_t lead = 1;    ///< bytes in front of the L4 part in the first packet's compact message
    std::array<std::uint8_t, kMostLead> lead_bytes;
    std::uint32_t origin = 0;
    std::size_t start = 0;      ///< where it begins in its slot
    std::uint64_t touched = 0;  ///< serial of the last packet: larger is newer
    FlowPacket first;
    std::array<std::uint8_t, kMostHeaderBytes>
        header;  ///< of the first packet; its own may lie under a guess
    std::size_t bytes = 0;
    std::size_t packets = 0;
    std::uint8_t tcp_flags = 0;
  };

  std::uint8_t* slot(std::size_t index) { return memory_.data() + index * kSlotBytes; }
  std::uint8_t* begin_of(const Frame& frame) { return slot(index_of(frame)) + frame.start; }
  std::uint8_t* end_of(const Frame& frame) { return begin_of(frame) + frame.bytes; }
  std::size_t index_of(const Frame& frame) const { return static_cast<std::size_t>(&frame - frames_.data()); }
  Frame* guess(std::uint32_t origin, std::size_t most);
  std::uint8_t* cover_tail(Frame& frame);
  Frame* find(const FlowKey& key);
  bool can_join(const Frame& frame, const FlowPacket& packet, const IpView& view, bool is_partial) const;
  bool may_begin(const FlowPacket& packet) const;
  void join(Frame& frame, std::size_t payload_bytes, std::uint8_t tcp_flags);
  void open(const FlowPacket& packet, const IpView& view, std::uint32_t origin, bool is_partial);
  void write_alone(const IpView& view, bool is_partial);
  void write(Frame& frame);
  void write_between(const AddressKey& source, const AddressKey& destination);
  void restore_tail();
  void take_spare();

  FrameSink& sink_;
  Options options_;
  std::vector<std::uint8_t> memory_;
  std::array<Frame, kSlots> frames_{};  ///< frame i lies in slot i
  std::size_t open_frames_ = 0;
  std::size_t spare_ = 0;  ///< the slot that is nobody's
  std::uint64_t serial_ = 0;
  std::size_t newest_ = 0;

  // Between prepare() and commit(): the frame whose tail is covered, and what it was.
  Frame* covered_ = nullptr;
  std::array<std::uint8_t, kMostHeaderBytes> tail_;
  const std::uint8_t* compact_begin_ = nullptr;  ///< of the room that prepare_compact() gave
  std::uint8_t lead_ = 1;                        ///< what place_header() found in front of the L4 part
  std::array<std::uint8_t, kMostLead> lead_bytes_{};
};

}  // namespace causeway::packet
