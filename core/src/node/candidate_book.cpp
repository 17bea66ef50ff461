#include "node/candidate_book.hpp"

#include <algorithm>

namespace causeway::node {

void CandidateBook::set_bases(const peer::LocalBases& bases) {
  bases_ = bases;
  std::erase_if(reflexive_, [&](const auto& item) { return !bases_.contains(item.first); });
  ++generation_;
}

bool CandidateBook::add(const std::string& source, net::BaseId base, ice::CandidateType type,
                        const net::Endpoint& address) {
  const auto at = bases_.find(base);
  // RFC 8445 §5.1.3: the same address from the same base is redundant, wherever it came from.
  if (at == bases_.end() || at->second.address == address || !address.address.is_usable_unicast())
    return false;
  auto& list = reflexive_[base];
  if (std::any_of(list.begin(), list.end(), [&](const auto& known) { return known.address == address; }))
    return false;
  if (list.size() >= kMaxPerBase) return false;
  list.push_back({source, type, address});
  ++generation_;
  return true;
}

void CandidateBook::remove(const std::string& source, net::BaseId base, const net::Endpoint& address) {
  const auto at = reflexive_.find(base);
  if (at == reflexive_.end()) return;
  if (std::erase_if(at->second,
                    [&](const auto& known) { return known.source == source && known.address == address; })) {
    ++generation_;
  }
}

std::vector<ice::Candidate> CandidateBook::unranked() const {
  std::vector<ice::Candidate> list;
  // RFC 8445 §5.1.1.3: same type, same base IP address, same protocol and server share a foundation. Sources
  // report addresses, not servers, so the source stands for them. The base stands for its address: two NICs
  // may have the same one in different networks, and what fails from one says nothing of the other.
  std::map<std::tuple<ice::CandidateType, net::BaseId, std::string>, int> foundations;
  const auto append = [&](const peer::LocalBase& base, ice::CandidateType type, const net::Endpoint& address,
                          const std::string& source) {
    const auto key = std::tuple{type, base.base, source};
    const int number = foundations.try_emplace(key, static_cast<int>(foundations.size()) + 1).first->second;
    list.push_back({.type = type,
                    .protocol = ice::TransportProtocol::udp,
                    .address = address,
                    .base = base.base,
                    .base_address = base.address,
                    .foundation = std::to_string(number),
                    .priority = 0,
                    .source = source});
  };
  for (const auto& [id, base] : bases_) {
    append(base, ice::CandidateType::host, base.address, "host");
    if (const auto at = reflexive_.find(id); at != reflexive_.end()) {
      for (const Reflexive& known : at->second)
        append(base, known.type, known.address, known.source);
    }
  }
  return list;
}

bool CandidateBook::set_priorities(std::uint64_t generation, const std::vector<std::uint32_t>& priorities) {
  std::vector<ice::Candidate> list = unranked();
  if (generation != generation_ || priorities.size() != list.size()) return false;
  for (std::size_t i = 0; i < list.size(); ++i) {
    list[i].priority = std::clamp<std::uint32_t>(priorities[i], 1, ice::kMaxPriority);
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.priority > b.priority; });
  ranked_ = std::move(list);
  return true;
}

}  // namespace causeway::node
