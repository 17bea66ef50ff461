#include "ice/agent.hpp"

#include <deque>
#include <map>

#include "input.hpp"
#include "unit/ice/ice_world.hpp"

namespace causeway::fuzz {
namespace {

using ice::at;

/// Two agents that try to connect, a third party that has nothing to do with it, and an attacker who reads
/// and changes packets, sends from anywhere, and may own the right agent's passwords (then right itself is
/// hostile).
class Crossfire {
 public:
  explicit Crossfire(Input& input) : input_(input) {
    ice::Agent::Options options;
    options.allow_renomination = input.flag();
    left_ = &world_.make_terminal("left", ice::Role::controlling, 200, options);
    right_ = &world_.make_terminal("right", input.flag() ? ice::Role::controlling : ice::Role::controlled,
                                   100, options);
    left_bases_ = {world_.add_host(*left_, "192.0.2.1:1000"), world_.add_host(*left_, "192.0.2.11:1000")};
    right_base_ = world_.add_host(*right_, "192.0.2.2:2000");
    world_.duplicates = input.flag() ? 0.2 : 0;
    world_.jitter = std::chrono::milliseconds(input.byte());
    world_.arrives = [this](ice::Terminal&, net::BaseId, net::Endpoint& from, Bytes& bytes) {
      if (seen_.size() < 64) seen_.push_back(bytes);
      return interfere(from, bytes);
    };
    if (input.flag()) world_.introduce(*left_, *right_);
  }

  /// So much was sent that more of it would only be slower.
  bool is_over() const { return left_->sent.size() + right_->sent.size() > 120; }

  void act() {
    const std::uint8_t what = input_.byte();
    ice::Terminal& victim = (what & 16) != 0 ? *right_ : *left_;
    const net::BaseId base = (what & 16) != 0 ? right_base_ : left_bases_[what >> 7];
    switch (what % 16) {
      case 0:
      case 1:
        run_for(std::chrono::milliseconds(input_.byte() * 2));
        break;
      case 2:
        run_for(std::chrono::milliseconds(input_.byte() * 128));
        break;
      case 3: {
        const ByteView raw = input_.piece();
        inject(victim, base, Bytes(raw.begin(), raw.end()), false);
        break;
      }
      case 4:
        if (!seen_.empty()) inject(victim, base, seen_[input_.byte() % seen_.size()], false);
        break;
      case 5:
        if (!seen_.empty()) {
          Bytes forged = seen_[input_.byte() % seen_.size()];
          forged[input_.byte() % forged.size()] ^= input_.byte();
          inject(victim, base, std::move(forged), false);
        }
        break;
      case 6:  // the password is not known
        inject(victim, base, stun::encode_binding_request(request(victim), "guessed 0123456789"), true);
        break;
      case 7:
      case 8:
        inject(victim, base,
               stun::encode_binding_request(request(victim), victim.name + "_password_0123456789"), false);
        break;
      case 9: {  // hostile candidates, very many of them
        ice::Candidate candidate;
        candidate.type = static_cast<ice::CandidateType>(input_.below(4));
        candidate.address = source();
        candidate.priority = input_.u32();
        const std::uint16_t many = (what & 32) != 0 ? 40 : 1;  // more than the cap
        for (std::uint16_t i = 0; i < many; ++i) {
          candidate.address.port = static_cast<std::uint16_t>(candidate.address.port + 1);
          candidate.priority += 1;
          victim.agent->add_remote_candidate(candidate, world_.now());
        }
        break;
      }
      case 10:
        victim.agent->set_remote_credentials(
            {std::string(as_text(input_.take(input_.below(8)))), "some password"}, world_.now());
        break;
      case 11:
        world_.introduce(*left_, *right_);
        break;
      case 12:
        victim.agent->on_send_failed(base, source(), world_.now());
        break;
      case 13: {
        const auto pairs = victim.agent->pairs();
        if (pairs.empty()) break;
        const auto& pair = pairs[input_.byte() % pairs.size()];
        if ((what & 32) != 0) victim.agent->probe(pair.id, world_.now());
        if ((what & 32) == 0) victim.agent->nominate(pair.id, world_.now());
        break;
      }
      case 14:
        if ((what & 96) == 96) left_->agent->remove_base(left_bases_[1], world_.now());
        if ((what & 96) == 64)
          victim.agent->set_former_generations({{"former", "former_password_0123456789"}},
                                               {"past", "right_ufrag"});
        if ((what & 96) == 32) victim.agent->add_remembered_pair(base, source(), world_.now());
        break;
      default:
        drops_all_ = (what & 32) != 0;
    }
    world_.obey_all();
    check();
  }

 private:
  void run_for(Duration time) {
    world_.run_until(time, [this] { return is_over(); });
  }
  net::Endpoint source() {
    switch (input_.below(5)) {
      case 0:
        return at("192.0.2.2:2000");
      case 1:
        return at("192.0.2.1:1000");
      case 2:
        return {*net::IpAddress::parse("203.0.113.66"), input_.u16()};
      case 3:
        return {net::IpAddress::v4(input_.u32()), input_.u16()};
      default:
        return third_party_;
    }
  }
  stun::BindingRequest request(const ice::Terminal& victim) {
    stun::BindingRequest made;
    made.transaction.bytes[0] = input_.byte();
    const ice::Terminal& other = &victim == left_ ? *right_ : *left_;
    made.username = victim.name + "_ufrag:" +
                    (input_.flag() ? other.name + "_ufrag" : std::string(as_text(input_.take(8))));
    made.priority = input_.u16() * 32768u;
    made.use_candidate = input_.flag();
    if (input_.flag()) made.nomination = input_.u32();
    (input_.flag() ? made.controlling : made.controlled) = input_.byte();
    return made;
  }
  bool interfere(net::Endpoint& from, Bytes& bytes) {
    if (drops_all_) return false;
    if (input_.is_empty()) return true;
    const std::uint8_t how = input_.byte();
    if (how < 200) return true;
    if (how < 220) return false;
    if (how < 240) bytes[input_.byte() % bytes.size()] ^= input_.byte();
    if (how >= 240) from = source();
    return true;
  }
  /// Nobody gets more bytes for what he sends than he sent, and strangers get none.
  void inject(ice::Terminal& victim, net::BaseId base, Bytes bytes, bool is_stranger) {
    if (!victim.bases.contains(base)) return;
    const net::Endpoint from = source();
    const std::size_t before = victim.sent.size();
    world_.inject(victim, base, from, bytes);
    for (std::size_t i = before; i < victim.sent.size(); ++i) {
      const auto& answer = victim.sent[i].second;
      if (answer.transaction) continue;  // a check of its own: bounded below
      require(!is_stranger, "an answer to who does not know the password");
      require(answer.bytes.size() <= bytes.size(), "an answer longer than its request");
    }
  }
  void check() {
    for (std::size_t side = 0; side < 2; ++side) {
      const ice::Terminal* terminal = side == 0 ? left_ : right_;
      require(terminal->agent->remote_candidates().size() <= 32, "more remote candidates than the cap");
      require(terminal->agent->pairs().size() <= 100, "more pairs than the cap");
      // The third party never answers: few checks a second, whatever anybody says.
      Checks& checks = checks_[side];
      for (; checks.seen < terminal->sent.size(); ++checks.seen) {
        const auto& [when, stun] = terminal->sent[checks.seen];
        if (!stun.transaction || stun.to.address != third_party_.address) continue;
        for (auto [times, most] : {std::pair(&checks.to_port[stun.to], 5u), std::pair(&checks.in_all, 15u)}) {
          times->push_back(when);
          while (times->front() + std::chrono::seconds(1) <= when)
            times->pop_front();
          require(times->size() <= most, "a third party is flooded with checks");
        }
      }
    }
  }

  /// Checks that one side sent to the third party within a second, up to the `seen`th packet.
  struct Checks {
    std::size_t seen = 0;
    std::map<net::Endpoint, std::deque<SteadyTime>> to_port;
    std::deque<SteadyTime> in_all;
  };

  Input& input_;
  ice::World world_{1};
  std::array<Checks, 2> checks_;
  ice::Terminal* left_ = nullptr;
  ice::Terminal* right_ = nullptr;
  std::array<net::BaseId, 2> left_bases_{};
  net::BaseId right_base_{};
  net::Endpoint third_party_ = at("203.0.113.99:7");
  std::vector<Bytes> seen_;
  bool drops_all_ = false;
};

}  // namespace
}  // namespace causeway::fuzz

CAUSEWAY_FUZZ_TARGET(ice_agent) {
  Crossfire crossfire(input);
  for (int step = 0; step < 48 && !input.is_empty() && !crossfire.is_over(); ++step)
    crossfire.act();
}
