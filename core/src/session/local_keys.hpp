#pragma once

#include "crypto/keys.hpp"

namespace causeway::session {

/// Our static key with what is computed once from it.
struct LocalKeys {
  crypto::SessionSecretKey secret;
  crypto::SessionPublicKey public_key;
};

}  // namespace causeway::session
