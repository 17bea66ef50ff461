#include "packet/fragmenter.hpp"

#include "input.hpp"
#include "packet/checksum.hpp"

// Fragments fit, stand in order, and together are the packet's payload.
CAUSEWAY_FUZZ_TARGET(fragmenter) {
  const std::size_t most = input.u16() % 2048;
  const ByteView given = input.rest();
  Bytes packet(given.begin(), given.end());
  const auto view = packet::IpView::parse(packet);
  if (!view) return;
  const Bytes payload(view->payload().begin(), view->payload().end());
  const std::size_t first_offset = view->fragment_offset();
  auto fragmenter = packet::Fragmenter::make(packet, *view, most);
  if (!fragmenter) return;
  require(view->is_v4 && !view->dont_fragment, "cut what may not be cut");
  Bytes joined;
  while (!fragmenter->is_done()) {
    const MutableByteView fragment = fragmenter->next();
    require(fragment.size() <= most, "a fragment is too long");
    const auto piece = packet::IpView::parse(fragment);
    require(piece && piece->total_bytes == fragment.size(), "a fragment is no packet");
    require(packet::checksum(fragment.first(piece->header_bytes)) == 0, "a fragment's header checksum");
    require(piece->fragment_offset() == (first_offset + joined.size()) % 65536, "a gap between fragments");
    require(piece->payload().size() > 0 || payload.empty(), "an empty fragment");
    joined.insert(joined.end(), piece->payload().begin(), piece->payload().end());
  }
  require(joined == payload, "the fragments are not the packet");
}
