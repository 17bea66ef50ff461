#include "daemon/capabilities.hpp"

#include <cap-ng.h>
#include <sys/prctl.h>

namespace causeway::daemon {

Result<void> drop_capabilities() {
  capng_get_caps_process();
  const bool has_admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 0;
  const bool has_raw = capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW) != 0;
  capng_clear(CAPNG_SELECT_BOTH);
  constexpr auto kBoth = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
  if (has_admin) capng_update(CAPNG_ADD, kBoth, CAP_NET_ADMIN);
  if (has_raw) capng_update(CAPNG_ADD, kBoth, CAP_NET_RAW);
  // The bounding set can only be changed with CAP_SETPCAP; without it there is nothing to gain by an exec
  // either, since no_new_privs holds.
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) return Error{"capabilities could not be dropped"};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error{"no_new_privs could not be set"};
  return {};
}

}  // namespace causeway::daemon
