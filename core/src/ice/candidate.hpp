#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/endpoint.hpp"

namespace causeway::ice {

/// RFC 8445 §4. Enumerators are in falling type preference (§5.1.2.1: 126, 110, 100, 0).
enum class CandidateType : std::uint8_t { host, peer_reflexive, server_reflexive, relayed };

enum class TransportProtocol : std::uint8_t { udp, tcp_active, tcp_passive, tcp_simultaneous_open };

/// "host", "prflx", "srflx", "relay", as in SDP (RFC 8839) and in every command of ours.
std::string_view to_string(CandidateType type);
std::optional<CandidateType> parse_candidate_type(std::string_view text);

/// A transport address that a node may be reached at (RFC 8445 §5.1.1). One component; candidates of a remote
/// node have no base.
struct Candidate {
  CandidateType type = CandidateType::host;
  TransportProtocol protocol = TransportProtocol::udp;
  net::Endpoint address;
  net::BaseId base = net::BaseId::none;  ///< local: what sends for it
  net::Endpoint base_address;            ///< local: the base's transport address; equals `address` for host
  std::string foundation;                ///< RFC 8445 §5.1.1.3
  std::uint32_t priority = 0;            ///< signalled: 1 .. 2^31 - 1
  std::string source;                    ///< local: "host", "user", or the plugin's name

  friend bool operator==(const Candidate&, const Candidate&) = default;
};

inline constexpr std::uint32_t kMaxPriority = 0x7fffffff;

/// RFC 8445 §5.1.2.1: 2^24 x type preference + 2^8 x local preference + (256 - component), component 1.
std::uint32_t recommended_priority(CandidateType type, std::uint16_t local_preference);

/// RFC 8445 §7.1.1: the PRIORITY of a check is what a peer-reflexive candidate of the same base would be
/// given.
std::uint32_t peer_reflexive_priority(std::uint32_t base_priority);

/// RFC 8445 §6.1.2.3: 2^32 x MIN(G,D) + 2 x MAX(G,D) + (G > D ? 1 : 0); G is the controlling agent's.
std::uint64_t pair_priority(std::uint32_t controlling, std::uint32_t controlled);

/// False for what nobody may make us send to or from: loopback, multicast, broadcast, port 0, a priority out
/// of range.
bool is_usable_candidate(const Candidate& candidate);

}  // namespace causeway::ice
