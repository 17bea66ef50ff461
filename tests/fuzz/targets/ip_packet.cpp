#include "packet/ip_view.hpp"

#include <array>

#include "input.hpp"
#include "packet/checksum.hpp"
#include "packet/flow.hpp"
#include "packet/icmp.hpp"

// Any bytes as an IP packet: views stay inside, and ICMP about it is a well-formed packet that is no answer
// to ICMP errors.
CAUSEWAY_FUZZ_TARGET(ip_packet) {
  const std::uint16_t mtu = input.u16();
  const ByteView bytes = input.rest();
  const auto view = packet::IpView::parse(bytes);
  if (!view) return;
  require(view->total_bytes <= bytes.size() && view->header_bytes <= view->total_bytes,
          "a view outside its packet");
  require(view->fragment_offset() <= 65535, "fragment offset");
  (void)packet::is_l4_checksum_right(*view);
  if (const auto flow = packet::FlowPacket::parse(*view)) {
    require(flow->header_bytes + flow->payload_bytes == view->total_bytes, "a flow's lengths do not add up");
  }
  std::array<std::uint8_t, packet::kMostIcmpBytes> out;
  for (const std::size_t length :
       {packet::make_unreachable(*view, out), packet::make_too_big(*view, mtu, out)}) {
    if (length == 0) continue;
    const auto about = packet::IpView::parse(ByteView(out).first(length));
    require(about && about->total_bytes == length, "ICMP that is no packet");
    require(about->destination == view->source, "ICMP to somebody else");
    require(length <= view->total_bytes + 68, "ICMP much longer than its cause");
    // RFC 1122 §3.2.2: never an error about an error, or two hosts would talk for ever.
    std::array<std::uint8_t, packet::kMostIcmpBytes> again;
    require(packet::make_unreachable(*about, again) == 0, "an ICMP error about an ICMP error");
  }
}
