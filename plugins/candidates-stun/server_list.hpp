#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "causeway/cpp/address.hpp"

namespace candidates_stun {

using causeway_sdk::is_same;
using causeway_sdk::parse_address;

/// The addresses in the array "stun_servers" of a JSON object, without repetition; entries that are no
/// addresses are skipped. nullopt if this is no JSON object.
std::optional<std::vector<cw_address>> parse_servers(std::string_view json);

}  // namespace candidates_stun
