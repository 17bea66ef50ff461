#include "plugin/confine.hpp"

#include <cap-ng.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>

namespace causeway::plugin {

Result<void> confine() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error{"the probe could not set no_new_privs"};
  capng_clear(CAPNG_SELECT_ALL);
  // Without CAP_SETPCAP the bounding set can't be changed; what counts is that nothing is held.
  if (capng_apply(CAPNG_SELECT_BOTH) != 0 && capng_apply(CAPNG_SELECT_CAPS) != 0) {
    return Error{"the probe could not drop its capabilities"};
  }
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return {};
}

}  // namespace causeway::plugin
