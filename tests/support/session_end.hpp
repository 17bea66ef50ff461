#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/x25519.hpp"
#include "session/handshake.hpp"
#include "session/keypair.hpp"
#include "session/session.hpp"
#include "session/wire.hpp"

namespace causeway::session::testing {

inline LocalKeys make_keys(RandomSource& random) {
  const auto keys = crypto::generate_session_keys(random);
  return {keys.secret, keys.public_key};
}

/// A Session with its inbox, and a data loop that does no more than the contract asks. Sans-I/O: datagrams go
/// in by receive() and come out in `outbox`.
class End {
 public:
  End(std::string name, const LocalKeys& own_keys, const crypto::SessionPublicKey& remote,
      RandomSource& random, net::Endpoint endpoint, PeerKind kind, std::optional<Duration> persistent,
      const crypto::PresharedKey& psk)
      : label(std::move(name)),
        keys(own_keys),
        address(endpoint),
        indices(random),
        inbox(keys, random),
        session(keys, remote, psk, timestamps, indices, random, {kind, persistent}) {}

  void send_text(std::string text, Now now) {
    staged.push_back(std::move(text));
    flush(now);
  }

  /// One datagram off the pipe.
  void receive(ByteView message, const net::Endpoint& from, Now now) {
    if (!message.empty() && message[0] == 4) {
      receive_data(message, now);
    } else {
      receive_handshake(message, from, now);
    }
    obey(now);
  }

  void on_timeout(Now now) {
    session.on_timeout(now);
    obey(now);
  }
  void tell_traffic(Now now) {
    session.on_traffic(traffic, now);
    traffic.wants_rekey = false;
    obey(now);
  }

  void obey(Now now) {
    while (auto action = session.poll_action()) {
      if (auto* send = std::get_if<SendHandshake>(&*action)) {
        ++handshakes_sent[send->message[0]];
        handshake_times.push_back(now.steady);
        outbox.push_back(std::move(send->message));
      } else if (auto* install = std::get_if<InstallKeypair>(&*action)) {
        std::optional<std::uint32_t> second;
        const auto first = slots.install(install->material, &second);
        if (first) indices.release(*first);
        if (second) indices.release(*second);
        ++installed;
      } else if (std::holds_alternative<EraseKeypairs>(*action)) {
        slots.for_each_index([&](std::uint32_t index) { indices.release(index); });
        slots.erase_all();
        ++erased;
      } else if (std::holds_alternative<SendKeepalive>(*action)) {
        ++keepalives_asked;
        if (staged.empty()) {
          seal("", now);
        }
      } else {
        ++gave_up;
        staged.clear();
      }
    }
    if (!staged.empty() && slots.sender(now.steady)) flush(now);
  }

  std::string label;
  LocalKeys keys;
  net::Endpoint address;
  TimestampSource timestamps;
  IndexAllocator indices;
  HandshakeInbox inbox;
  Session session;
  KeypairSlots slots;
  TrafficSnapshot traffic;
  bool under_load = false;
  bool keeps_padding = false;  ///< else received texts end at their first zero byte

  std::vector<std::string> staged;
  std::vector<Bytes> outbox;
  std::vector<std::string> received;
  std::map<int, int> handshakes_sent;  ///< by message type
  std::vector<SteadyTime> handshake_times;
  int installed = 0, erased = 0, gave_up = 0, keepalives_asked = 0, keepalives_received = 0, cookies_sent = 0;
  int refused = 0, unasked_answers = 0, unknown_index = 0, not_opened = 0;
  std::map<HandshakeDrop, int> drops;

 private:
  void flush(Now now) {
    if (!slots.sender(now.steady)) {
      session.request(now);
      obey(now);
      return;
    }
    auto texts = std::exchange(staged, {});
    for (const auto& text : texts)
      seal(text, now);
  }

  void seal(const std::string& text, Now now) {
    Keypair* keypair = slots.sender(now.steady);
    if (!keypair) {
      session.request(now);
      return;
    }
    Bytes message(Keypair::sealed_bytes(text.size()));
    keypair->seal(as_bytes(text), message);
    outbox.push_back(std::move(message));
    traffic.anything_sent = now.steady;
    if (!text.empty()) traffic.data_sent = now.steady;
    if (keypair->wants_rekey_after_send(now.steady)) traffic.wants_rekey = true;
  }

  void receive_data(ByteView message, Now now) {
    const auto header = wire::parse_data_header(message);
    Keypair* keypair = header ? slots.receiver(header->receiver_index) : nullptr;
    if (!keypair) {
      ++unknown_index;
      return;
    }
    Bytes out(message.size());
    const Opened opened = keypair->open(message, out, now.steady);
    if (opened.error != OpenError::none) {
      ++not_opened;
      return;
    }
    traffic.anything_received = now.steady;
    if (opened.length == 0) ++keepalives_received;
    if (opened.length != 0) {
      traffic.data_received = now.steady;
      std::string text(as_text(ByteView{out}.first(opened.length)));
      received.push_back(keeps_padding ? text : text.substr(0, text.find('\0')));
    }
    if (keypair->wants_rekey_after_receive(now.steady)) traffic.wants_rekey = true;
    std::optional<std::uint32_t> dropped;
    if (slots.on_opened(header->receiver_index, &dropped)) {
      if (dropped) indices.release(*dropped);
      session.on_keypair_confirmed(header->receiver_index, now);
    }
  }

  void receive_handshake(ByteView message, const net::Endpoint& from, Now now) {
    auto verdict = inbox.consume(message, from, under_load, now);
    if (const auto* initiation = std::get_if<ReceivedInitiation>(&verdict)) {
      if (!session.on_initiation(*initiation, now)) ++refused;
    } else if (const auto* answer = std::get_if<ForHandshake>(&verdict)) {
      if (!session.owns_handshake_index(answer->receiver_index)) {
        ++unasked_answers;
      } else if (!(answer->is_cookie_reply ? session.on_cookie_reply(message, now)
                                           : session.on_response(message, now))) {
        ++refused;
      }
    } else if (auto* reply = std::get_if<CookieReply>(&verdict)) {
      ++cookies_sent;
      outbox.push_back(std::move(reply->message));
    } else {
      ++drops[std::get<HandshakeDrop>(verdict)];
    }
  }
};

}  // namespace causeway::session::testing
