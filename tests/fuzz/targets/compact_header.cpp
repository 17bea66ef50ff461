#include "packet/compact_header.hpp"

#include "input.hpp"
#include "packet/mss.hpp"

// Any bytes as an opened compact message: what is rebuilt is a packet between the two addresses, and leaving
// its header out again gives the same. And any bytes as a packet from here: what is left out comes back.
CAUSEWAY_FUZZ_TARGET(compact_header) {
  static const auto addresses = [] {
    std::pair<packet::ImpliedAddresses, packet::ImpliedAddresses> ends;
    for (const auto& [near, far] :
         {std::pair{"10.10.0.101", "10.10.0.102"}, std::pair{"fd00::1", "fd00::2"}}) {
      ends.first.set(*net::IpAddress::parse(near), *net::IpAddress::parse(far));
      ends.second.set(*net::IpAddress::parse(far), *net::IpAddress::parse(near));
    }
    return ends;
  }();
  const auto& [near, far] = addresses;
  const std::uint8_t what = input.byte();
  const ByteView rest = input.rest();
  Bytes bytes(rest.begin(), rest.end());
  if ((what & 1) != 0) {
    // An outgoing packet, with the right addresses as often as not.
    if ((what & 2) != 0 && bytes.size() >= 40) {
      const bool is_v4 = (what & 4) != 0;
      bytes[0] = is_v4 ? 0x45 : static_cast<std::uint8_t>(0x60 | (bytes[0] & 0x0f));
      const auto& template_v4 = far.incoming_v4();
      const auto& template_v6 = far.incoming_v6();
      if (is_v4) {
        std::copy(template_v4.begin() + 12, template_v4.end(), bytes.begin() + 12);
      } else {
        std::copy(template_v6.begin() + 8, template_v6.end(), bytes.begin() + 8);
      }
    }
    const auto view = packet::IpView::parse(bytes);
    if (!view) return;
    packet::clamp_mss(bytes, *view, 1400, false);
    const auto header = packet::CompactHeader::of(*view, near, false);
    if (!header) return;
    Bytes plaintext(header->bytes.begin(), header->bytes.begin() + header->size);
    plaintext.insert(plaintext.end(), view->payload().begin(), view->payload().end());
    const auto form = packet::CompactForm::parse(plaintext);
    require(form && form->size == header->size, "a header that does not parse");
    Bytes rebuilt(form->ip_bytes());
    require(form->rebuild(far, plaintext.size() - form->size, rebuilt.data()),
            "a header that cannot be rebuilt");
    // All but the checksum, which may have been wrong, and the ID of an atomic datagram.
    for (std::size_t i = 0; i < rebuilt.size(); ++i) {
      const bool may_differ =
          view->is_v4 && (i == 10 || i == 11 || (view->dont_fragment && (i == 4 || i == 5)));
      require(may_differ || rebuilt[i] == bytes[i], "a header field that changed");
    }
    return;
  }
  const auto form = packet::CompactForm::parse(bytes);
  if (!form) return;
  require(form->size <= bytes.size(), "a header longer than its message");
  if (!form->leaves_header_out()) return;
  Bytes packet(form->ip_bytes());
  if (!form->rebuild(far, bytes.size() - form->size, packet.data())) return;
  packet.insert(packet.end(), bytes.begin() + form->size, bytes.end());
  const auto view = packet::IpView::parse(packet);
  require(view && view->total_bytes == packet.size(), "a rebuilt packet that is none");
  require(view->source == (view->is_v4 ? far.v4().remote : far.v6().remote), "a packet from somebody else");
}
