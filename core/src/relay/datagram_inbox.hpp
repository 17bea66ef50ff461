#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "dataplane/pollable_carrier.hpp"
#include "net/file_descriptor.hpp"

namespace causeway::relay {

/// Peers' datagrams from the control thread, which reads streams, to the data loop, in the shape that the
/// loop takes: neighbours of one sender and size are joined here. Two blocks of memory that change places
/// under a lock; bounded, and full is a loss.
class DatagramInbox {
 public:
  static constexpr std::size_t kMostBytes = 512 * 1024;
  static constexpr std::size_t kMostGroups = 2048;

  /// Throws std::system_error when there are no descriptors left.
  DatagramInbox();

  /// False when it is full. [control thread]
  bool push(const net::Endpoint& from, ByteView datagram);
  /// Readable when there is something. [data-loop thread]
  int descriptor() const { return readable_.get(); }
  /// Borrowed until the next call. [data-loop thread]
  dataplane::ReceiveStatus receive(dataplane::ReceivedBatch& received) noexcept;
  bool has_more() const { return next_ < reading_.groups.size(); }

 private:
  struct Group {
    net::Endpoint from;
    std::size_t begin = 0, bytes = 0;
    std::uint16_t segment_bytes = 0;
    bool is_complete = false;  ///< its last datagram was shorter
  };
  struct Side {
    std::vector<std::uint8_t> bytes;
    std::vector<Group> groups;
  };

  net::FileDescriptor readable_;  ///< an eventfd
  std::mutex mutex_;              ///< guards filling_
  Side filling_;
  Side reading_;  ///< of the loop
  std::size_t next_ = 0;
};

}  // namespace causeway::relay
