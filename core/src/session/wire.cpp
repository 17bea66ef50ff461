#include "session/wire.hpp"

#include <algorithm>
#include <cassert>

namespace causeway::session::wire {
namespace {

constexpr std::size_t kTagBytes = 16;

/// Takes fields off the front of a message whose length is already known to suffice.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  template <class Integer>
  void take(Integer& value) {
    value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i)
      value |= static_cast<Integer>(rest_[i]) << 8 * i;
    rest_ = rest_.subspan(sizeof value);
  }
  template <std::size_t N>
  void take(std::array<std::uint8_t, N>& field) {
    std::copy_n(rest_.begin(), N, field.begin());
    rest_ = rest_.subspan(N);
  }

 private:
  ByteView rest_;
};

class Writer {
 public:
  explicit Writer(MutableByteView bytes) : rest_(bytes) {}

  template <class Integer>
  void put(Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      rest_[i] = static_cast<std::uint8_t>(value >> 8 * i);
    rest_ = rest_.subspan(sizeof value);
  }
  template <std::size_t N>
  void put(const std::array<std::uint8_t, N>& field) {
    std::copy_n(field.begin(), N, rest_.begin());
    rest_ = rest_.subspan(N);
  }
  void put(MessageType type) { put(static_cast<std::uint32_t>(type)); }

 private:
  MutableByteView rest_;
};

constexpr std::size_t kTypeBytes = 4;  // the type and three reserved bytes

}  // namespace

std::optional<MessageType> type_of(ByteView message) {
  if (message.size() < kTypeBytes || message[1] != 0 || message[2] != 0 || message[3] != 0)
    return std::nullopt;
  const auto type = static_cast<MessageType>(message[0]);
  bool fits = false;
  switch (type) {
    case MessageType::initiation:
      fits = message.size() == kInitiationBytes;
      break;
    case MessageType::response:
      fits = message.size() == kResponseBytes;
      break;
    case MessageType::cookie_reply:
      fits = message.size() == kCookieReplyBytes;
      break;
    case MessageType::data:
      fits = message.size() >= kDataHeaderBytes + kTagBytes;
      break;
  }
  return fits ? std::optional{type} : std::nullopt;
}

std::optional<Initiation> parse_initiation(ByteView message) {
  if (type_of(message) != MessageType::initiation) return std::nullopt;
  Initiation parsed;
  Reader reader{message.subspan(kTypeBytes)};
  reader.take(parsed.sender_index);
  reader.take(parsed.ephemeral);
  reader.take(parsed.sealed_static);
  reader.take(parsed.sealed_timestamp);
  return parsed;
}

std::optional<Response> parse_response(ByteView message) {
  if (type_of(message) != MessageType::response) return std::nullopt;
  Response parsed;
  Reader reader{message.subspan(kTypeBytes)};
  reader.take(parsed.sender_index);
  reader.take(parsed.receiver_index);
  reader.take(parsed.ephemeral);
  reader.take(parsed.sealed_nothing);
  return parsed;
}

std::optional<CookieReply> parse_cookie_reply(ByteView message) {
  if (type_of(message) != MessageType::cookie_reply) return std::nullopt;
  CookieReply parsed;
  Reader reader{message.subspan(kTypeBytes)};
  reader.take(parsed.receiver_index);
  reader.take(parsed.nonce);
  reader.take(parsed.sealed_cookie);
  return parsed;
}

std::optional<DataHeader> parse_data_header(ByteView message) {
  if (type_of(message) != MessageType::data) return std::nullopt;
  DataHeader parsed;
  Reader reader{message.subspan(kTypeBytes)};
  reader.take(parsed.receiver_index);
  reader.take(parsed.counter);
  return parsed;
}

Bytes encode(const Initiation& message) {
  Bytes bytes(kInitiationBytes);
  Writer writer{bytes};
  writer.put(MessageType::initiation);
  writer.put(message.sender_index);
  writer.put(message.ephemeral);
  writer.put(message.sealed_static);
  writer.put(message.sealed_timestamp);
  return bytes;
}

Bytes encode(const Response& message) {
  Bytes bytes(kResponseBytes);
  Writer writer{bytes};
  writer.put(MessageType::response);
  writer.put(message.sender_index);
  writer.put(message.receiver_index);
  writer.put(message.ephemeral);
  writer.put(message.sealed_nothing);
  return bytes;
}

Bytes encode(const CookieReply& message) {
  Bytes bytes(kCookieReplyBytes);
  Writer writer{bytes};
  writer.put(MessageType::cookie_reply);
  writer.put(message.receiver_index);
  writer.put(message.nonce);
  writer.put(message.sealed_cookie);
  return bytes;
}

void write(const DataHeader& header, MutableByteView out) {
  assert(out.size() >= kDataHeaderBytes);
  Writer writer{out};
  writer.put(MessageType::data);
  writer.put(header.receiver_index);
  writer.put(header.counter);
}

std::uint32_t sender_index(ByteView handshake_message) {
  std::uint32_t index;
  Reader{handshake_message.subspan(kTypeBytes)}.take(index);
  return index;
}

MacParts mac_parts(ByteView handshake_message) {
  assert(handshake_message.size() > 2 * kMacBytes);
  const std::size_t mac2_at = handshake_message.size() - kMacBytes;
  const std::size_t mac1_at = mac2_at - kMacBytes;
  return {handshake_message.first(mac1_at), handshake_message.subspan(mac1_at, kMacBytes),
          handshake_message.first(mac2_at), handshake_message.subspan(mac2_at)};
}

}  // namespace causeway::session::wire
