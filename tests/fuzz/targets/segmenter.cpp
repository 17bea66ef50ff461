#include "packet/segmenter.hpp"

#include <cstring>

#include "input.hpp"
#include "packet/checksum.hpp"
#include "packet/flow.hpp"

// Any virtio header with any packet: what is accepted becomes well-formed packets that carry the payload
// once.
CAUSEWAY_FUZZ_TARGET(segmenter) {
  tun::VnetHeader header;
  const ByteView raw = input.take(sizeof header);
  if (!raw.empty()) std::memcpy(&header, raw.data(), raw.size());
  // Half of the inputs are made long, so that there is something to cut.
  const std::size_t stretch = input.flag() ? std::max<std::size_t>(input.u16(), 20) : 0;
  const ByteView given = input.rest();
  Bytes frame(given.begin(), given.end());
  if (stretch > frame.size()) {
    frame.resize(stretch, 0x5a);
    if ((frame[0] >> 4) == 4)
      frame[2] = static_cast<std::uint8_t>(stretch >> 8), frame[3] = static_cast<std::uint8_t>(stretch);
    if ((frame[0] >> 4) == 6 && stretch >= 40) {
      frame[4] = static_cast<std::uint8_t>((stretch - 40) >> 8),
      frame[5] = static_cast<std::uint8_t>(stretch - 40);
    }
  }
  const auto view = packet::IpView::parse(frame);
  if (!view) return;
  auto segmenter = packet::Segmenter::make(header, frame, *view);
  if (!segmenter) return;
  std::size_t segments = 0;
  while (!segmenter->is_done()) {
    const MutableByteView segment = segmenter->next();
    require(segment.data() >= frame.data() && segment.data() + segment.size() <= frame.data() + frame.size(),
            "a segment outside its frame");
    const auto cut = packet::IpView::parse(segment);
    require(cut && (segmenter->segments() == 1 || cut->total_bytes == segment.size()),
            "a segment is no packet");
    ++segments;
    const bool is_split = (header.gso_type & 0x7f) != 0;
    if (is_split && packet::FlowPacket::parse(*cut)) {
      require(packet::is_l4_checksum_right(*cut), "a segment's checksum is wrong");
    }
  }
  require(segments == segmenter->segments(), "the number of segments");
}
