#include "packet/ecn.hpp"

#include "packet/checksum.hpp"

namespace causeway::packet {

bool decapsulate_ecn(std::uint8_t* ip, bool is_v4, std::uint8_t outer) {
  const std::uint8_t inner = ecn_of(ip, is_v4);
  if (inner == kNotEct) return outer != kCongestionExperienced;
  const bool takes_outer =
      outer == kCongestionExperienced || (outer == kEct1 && inner != kCongestionExperienced);
  if (!takes_outer || inner == outer) return true;
  const std::uint16_t before = load_be16(ip);
  const unsigned shift = is_v4 ? 0 : 4;
  ip[1] = static_cast<std::uint8_t>((ip[1] & ~(kEcnMask << shift)) | outer << shift);
  if (is_v4) store_be16(ip + 10, update_checksum(load_be16(ip + 10), before, load_be16(ip)));
  return true;
}

}  // namespace causeway::packet
