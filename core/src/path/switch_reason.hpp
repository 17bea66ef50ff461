#pragma once

#include <cstdint>
#include <string_view>

namespace causeway::path {

/// Why the selected path of a peer is what it is: carried by each switch, each log line of it, `status` and
/// `explain`.
enum class SwitchReason : std::uint8_t {
  none,               ///< no path yet
  first_valid,        ///< the first pair that worked
  nominated_by_peer,  ///< the controlling side chose it
  selected_lost,      ///< the path in use stopped being valid
  withdrawn,          ///< the peer left the network of the path in use, another path works
  selected_suspect,   ///< the path in use lost several probes in a row, another answers
  data_lost,          ///< data went unanswered on the path in use, another one answers
  agreed,             ///< the places that both sides give it have the lowest sum
  higher_score,       ///< the priority algorithms score another one better by more than the margin
  vetoed,             ///< the priority algorithms veto the path in use
  configured,         ///< a stock WireGuard peer: its endpoint, or where it was last heard from
  all_lost,           ///< no valid path is left
};
std::string_view to_string(SwitchReason reason);
/// A sentence for a person.
std::string_view describe(SwitchReason reason);

}  // namespace causeway::path
