#include "dataplane/tun_writer.hpp"

#include <cerrno>

#include "packet/checksum.hpp"
#include "packet/segmenter.hpp"
#include "packet/vnet.hpp"

namespace causeway::dataplane {

TunWriter::TunWriter(tun::TunDevice& device, DropCounters& drops) : device_(device), drops_(drops) {
  const tun::TunOffloads kernel = device.offloads();
  completes_checksums_ = !kernel.checksum;
  offloads_ = {.tcp = kernel.checksum && kernel.tso, .udp = kernel.checksum && kernel.uso};
}

void TunWriter::write_frame(const tun::VnetHeader& header, MutableByteView frame,
                            std::size_t packets) noexcept {
  if (completes_checksums_ && (header.flags & packet::vnet::kNeedsChecksum)) {
    packet::complete_checksum(frame, header.checksum_start, header.checksum_offset);
    return write_packet(frame);
  }
  const int error = device_.write(header, frame);
  if (error == 0) return;
  if (error == EINVAL && packets > 1) {
    (header.gso_type == packet::vnet::kGsoUdpL4 ? offloads_.udp : offloads_.tcp) = false;
    if (write_pieces(header, frame)) return;
  }
  drops_.add(DropReason::tun_write_failed, packets);
}

void TunWriter::write_packet(ByteView packet) noexcept {
  if (device_.write({}, packet) != 0) drops_.add(DropReason::tun_write_failed);
}

bool TunWriter::write_pieces(const tun::VnetHeader& header, MutableByteView frame) noexcept {
  const auto view = packet::IpView::parse(frame);
  if (!view) return false;
  auto segmenter = packet::Segmenter::make(header, frame, *view);
  if (!segmenter) return false;
  while (!segmenter->is_done())
    write_packet(segmenter->next());
  return true;
}

}  // namespace causeway::dataplane
