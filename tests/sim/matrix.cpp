#include "tests/sim/matrix.hpp"

#include <array>

namespace causeway::sim {
namespace {

// clang-format off
constexpr std::array<std::string_view, kNatKinds> kNames{"EI/EI",  "EI/AD",  "EI/APD",
                                                         "AD/EI",  "AD/AD",  "AD/APD",
                                                         "APD/EI", "APD/AD", "APD/APD"};

// Rows: our NAT; columns: theirs; mapping/filtering. The first letter is our candidate, the second theirs:
// s server-reflexive, p peer-reflexive, - no direct pair.
constexpr std::array<std::string_view, kNatKinds> kPairs{
    //           EI/EI EI/AD EI/APD AD/EI AD/AD AD/APD APD/EI APD/AD APD/APD
    /* EI/EI   */ "ss    ss    ss     sp    sp    sp     sp     sp     sp",
    /* EI/AD   */ "ss    ss    ss     sp    sp    sp     sp     sp     sp",
    /* EI/APD  */ "ss    ss    ss     --    --    --     --     --     --",
    /* AD/EI   */ "ps    ps    --     pp    pp    --     pp     pp     --",
    /* AD/AD   */ "ps    ps    --     pp    --    --     pp     --     --",
    /* AD/APD  */ "ps    ps    --     --    --    --     --     --     --",
    /* APD/EI  */ "ps    ps    --     pp    pp    --     --     --     --",
    /* APD/AD  */ "ps    ps    --     pp    --    --     --     --     --",
    /* APD/APD */ "ps    ps    --     --    --    --     --     --     --",
};
// clang-format on

int index_of(const NatBehaviour& nat) {
  return 3 * static_cast<int>(nat.mapping) + static_cast<int>(nat.filtering);
}

/// The n-th word of a row.
std::string_view cell(std::string_view row, int column) {
  for (; column > 0; --column) {
    row.remove_prefix(row.find(' '));
    row.remove_prefix(row.find_first_not_of(' '));
  }
  return row.substr(0, 2);
}

}  // namespace

NatBehaviour nat_kind(int index) {
  return {static_cast<Behaviour>(index / 3), static_cast<Behaviour>(index % 3)};
}

std::string_view nat_kind_name(int index) { return kNames.at(static_cast<std::size_t>(index)); }

std::string_view expected_pair(const NatBehaviour& ours, const NatBehaviour& theirs) {
  const std::string_view pair = cell(kPairs.at(static_cast<std::size_t>(index_of(ours))), index_of(theirs));
  if (pair == "ss") return "srflx-srflx";
  if (pair == "sp") return "srflx-prflx";
  if (pair == "ps") return "prflx-srflx";
  if (pair == "pp") return "prflx-prflx";
  return "none";
}

}  // namespace causeway::sim
