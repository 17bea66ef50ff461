#include "session/session.hpp"

#include <array>
#include <cstring>
#include <deque>
#include <set>
#include <vector>

#include "input.hpp"
#include "support/session_end.hpp"

namespace causeway::fuzz {
namespace {

using session::testing::End;

/// Draws of each length are a sequence of their own: an actor's third ephemeral key is the same whatever else
/// was drawn before, so that its Diffie-Hellman results are remembered from other runs.
class RandomByLength final : public RandomSource {
 public:
  explicit RandomByLength(std::uint64_t seed) : seed_(seed) {}
  void fill(MutableByteView bytes) override {
    std::uint64_t& state = drawn_[std::min(bytes.size(), drawn_.size() - 1)];
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
      std::uint64_t word =
          (++state + (seed_ << 48) + (std::uint64_t{bytes.size()} << 32)) * 0x9e3779b97f4a7c15u;
      word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
      word = (word ^ word >> 27) * 0x94d049bb133111ebu;
      word ^= word >> 31;
      std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, bytes.size() - at));
    }
  }

 private:
  std::uint64_t seed_;
  std::array<std::uint64_t, 33> drawn_{};
};

/// a and b have a session; c knows a's public key and nothing more of it. Everything that is sent passes the
/// attacker, who keeps it.
class Wiretap {
 public:
  explicit Wiretap(session::PeerKind kind)
      : keys_a_(session::testing::make_keys(random_a_)),
        keys_b_(session::testing::make_keys(random_b_)),
        keys_c_(session::testing::make_keys(random_c_)),
        a_("a", keys_a_, keys_b_.public_key, random_a_, endpoint(1), kind, {}, {}),
        b_("b", keys_b_, keys_a_.public_key, random_b_, endpoint(2), kind, {}, {}),
        c_("c", keys_c_, keys_a_.public_key, random_c_, endpoint(3), kind, {}, {}) {}

  void act(Input& input) {
    const std::uint8_t what = input.byte();
    switch (what % 16) {
      case 0:
      case 1:
        say(what % 2 == 0 ? a_ : b_);
        break;
      case 2:
      case 3:
      case 4:
        deliver_next();
        break;
      case 5:  // out of order
        if (!pending_.empty()) std::swap(pending_.front(), pending_[input.below(pending_.size())]);
        break;
      case 6:
        if (!pending_.empty()) pending_.pop_front();
        break;
      case 7:  // replayed, perhaps to whom it was never meant
        if (!seen_.empty()) hand_to(what < 128 ? a_ : b_, seen_[input.byte() % seen_.size()]);
        break;
      case 8:  // changed on the way
        if (!seen_.empty()) {
          Bytes forged = seen_[input.byte() % seen_.size()];
          forged[input.byte() % forged.size()] ^= input.byte();
          hand_to(what < 128 ? a_ : b_, forged);
        }
        break;
      case 9: {
        const ByteView raw = input.piece();
        hand_to(what < 128 ? a_ : b_, Bytes(raw.begin(), raw.end()));
        break;
      }
      case 10:
        pass(std::chrono::milliseconds(input.u16()));
        break;
      case 11:
        pass(std::chrono::seconds(input.byte()));
        break;
      case 12:
        (what < 128 ? a_ : b_).under_load = (what & 64) != 0;
        break;
      case 13:  // c calls a as itself: its initiation is well formed, but a has no session with c
        c_.session.request(now_);
        c_.obey(now_);
        for (const Bytes& message : std::exchange(c_.outbox, {}))
          hand_to(a_, message);
        break;
      case 14:
        (what < 128 ? a_ : b_).session.on_path_available(now_);
        break;
      default:
        while (!pending_.empty())
          deliver_next();
    }
    collect();
    check();
  }

  /// After the attack: a network that loses nothing carries data again within the longest of the timers.
  void require_recovery() {
    a_.under_load = b_.under_load = false;
    for (int second = 0; second < 240 && b_.received.empty(); ++second) {
      if (second % 10 == 0) say(a_);
      for (int i = 0; i < 64 && !pending_.empty(); ++i)
        deliver_next();
      pass(std::chrono::seconds(1));
      collect();
    }
    require(!b_.received.empty(), "the session never recovers");
    check();
  }

 private:
  static net::Endpoint endpoint(std::uint32_t host) {
    return {net::IpAddress::v4(0xc0000200u + host), 51820};
  }

  void say(End& end) {
    if (end.staged.size() > 16) return;
    const std::string text = end.label + std::to_string(++said_);
    (&end == &a_ ? said_by_a_ : said_by_b_).insert(text);
    end.send_text(text, now_);
    collect();
  }
  void pass(Duration time) {
    now_.steady += time;
    now_.wall += time;
    for (End* end : {&a_, &b_, &c_}) {
      for (int i = 0; i < 8 && end->session.next_timeout() && *end->session.next_timeout() <= now_.steady;
           ++i) {
        end->on_timeout(now_);
      }
      require(!end->session.next_timeout() || *end->session.next_timeout() > now_.steady,
              "a timer that spins");
      end->tell_traffic(now_);
    }
  }
  void deliver_next() {
    if (pending_.empty()) return;
    const auto [to, message] = std::move(pending_.front());
    pending_.pop_front();
    hand_to(*to, message);
  }
  void hand_to(End& to, const Bytes& message) {
    if (message.empty()) return;
    to.receive(message, endpoint(static_cast<std::uint32_t>(message.size() % 4)), now_);
    collect();
  }
  void collect() {
    collect(a_, b_);
    collect(b_, a_);
    c_.outbox.clear();
  }
  void collect(End& from, End& to) {
    for (Bytes& message : std::exchange(from.outbox, {})) {
      if (seen_.size() < 256) seen_.push_back(message);
      if (pending_.size() < 64) pending_.emplace_back(&to, std::move(message));
    }
  }
  void check() {
    require(c_.received.empty() && c_.installed == 0, "a stranger has a session");
    check(a_, said_by_b_, arrived_at_a_);
    check(b_, said_by_a_, arrived_at_b_);
  }
  void check(End& receiver, const std::set<std::string>& said, std::set<std::string>& arrived) {
    for (const auto& text : receiver.received) {
      require(said.contains(text), "something was received that was never said");
      require(arrived.insert(text).second, "something was received twice");
    }
    receiver.received.clear();
    // Three keypairs and one handshake under way.
    require(receiver.indices.in_use() <= 5, "receiver indices leak");
  }

  RandomByLength random_a_{1}, random_b_{2}, random_c_{3};
  session::LocalKeys keys_a_, keys_b_, keys_c_;
  End a_, b_, c_;
  Now now_{SteadyTime{std::chrono::seconds(1000)}, WallTime{std::chrono::seconds(1'790'000'000)}};
  std::deque<std::pair<End*, Bytes>> pending_;
  std::vector<Bytes> seen_;
  std::set<std::string> said_by_a_, said_by_b_, arrived_at_a_, arrived_at_b_;
  int said_ = 0;
};

}  // namespace
}  // namespace causeway::fuzz

CAUSEWAY_FUZZ_TARGET(session) {
  Wiretap wiretap(input.flag() ? session::PeerKind::wireguard : session::PeerKind::causeway);
  for (int step = 0; step < 128 && !input.is_empty(); ++step)
    wiretap.act(input);
  wiretap.require_recovery();
}
