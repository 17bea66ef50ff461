#include "session/keypair.hpp"

#include <cassert>
#include <string_view>

#include "crypto/hkdf.hpp"
#include "session/limits.hpp"
#include "session/wire.hpp"

namespace causeway::session {
namespace {

static_assert(kDataHeaderBytes == wire::kDataHeaderBytes && kTagBytes == crypto::kAeadTagBytes);

// Each cipher has its own key: no key and nonce is ever used by two.
constexpr std::string_view kAesPurpose = "causeway compact 1 aes-256-gcm";
constexpr std::string_view kChaChaPurpose = "causeway compact 1 chacha20-poly1305";

crypto::SymmetricKey derive(const crypto::SymmetricKey& transport, std::string_view purpose) {
  crypto::SymmetricKey key;
  crypto::hkdf_blake2s(transport.bytes, purpose, key.bytes);
  return key;
}

/// The full packet number whose low 32 bits are `low`: of all of them the one nearest to `next`.
std::uint64_t full_counter(std::uint32_t low, std::uint64_t next) {
  constexpr std::uint64_t kEpoch = std::uint64_t{1} << 32;
  const std::uint64_t same = (next & ~(kEpoch - 1)) | low;
  if (same + kEpoch / 2 < next) return same + kEpoch;
  if (same >= kEpoch && same > next + kEpoch / 2) return same - kEpoch;
  return same;
}

}  // namespace

Keypair::Keypair(const KeypairMaterial& material)
    : local_index_(material.local_index),
      remote_index_(material.remote_index),
      is_initiator_(material.is_initiator),
      sends_compact_(material.compact.has_value()),
      created_(material.created),
      stock_(std::make_unique<Format>(crypto::AeadAlgorithm::chacha20_poly1305, material.send_key,
                                      material.receive_key)) {
  using enum crypto::AeadAlgorithm;
  if (!material.compact) return;
  const auto make = [&](crypto::AeadAlgorithm algorithm, std::string_view purpose) {
    return std::make_unique<Format>(algorithm, derive(material.send_key, purpose),
                                    derive(material.receive_key, purpose));
  };
  chacha_ = make(chacha20_poly1305, kChaChaPurpose);
  if (*material.compact == aes_256_gcm) aes_ = make(aes_256_gcm, kAesPurpose);
  compact_ = aes_ ? aes_.get() : chacha_.get();
}

Keypair::~Keypair() = default;

std::uint64_t Keypair::messages_sent() const {
  return stock_->counter + (chacha_ ? chacha_->counter : 0) + (aes_ ? aes_->counter : 0);
}

bool Keypair::may_send(SteadyTime now) const {
  return now - created_ < kRejectAfterTime && messages_sent() < kRejectAfterMessages;
}

// Only the initiator asks for a new session by time, so that both ends don't at once (whitepaper §6.2).
bool Keypair::wants_rekey_after_send(SteadyTime now) const {
  return messages_sent() >= kRekeyAfterMessages || (is_initiator_ && now - created_ >= kRekeyAfterTime);
}

// Who only receives notices in time that a keepalive of his would soon find no key to be sealed with.
bool Keypair::wants_rekey_after_receive(SteadyTime now) const {
  return is_initiator_ && now - created_ >= kRejectAfterTime - kKeepaliveTimeout - kRekeyTimeout;
}

std::size_t Keypair::seal(ByteView plaintext, MutableByteView out, std::size_t most_padded) {
  const std::size_t total = sealed_bytes(plaintext.size(), most_padded);
  assert(out.size() >= total && stock_->counter < kRejectAfterMessages);
  const std::uint64_t counter = stock_->counter++;
  wire::write({remote_index_, counter}, out);
  const std::size_t padding = total - kDataOverheadBytes - plaintext.size();
  stock_->sealer.seal(counter, {}, plaintext, padding, out.subspan(kDataHeaderBytes));
  return total;
}

std::size_t Keypair::seal_compact(ByteView plaintext, MutableByteView out) {
  const std::size_t total = compact_bytes(plaintext.size());
  assert(compact_ && out.size() >= total && compact_->counter < kRejectAfterMessages);
  const std::uint64_t counter = compact_->counter++;
  out[0] = kCompactType;
  for (std::size_t i = 0; i < 3; ++i)
    out[1 + i] = static_cast<std::uint8_t>(remote_index_ >> 8 * i);
  for (std::size_t i = 0; i < 4; ++i)
    out[4 + i] = static_cast<std::uint8_t>(counter >> 8 * i);
  compact_->sealer.seal(counter, {}, plaintext, 0, out.subspan(kCompactMessageHeaderBytes));
  return total;
}

Opened Keypair::open(ByteView message, MutableByteView out, SteadyTime now) {
  const auto header = wire::parse_data_header(message);
  if (!header || header->receiver_index != local_index_) return {OpenError::malformed};
  const Opened opened = open(*stock_, header->counter, message.subspan(kDataHeaderBytes), out, now);
  if (opened.error == OpenError::none) sends_compact_ = false;
  return opened;
}

Opened Keypair::open_compact(ByteView message, MutableByteView out, SteadyTime now) {
  const bool is_ours = compact_ && message.size() >= kCompactOverheadBytes && message[0] == kCompactType &&
                       compact_index(message) == (local_index_ & kCompactIndexMask);
  if (!is_ours) return {OpenError::malformed};
  const Opened opened = open_compact_as(*compact_, message, out, now);
  if (opened.error == OpenError::none) {
    sends_compact_ = true;
    return opened;
  }
  // Its sender may know less of us than we of it: it then seals with what everybody can.
  Format* other = compact_ == chacha_.get() ? aes_.get() : chacha_.get();
  if (!other) return opened;
  const Opened opened_otherwise = open_compact_as(*other, message, out, now);
  if (opened_otherwise.error != OpenError::none) return opened;
  compact_ = other;
  sends_compact_ = true;
  return opened_otherwise;
}

Opened Keypair::open_compact_as(Format& format, ByteView message, MutableByteView out, SteadyTime now) {
  std::uint32_t low = 0;
  for (std::size_t i = 0; i < 4; ++i)
    low |= std::uint32_t{message[4 + i]} << 8 * i;
  const std::uint64_t counter = full_counter(low, format.seen.next());
  return open(format, counter, message.subspan(kCompactMessageHeaderBytes), out, now);
}

Opened Keypair::open(Format& format, std::uint64_t counter, ByteView sealed, MutableByteView out,
                     SteadyTime now) {
  if (now - created_ >= kRejectAfterTime || counter >= kRejectAfterMessages) return {OpenError::key_expired};
  // Asked first, as it is cheaper than opening; it tells nothing that a sender of forged counters could use.
  if (!format.seen.may_accept(counter)) return {OpenError::replayed};
  if (!format.opener.open(counter, {}, sealed, out)) return {OpenError::bad_tag};
  format.seen.accept(counter);
  return {OpenError::none, sealed.size() - kTagBytes, counter};
}

}  // namespace causeway::session
