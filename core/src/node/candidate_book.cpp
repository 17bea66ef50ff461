#include "node/candidate_book.hpp"

#include <algorithm>

namespace causeway::node {

void CandidateBook::set_bases(const peer::LocalBases& bases) {
  bases_ = bases;
  std::erase_if(reflexive_, [&](const auto& item) { return !bases_.contains(item.first); });
  std::erase_if(ignored_, [&](const Ignored& known) { return !bases_.contains(known.base); });
  ++generation_;
}

bool CandidateBook::add(const std::string& source, net::BaseId base, ice::CandidateType type,
                        const net::Endpoint& address) {
  const auto at = bases_.find(base);
  // RFC 8445 §5.1.3: the same address from the same base is redundant, wherever it came from.
  if (at == bases_.end() || at->second.address == address) return false;
  const auto refuse = [&](std::string_view reason) {
    ignore(source, base, address, reason);
    return false;
  };
  if (!address.address.is_usable_unicast() || address.port == 0)
    return refuse("nobody can send there: not a unicast address with a port");
  if (address.address.is_link_local()) return refuse("link-local: a peer cannot know on which link");
  auto& list = reflexive_[base];
  if (std::any_of(list.begin(), list.end(), [&](const auto& known) { return known.address == address; }))
    return false;
  if (list.size() >= kMaxPerBase) return refuse("its base has four of its kind already");
  list.push_back({source, type, address});
  ++generation_;
  return true;
}

void CandidateBook::remove(const std::string& source, net::BaseId base, const net::Endpoint& address) {
  std::erase_if(ignored_, [&](const Ignored& known) {
    return known.source == source && known.base == base && known.address == address;
  });
  const auto at = reflexive_.find(base);
  if (at == reflexive_.end()) return;
  if (std::erase_if(at->second,
                    [&](const auto& known) { return known.source == source && known.address == address; })) {
    ++generation_;
  }
}

void CandidateBook::set_user_addresses(std::vector<net::Endpoint> addresses) {
  user_addresses_ = std::move(addresses);
  ++generation_;
}

const peer::LocalBase* CandidateBook::base_behind(const net::Endpoint& user_address) const {
  const peer::LocalBase* first = nullptr;
  for (const auto& [id, base] : bases_) {
    if (base.relay || base.address.address.family() != user_address.address.family()) continue;
    if (base.has_default_route) return &base;
    if (!first) first = &base;
  }
  return first;
}

void CandidateBook::ignore(const std::string& source, net::BaseId base, const net::Endpoint& address,
                           std::string_view reason) {
  ++ignored_count_;
  for (Ignored& known : ignored_) {
    if (known.source != source || known.base != base || known.address != address || known.reason != reason)
      continue;
    ++known.count;
    return;
  }
  if (ignored_.size() >= kMaxIgnored) ignored_.erase(ignored_.begin());
  ignored_.push_back({source, address, base, reason});
}

std::vector<CandidateBook::Ignored> CandidateBook::ignored() const {
  std::vector<Ignored> list = ignored_;
  for (const net::Endpoint& address : user_addresses_) {
    const peer::LocalBase* base = base_behind(address);
    if (!base) {
      list.push_back({"user", address, net::BaseId::none, "no local address of its family is in use"});
    } else if (base->address == address) {
      list.push_back({"user", address, base->base, "it is a local address: a host candidate already"});
    }
  }
  return list;
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
  // An address that the user gave stays when no server sees it any more.
  const auto is_of_user = [&](net::BaseId base, const net::Endpoint& address) {
    const peer::LocalBase* behind = base_behind(address);
    return behind && behind->base == base &&
           std::find(user_addresses_.begin(), user_addresses_.end(), address) != user_addresses_.end();
  };
  for (const auto& [id, base] : bases_) {
    if (base.relay) {
      append(base, ice::CandidateType::relayed, base.address, base.relay->source);
      continue;  // RFC 8445 §5.1.1.2: nothing else is gathered from it
    }
    append(base, ice::CandidateType::host, base.address, "host");
    if (const auto at = reflexive_.find(id); at != reflexive_.end()) {
      for (const Reflexive& known : at->second) {
        if (!is_of_user(id, known.address)) append(base, known.type, known.address, known.source);
      }
    }
    for (const net::Endpoint& address : user_addresses_) {
      if (is_of_user(id, address) && address != base.address)
        append(base, ice::CandidateType::server_reflexive, address, "user");
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
