#include "sdk/validator/priority_cases.hpp"

#include <algorithm>
#include <limits>

#include "sdk/validator/random.hpp"

namespace causeway::validator {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kCentury = 100LL * 365 * 24 * kHour;
constexpr std::uint32_t kMost32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kMost64 = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t kAllKnown =
    CW_KNOWN_RTT | CW_KNOWN_JITTER | CW_KNOWN_LOSS | CW_KNOWN_RATE | CW_KNOWN_DISCONNECTS | CW_KNOWN_AGE;

class Maker {
 public:
  Maker(std::uint64_t seed, bool is_wild) : random_(seed), is_wild_(is_wild) {}

  PriorityCase make(std::size_t candidates, std::size_t pairs) {
    PriorityCase made;
    made.decision.friend_tier = wild(5) ? kMost32 : number({CW_TIER_UNKNOWN, CW_TIER_OTHER, CW_TIER_FRIEND});
    made.decision.now = {static_cast<std::int64_t>(random_.below(kCentury)),
                         1'700'000'000 * kSecond + static_cast<std::int64_t>(random_.below(kHour))};
    made.decision.seed = random_.next();
    made.peer = wild(20) ? std::string(1 + random_.below(200), 'x') : "peer-7";
    if (random_.chance(30)) made.configuration = "{}";
    if (wild(20)) made.configuration = R"({"a-key-of-somebody-else":[1,{"b":null}],"ä":1e308})";
    for (std::size_t i = 0; i < candidates; ++i)
      made.candidates.push_back(candidate(true));
    // In life no two candidates are of the same kind and base.
    for (std::size_t i = 0; !is_wild_ && i < candidates; ++i)
      made.candidates[i].view.base = static_cast<std::uint32_t>(1 + i);
    for (std::size_t i = 0; i < pairs; ++i)
      made.pairs.push_back(pair(i));
    return made;
  }

 private:
  bool wild(unsigned percent) { return is_wild_ && random_.chance(percent); }
  std::uint32_t number(std::initializer_list<std::uint32_t> of) { return random_.pick(of); }

  cw_address address() {
    cw_address made{};
    made.family = random_.chance(30) ? 6 : 4;
    made.port = static_cast<std::uint16_t>(1 + random_.below(65535));
    const std::size_t octets = made.family == 4 ? 4 : 16;
    for (std::size_t i = 0; i < octets; ++i)
      made.octets[i] = random_.byte();
    if (made.family == 4 && random_.chance(40)) {
      made.octets[0] = 192, made.octets[1] = 168;
    }
    return made;
  }

  CandidateCase candidate(bool is_local) {
    CandidateCase made;
    cw_candidate_view& view = made.view;
    view.type = wild(5) ? number({4, 77, kMost32})
                        : number({CW_CANDIDATE_HOST, CW_CANDIDATE_PEER_REFLEXIVE,
                                  CW_CANDIDATE_SERVER_REFLEXIVE, CW_CANDIDATE_RELAYED});
    view.protocol = wild(5) ? number({4, kMost32}) : random_.chance(80) ? CW_PROTOCOL_UDP : number({1, 2, 3});
    view.base = is_local ? static_cast<std::uint32_t>(1 + random_.below(wild(10) ? kMost32 : 6)) : 0;
    view.address = address();
    if (is_local) view.base_address = random_.chance(50) ? view.address : address();
    view.priority = random_.chance(20) ? 0 : static_cast<std::uint32_t>(1 + random_.below(0x7fffffff));
    made.foundation = std::to_string(random_.below(100));
    if (wild(10)) made.foundation = std::string(random_.below(33), 'f');
    if (is_local) {
      made.source = random_.chance(70) ? "host" : "candidates-stun";
      made.interface_name = random_.pick<const char*>({"eth0", "wlan0", "wwan0", "enp3s0", ""});
      if (wild(10)) made.interface_name = "abcdefghijklmno";
    }
    return made;
  }

  std::int64_t measured() {
    if (!wild(30)) return static_cast<std::int64_t>(random_.below(400'000'000));
    return random_.pick<std::int64_t>({0, 1, kSecond, 10 * kSecond, kHour});
  }
  std::int64_t age() {
    return wild(30) ? random_.pick<std::int64_t>({0, 1, kCentury})
                    : static_cast<std::int64_t>(random_.below(24 * kHour));
  }
  std::uint32_t loss() {
    if (random_.chance(60)) return 0;
    return wild(30) ? 1'000'000 : static_cast<std::uint32_t>(random_.below(200'000));
  }
  std::uint32_t count() { return wild(20) ? kMost32 : static_cast<std::uint32_t>(random_.below(100)); }
  std::uint64_t rate() {
    return wild(20) ? random_.pick<std::uint64_t>({0, 1, 1ULL << 50}) : random_.below(1u << 30);
  }
  /// Bits without a figure in this version come from a later one.
  std::uint32_t known() {
    const auto bits = random_.chance(50) ? kAllKnown : static_cast<std::uint32_t>(random_.next()) & kAllKnown;
    return wild(5) ? bits | 0x80000000u : bits;
  }

  PairCase pair(std::size_t index) {
    PairCase made;
    made.view.id =
        wild(20) ? static_cast<std::uint32_t>(kMost32 - index) : static_cast<std::uint32_t>(1 + index);
    made.view.flags = index == 0 && random_.chance(70) ? CW_PAIR_SELECTED : 0;
    if (wild(5)) made.view.flags |= 0x80000000u;
    made.view.pair_priority = wild(10) ? random_.pick<std::uint64_t>({0, 1, kMost64}) : random_.next() >> 1;
    made.local = candidate(true);
    made.remote = candidate(false);
    if (random_.chance(80)) {
      made.statistics = {0, known(), measured(), measured(), loss(), count(), rate(), count(), 0, age()};
    }
    if (random_.chance(50)) {
      cw_history history{};
      history.known = known();
      history.successes = count();
      history.failures = count();
      history.rtt_ns = measured();
      history.loss_ppm = loss();
      history.disconnects = count();
      history.rate_bytes_per_s = rate();
      history.working_time_s = wild(20) ? kCentury / kSecond : random_.below(1'000'000);
      history.last_used_ago_ns = age();
      history.jitter_ns = measured();
      history.samples = count();
      history.scope = wild(5) ? 77 : number({CW_HISTORY_SAME, CW_HISTORY_NEAR});
      made.history = history;
    }
    if (random_.chance(30)) {
      made.hint = {0, static_cast<std::uint32_t>(random_.below(1001)),
                   static_cast<std::int64_t>(random_.below(CW_MAX_SCORE + 1))};
    }
    return made;
  }

  Random random_;
  bool is_wild_;
};

}  // namespace

PriorityCase make_priority_case(std::uint64_t seed, std::uint64_t round) {
  Random sizes(seed * 1'000'003 + round);
  const bool is_wild = round % 3 != 0;
  // None, one and very many are where loops go wrong.
  const auto candidates = sizes.pick<std::size_t>({0, 1, 2, 5, 8, kMostCandidates});
  const auto pairs = sizes.pick<std::size_t>({0, 1, 2, 3, 6, 12, kMostPairs});
  return Maker(sizes.next(), is_wild).make(candidates, pairs);
}

PriorityCase make_ordinary_case(std::uint64_t seed, std::size_t pairs) {
  return Maker(seed, false).make(6, pairs);
}

}  // namespace causeway::validator
