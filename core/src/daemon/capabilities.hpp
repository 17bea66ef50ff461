#pragma once

#include "base/result.hpp"

namespace causeway::daemon {

/// Keeps CAP_NET_ADMIN (TUN, addresses, routes) and CAP_NET_RAW (binding sockets to a NIC), drops every other
/// capability for good and sets no_new_privs. The uid stays. To be called once everything else is open.
Result<void> drop_capabilities();

}  // namespace causeway::daemon
