#pragma once

#include "base/bytes.hpp"
#include "packet/ip_view.hpp"

namespace causeway::packet {

/// Lowers the maximum segment size that a TCP SYN announces (RFC 9293 §3.7.1) so that the answers fit into
/// packets of `most_packet_bytes`; any other packet stays as it is. The TCP checksum follows, unless it
/// `is_partial` (yet to be computed). `packet` is what `view` describes.
void clamp_mss(MutableByteView packet, const IpView& view, std::size_t most_packet_bytes, bool is_partial);

}  // namespace causeway::packet
