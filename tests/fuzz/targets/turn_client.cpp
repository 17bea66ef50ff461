#include "transport-turn/turn_client.hpp"
#include "input.hpp"
#include "transport-turn/turn_times.hpp"

// A TURN server that says anything, knowing the password or not, and peers that come and go: the client stays
// within its bounds, always wants to be called later than now or not at all, and ends at most once.
CAUSEWAY_FUZZ_TARGET(turn_client) {
  using namespace transport_turn;
  using transport_turn::Bytes;
  std::uint32_t random = 1;
  TurnClient client({input.flag(), static_cast<std::uint8_t>(input.flag() ? 6 : 4), {"user", "password"}},
                    [&](std::uint8_t* bytes, std::size_t size) {
                      while (size-- > 0)
                        *bytes++ =
                            static_cast<std::uint8_t>((random = random * 1'103'515'245 + 12'345) >> 16);
                    });
  std::int64_t now = kSecond;
  std::vector<Bytes> asked;
  bool has_ended = false;
  const auto collect = [&] {
    auto output = client.take();
    require(output.messages.size() <= 2 * kMaxTransactions, "too many messages at once");
    for (Bytes& message : output.messages) {
      require(message.size() >= kStunHeaderBytes && message.size() % 4 == 0, "no STUN message");
      if (asked.size() < 64) asked.push_back(std::move(message));
    }
    require(!has_ended || !output.ended, "ended twice");
    has_ended = has_ended || output.ended.has_value();
    require(!has_ended || !client.next_time(), "wants to be called after its end");
  };
  client.start(now);
  collect();
  for (int step = 0; step < 100 && !input.is_empty(); ++step) {
    switch (input.byte() % 6) {
      case 0: {  // bytes of anybody
        const auto bytes = input.take(input.byte());
        client.on_message(bytes, now);
        break;
      }
      case 1:
      case 2: {  // an answer to a request that was made, with any attributes, sealed or not
        if (asked.empty()) break;
        const Bytes& request = asked[input.below(asked.size())];
        const bool is_error = input.flag();
        const bool is_sealed = input.flag();
        Bytes answer = request;
        answer.resize(kStunHeaderBytes);
        answer[0] = static_cast<std::uint8_t>(answer[0] | 1);
        if (is_error) answer[1] = static_cast<std::uint8_t>(answer[1] | 0x10);
        const auto attributes = input.take(input.byte() & 0xfcu);
        for (const std::uint8_t byte : attributes)
          answer.push_back(byte);
        const auto set_length = [&](std::size_t length) {
          answer[2] = static_cast<std::uint8_t>(length >> 8);
          answer[3] = static_cast<std::uint8_t>(length);
        };
        set_length(answer.size() - kStunHeaderBytes);
        if (is_sealed) seal(answer, long_term_key("user", "realm", "password"));
        client.on_message(answer, now);
        break;
      }
      case 3: {
        const std::int64_t span = input.u16() * 10 * kMillisecond;
        now += span;
        client.on_time(now);
        require(!client.next_time() || *client.next_time() > now, "wants to be called in the past");
        break;
      }
      case 4: {
        cw_address peer{};
        peer.family = 4;
        peer.octets[0] = 198;
        peer.octets[3] = input.byte();
        peer.port = input.byte();
        if (input.flag()) {
          client.want_peer(peer, now);
        } else {
          client.drop_peer(peer, now);
        }
        break;
      }
      default:
        if (input.byte() == 0) client.release(now);
    }
    collect();
  }
}
