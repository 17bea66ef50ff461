#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

#include "causeway/cpp/plugin.hpp"

namespace {

using namespace causeway_sdk;

/// RFC 8445 §5.1.2.2: recommended type preferences, by CW_CANDIDATE_….
std::uint32_t type_preference(std::uint32_t type) {
  switch (type) {
    case CW_CANDIDATE_HOST:
      return 126;
    case CW_CANDIDATE_PEER_REFLEXIVE:
      return 110;
    case CW_CANDIDATE_SERVER_REFLEXIVE:
      return 100;
    default:
      return 0;
  }
}

const char* type_name(std::uint32_t type) {
  switch (type) {
    case CW_CANDIDATE_HOST:
      return "host";
    case CW_CANDIDATE_PEER_REFLEXIVE:
      return "prflx";
    case CW_CANDIDATE_SERVER_REFLEXIVE:
      return "srflx";
    default:
      return "relay";
  }
}

bool is_link_local(const cw_address& address) {
  return address.family == 6 ? address.octets[0] == 0xfe && (address.octets[1] & 0xc0) == 0x80
                             : address.octets[0] == 169 && address.octets[1] == 254;
}

struct Base {
  std::uint32_t id;
  cw_address address;
};

/// RFC 8421 §4: neither family is tried to its end before the other has its turn; IPv6 begins. Link-local
/// addresses rarely reach anybody and come last.
std::map<std::uint32_t, std::uint32_t> local_preferences(const std::vector<Base>& bases) {
  std::vector<std::uint32_t> order;
  for (const bool link_local : {false, true}) {
    std::vector<std::uint32_t> families[2];
    for (const Base& base : bases) {
      if (is_link_local(base.address) == link_local)
        families[base.address.family == 6 ? 0 : 1].push_back(base.id);
    }
    for (std::size_t i = 0; i < std::max(families[0].size(), families[1].size()); ++i) {
      for (const auto& family : families) {
        if (i < family.size()) order.push_back(family[i]);
      }
    }
  }
  std::map<std::uint32_t, std::uint32_t> preferences;
  for (const std::uint32_t id : order) {
    preferences.emplace(
        id, 0xffff - std::min<std::uint32_t>(static_cast<std::uint32_t>(preferences.size()), 0xffff));
  }
  return preferences;
}

class PriorityIce final : public PriorityPlugin {
 public:
  using PriorityPlugin::PriorityPlugin;

  cw_status rank_candidates(const cw_decision&, Items<cw_candidate_view> candidates,
                            const cw_mutable_array* ranks) override {
    std::vector<Base> bases;
    for (std::uint32_t i = 0; i < candidates.size(); ++i) {
      const cw_candidate_view candidate = candidates.get(i);
      const bool is_known = std::any_of(bases.begin(), bases.end(),
                                        [&](const Base& base) { return base.id == candidate.base; });
      if (is_known) continue;
      bases.push_back(
          {candidate.base, candidate.base_address.family != 0 ? candidate.base_address : candidate.address});
    }
    const auto preferences = local_preferences(bases);
    for (std::uint32_t i = 0; i < candidates.size(); ++i) {
      const cw_candidate_view candidate = candidates.get(i);
      // RFC 8445 §5.1.2.1, component 1.
      const std::uint32_t priority =
          (type_preference(candidate.type) << 24) + (preferences.at(candidate.base) << 8) + (256 - 1);
      set_rank(ranks, i, priority);
    }
    return CW_OK;
  }

  cw_status score_pairs(const cw_decision&, Items<cw_pair_view> pairs,
                        const cw_mutable_array* scores) override {
    std::vector<std::uint64_t> order;
    for (std::uint32_t i = 0; i < pairs.size(); ++i)
      order.push_back(pairs.get(i).pair_priority);
    std::sort(order.begin(), order.end());
    order.erase(std::unique(order.begin(), order.end()), order.end());
    for (std::uint32_t i = 0; i < pairs.size(); ++i) {
      const cw_pair_view pair = pairs.get(i);
      const auto place = std::lower_bound(order.begin(), order.end(), pair.pair_priority) - order.begin() + 1;
      ScoreOutput out(scores, i);
      out.score(CW_MAX_SCORE * std::int64_t{place} / static_cast<std::int64_t>(order.size()));
      out.reason(reason(pair, static_cast<std::size_t>(place), order.size()));
    }
    return CW_OK;
  }

 private:
  static std::string reason(const cw_pair_view& pair, std::size_t place, std::size_t places) {
    const std::uint32_t local = read(pair.local).type;
    const std::uint32_t remote = read(pair.remote).type;
    const std::string kind =
        local == remote ? type_name(local) : std::string(type_name(local)) + "-" + type_name(remote);
    char text[128];
    if (place == places) {
      std::snprintf(text, sizeof text, "%s pair, highest ICE priority 0x%016llx", kind.c_str(),
                    static_cast<unsigned long long>(pair.pair_priority));
    } else {
      std::snprintf(text, sizeof text, "%s pair, place %zu of %zu by ICE priority 0x%016llx", kind.c_str(),
                    places - place + 1, places, static_cast<unsigned long long>(pair.pair_priority));
    }
    return text;
  }
};

}  // namespace

CAUSEWAY_PLUGIN(PriorityIce, "priority-ice", "ICE priority (RFC 8445)", "1.0.0",
                "Ranks candidates and pairs by ICE's own formula");
