#pragma once

#include <cstdint>

namespace causeway::packet::vnet {

// linux/virtio_net.h: values of struct virtio_net_hdr.
inline constexpr std::uint8_t kNeedsChecksum = 1;
inline constexpr std::uint8_t kGsoNone = 0;
inline constexpr std::uint8_t kGsoTcpV4 = 1;
inline constexpr std::uint8_t kGsoTcpV6 = 4;
inline constexpr std::uint8_t kGsoUdpL4 = 5;
inline constexpr std::uint8_t kGsoEcn = 0x80;

}  // namespace causeway::packet::vnet
