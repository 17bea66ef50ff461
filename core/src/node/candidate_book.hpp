#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "ice/candidate.hpp"
#include "net/endpoint.hpp"
#include "peer/peer.hpp"

namespace causeway::node {

/// All candidates of this node, from every origin (spec U3.1). Priorities come from the priority stack, asked
/// for the whole list whenever it changes: until the answer is there the earlier list stands.
class CandidateBook {
 public:
  /// Host and relayed candidates are the bases; reflexive ones of a base that is gone go with it.
  void set_bases(const peer::LocalBases& bases);
  /// A source says that `base` is seen as `address`. Caps: kMaxPerBase reflexive addresses per base; false
  /// beyond.
  bool add(const std::string& source, net::BaseId base, ice::CandidateType type,
           const net::Endpoint& address);
  void remove(const std::string& source, net::BaseId base, const net::Endpoint& address);
  /// What the user knows to lead here, a port forwarding on a router. Each hangs on the base of its family
  /// that has the default route, without one on the oldest: where a router would forward to.
  void set_user_addresses(std::vector<net::Endpoint> addresses);
  const std::vector<net::Endpoint>& user_addresses() const { return user_addresses_; }

  /// What was told and is no candidate.
  struct Ignored {
    std::string source;
    net::Endpoint address;
    net::BaseId base = net::BaseId::none;
    std::string_view reason;
    std::uint64_t count = 1;
  };
  /// The newest kMaxIgnored.
  std::vector<Ignored> ignored() const;
  std::uint64_t ignored_count() const { return ignored_count_; }

  /// Counts changes of the unranked list.
  std::uint64_t generation() const { return generation_; }
  /// The list to be ranked; priorities are 0.
  std::vector<ice::Candidate> unranked() const;
  /// The stack's answer for the list of `generation`; ignored when that is not the current one: false.
  bool set_priorities(std::uint64_t generation, const std::vector<std::uint32_t>& priorities);
  /// The list with priorities, highest first.
  const std::vector<ice::Candidate>& ranked() const { return ranked_; }

  static constexpr std::size_t kMaxPerBase = 4;
  static constexpr std::size_t kMaxIgnored = 16;

 private:
  struct Reflexive {
    std::string source;
    ice::CandidateType type;
    net::Endpoint address;
  };
  void ignore(const std::string& source, net::BaseId base, const net::Endpoint& address,
              std::string_view reason);
  const peer::LocalBase* base_behind(const net::Endpoint& user_address) const;

  peer::LocalBases bases_;
  std::map<net::BaseId, std::vector<Reflexive>> reflexive_;
  std::vector<net::Endpoint> user_addresses_;
  std::vector<Ignored> ignored_;  ///< oldest first
  std::uint64_t ignored_count_ = 0;
  std::vector<ice::Candidate> ranked_;
  std::uint64_t generation_ = 0;
};

}  // namespace causeway::node
