#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "causeway/types.h"

namespace candidates_stun {

/// "198.51.100.7:3478" or "[2001:db8::1]:3478".
std::optional<cw_address> parse_address(std::string_view text);

/// The addresses in the array "stun_servers" of a JSON object, without repetition; entries that are no
/// addresses are skipped. nullopt if this is no JSON object.
std::optional<std::vector<cw_address>> parse_servers(std::string_view json);

bool is_same(const cw_address& a, const cw_address& b);

}  // namespace candidates_stun
