#include "protocol/candidate.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/name.hpp"

namespace causeway::protocol {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

constexpr std::array<std::string_view, 4> kTypes{"host", "srflx", "prflx", "relay"};
constexpr std::array<std::string_view, 2> kProtocols{"udp", "tcp"};

}  // namespace

Json WireCandidate::to_json() const {
  return {{"type", type},
          {"protocol", protocol},
          {"address", address.to_string()},
          {"foundation", foundation},
          {"priority", priority}};
}

Result<WireCandidate> WireCandidate::parse(const Json& value) {
  WireCandidate made;
  made.type = get_string(value, "type").value_or("");
  if (!is_one_of(made.type, kTypes)) return bad_member("type", "a candidate type");
  made.protocol = get_string(value, "protocol").value_or("");
  if (!is_one_of(made.protocol, kProtocols)) return bad_member("protocol", "udp or tcp");
  const auto address = net::Endpoint::parse(get_string(value, "address").value_or(""));
  if (!address || !address->address.is_usable_unicast() || address->port == 0) {
    return bad_member("address", "a usable unicast ip:port");
  }
  made.address = *address;
  made.foundation = get_string(value, "foundation").value_or("");
  if (!is_ice_chars(made.foundation, 1, 32)) return bad_member("foundation", "1 to 32 ice-chars");
  const auto priority = get_integer<std::uint32_t>(value, "priority", 1, kMaxPriority);
  if (!priority) return bad_member("priority", "an integer from 1 to 2^31 - 1");
  made.priority = *priority;
  return made;
}

Result<WireCandidateList> WireCandidateList::parse(const Json& value) {
  if (!value.is_array()) return bad_member("candidates", "an array");
  if (value.size() > kMaxCandidates) return Error{"candidates: more than 32"};
  WireCandidateList list;
  for (const Json& entry : value) {
    auto candidate = WireCandidate::parse(entry);
    if (candidate) {
      list.candidates.push_back(std::move(*candidate));
    } else {
      ++list.dropped;
    }
  }
  return list;
}

Json candidates_to_json(const std::vector<WireCandidate>& candidates) {
  Json array = Json::array();
  for (const auto& candidate : candidates)
    array.push_back(candidate.to_json());
  return array;
}

}  // namespace causeway::protocol
