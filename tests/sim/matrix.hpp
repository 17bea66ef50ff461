#pragma once

#include <string_view>

#include "tests/sim/nat.hpp"

namespace causeway::sim {

/// One side of a pair, as RFC 4787 sees it. Nobody's NAT: both endpoint-independent.
struct NatBehaviour {
  Behaviour mapping = Behaviour::endpoint_independent;
  Behaviour filtering = Behaviour::endpoint_independent;
};

/// What two such sides settle on, in the words of the first: the types of its own and of the remote candidate
/// of the pair, "srflx-prflx"; "none" where no direct pair exists.
std::string_view expected_pair(const NatBehaviour& ours, const NatBehaviour& theirs);

/// Row and column of the table.
constexpr int kNatKinds = 9;
NatBehaviour nat_kind(int index);
/// "EI/APD": mapping, then filtering.
std::string_view nat_kind_name(int index);

}  // namespace causeway::sim
