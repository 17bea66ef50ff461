#include "peer/path_control.hpp"

#include "input.hpp"

// A hostile peer says whatever it likes as path messages, over time: no answer is longer than its probe or
// goes to where no pair is, everything stays bounded, and the control comes to rest after each step.
namespace causeway::fuzz {
namespace {

constexpr std::uint8_t kPairs = 3;
/// Of one step: a search of three paths, revivals, answers, orders.
constexpr int kMostMessages = 400;

net::Endpoint address(int end, int link) {
  return {net::IpAddress::v4(0xc0000200u + static_cast<unsigned>(link * 10 + end)), 4000};
}

class Lab {
 public:
  Lab() {
    control_.set_enabled(true, now_);
    for (int link = 0; link < kPairs; ++link)
      validate(link);
    select();
  }

  void act(Input& input) {
    const std::uint8_t what = input.byte();
    const int link = (what >> 4) % kPairs;
    switch (what % 10) {
      case 0:
      case 1: {
        const ByteView raw = input.piece();
        Bytes message(raw.begin(), raw.end());
        message.insert(message.begin(), 0x81);
        receive(message, link, what & 0x80);
        break;
      }
      case 2:
        // The answer to what was asked, maybe about another size.
        if (!asked_.empty()) {
          const auto& [id, bytes] = asked_[input.byte() % asked_.size()];
          receive(path::encode(
                      path::ProbeAnswer{id, static_cast<std::uint16_t>(input.flag() ? bytes : input.u16())}),
                  link, false);
        }
        break;
      case 3: {
        path::Order order{.number = input.u16(), .pairs = {}};
        for (std::size_t i = input.below(path::kMostOrderedPairs + 1); i > 0; --i) {
          const auto pair = static_cast<int>(input.below(5));
          order.pairs.push_back({address(1, pair), address(0, pair), input.flag()});
        }
        receive(path::encode(order), link, false);
        break;
      }
      case 4:
        now_ += std::chrono::milliseconds(input.byte());
        break;
      case 5:
        now_ += std::chrono::milliseconds(input.u16());
        break;
      case 6:
        traffic_.sent = now_;
        traffic_.bytes_sent += input.u16();
        if (input.flag()) traffic_.arrived = now_;
        break;
      case 7:
        if (input.flag()) {
          paths_.on_invalidated(pair_of(link));
        } else {
          validate(link);
        }
        break;
      case 8:
        paths_.on_probe_lost(pair_of(link));
        control_.on_check_lost(pair_of(link), now_);
        break;
      default:
        control_.set_enabled(!input.flag(), now_);
    }
    control_.on_timeout(traffic_, now_);
    select();
    collect(0);
    const auto next = control_.next_timeout();
    if (next && *next <= now_) {
      control_.on_timeout(traffic_, now_);
      collect(0);
      const auto after = control_.next_timeout();
      require(!after || *after > now_, "a control that never rests");
    }
  }

 private:
  static ice::PairId pair_of(int link) { return ice::PairId{static_cast<std::uint32_t>(link + 1)}; }
  void validate(int link) {
    ice::PairView view;
    view.id = pair_of(link);
    view.local.base = net::BaseId{static_cast<std::uint32_t>(link + 1)};
    view.local.address = address(0, link);
    view.remote.address = address(1, link);
    paths_.on_validated(view, 1500, now_);
    control_.on_validated(view.id, now_);
  }
  void select() {
    (void)control_.take_changed();
    paths_.reselect(ice::Role::controlling, agent_, now_);
    control_.tell_order(agent_, now_);
  }
  void receive(const Bytes& message, int link, bool from_elsewhere) {
    collect(0);
    const auto answers = control_.counters().answers_sent;
    control_.on_message(ByteView{message}.first(std::min<std::size_t>(1024, message.size())), message.size(),
                        net::BaseId{static_cast<std::uint32_t>(link + 1)},
                        from_elsewhere ? address(9, link) : address(1, link), now_);
    const bool has_answered = control_.counters().answers_sent > answers;
    require(!has_answered || !from_elsewhere, "an answer to where no pair is");
    collect(has_answered ? message.size() : 0);
  }
  /// `most`: no answer may be longer; 0: there is none.
  void collect(std::size_t most) {
    int count = 0;
    while (const auto message = control_.poll_message()) {
      require(++count <= kMostMessages, "messages without end");
      const auto* entry = paths_.find(message->pair);
      require(entry != nullptr, "a message by no pair");
      require(message->plaintext.size() <= 1500, "a message longer than any link carries");
      const auto parsed = path::parse_path_message(message->plaintext);
      require(parsed.has_value(), "a message that nobody can read");
      if (const auto* probe = std::get_if<path::Probe>(&*parsed)) {
        asked_.push_back({probe->id, message->plaintext.size()});
        if (asked_.size() > 256) asked_.erase(asked_.begin());
      }
      if (std::holds_alternative<path::ProbeAnswer>(*parsed))
        require(message->plaintext.size() <= most, "an answer longer than its probe");
    }
  }

  SteadyTime now_{std::chrono::seconds(1000)};
  SeededRandom random_{1};
  peer::PeerPaths paths_;
  peer::PathControl control_{paths_, random_};
  ice::Agent agent_{ice::Role::controlling, 1, {"ufrag", "password"}, {}, random_};
  path::PathWatch::Traffic traffic_;
  std::vector<std::pair<std::uint64_t, std::size_t>> asked_;
};

}  // namespace
}  // namespace causeway::fuzz

CAUSEWAY_FUZZ_TARGET(path_control) {
  Lab lab;
  for (int step = 0; step < 128 && !input.is_empty(); ++step)
    lab.act(input);
}
