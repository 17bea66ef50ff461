#include "plugin/state_envelope.hpp"

#include <algorithm>
#include <array>
#include <boost/crc.hpp>

#include "causeway/ext/state.h"

namespace causeway::plugin {

namespace {

constexpr std::array<std::uint8_t, 4> kMagic = {'C', 'W', 'S', 'T'};
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kMaxIdBytes = 64;

void put(Bytes& bytes, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8)
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::uint32_t number_at(ByteView bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value |= std::uint32_t{bytes[at + i]} << (8 * i);
  return value;
}

std::uint32_t crc32c(ByteView bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

}  // namespace

Bytes seal_state(const SavedState& state) {
  Bytes body;
  body.push_back(static_cast<std::uint8_t>(std::min(state.plugin.size(), kMaxIdBytes)));
  const ByteView id = as_bytes(state.plugin).first(body.front());
  body.insert(body.end(), id.begin(), id.end());
  body.insert(body.end(), state.bytes.begin(), state.bytes.end());

  Bytes envelope(kMagic.begin(), kMagic.end());
  put(envelope, state.schema);
  put(envelope, static_cast<std::uint32_t>(state.bytes.size()));
  put(envelope, crc32c(body));
  envelope.insert(envelope.end(), body.begin(), body.end());
  return envelope;
}

Result<SavedState> open_state(ByteView envelope) {
  if (envelope.size() < kHeaderBytes + 1 || !std::equal(kMagic.begin(), kMagic.end(), envelope.begin()))
    return Error{"it is no state of a plugin"};
  const std::size_t size = number_at(envelope, 8);
  const ByteView body = envelope.subspan(kHeaderBytes);
  const std::size_t id = body.front();
  if (size > CW_MAX_STATE || id > kMaxIdBytes || body.size() != 1 + id + size)
    return Error{"the state is cut off, or its length is wrong"};
  if (number_at(envelope, 12) != crc32c(body)) return Error{"the state is damaged: its checksum differs"};
  const ByteView bytes = body.subspan(1 + id);
  return SavedState{std::string(as_text(body.subspan(1, id))), number_at(envelope, 4),
                    Bytes(bytes.begin(), bytes.end())};
}

}  // namespace causeway::plugin
