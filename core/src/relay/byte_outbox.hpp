#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "net/file_descriptor.hpp"

namespace causeway::relay {

/// Messages from any thread to the control thread, which writes them to a stream: whole ones only, back to
/// back. Bounded: what the stream does not take in time is lost, as on a full network.
class ByteOutbox {
 public:
  static constexpr std::size_t kMostBytes = 256 * 1024;
  static constexpr std::size_t kReserve = 64 * 1024;  ///< beyond that, for the plugin's own messages

  /// Throws std::system_error when there are no descriptors left.
  ByteOutbox();

  /// Returns how many fitted. [any thread]
  std::size_t push(std::span<const ByteView> messages) noexcept;
  bool push_urgent(ByteView message);

  /// Readable when there is something. [control thread]
  int descriptor() const { return readable_.get(); }
  /// All that waits, in place of what `taken` held. [control thread]
  void take(std::vector<std::uint8_t>& taken);

 private:
  void tell() noexcept;

  net::FileDescriptor readable_;  ///< an eventfd
  std::mutex mutex_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace causeway::relay
