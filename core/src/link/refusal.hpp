#pragma once

#include <string>

#include "protocol/rpc.hpp"

namespace causeway::link {

/// What an error of authenticate or register means for the link.
struct Refusal {
  bool for_good = false;  ///< another try with the same token and identity gives the same answer
  std::string sentence;   ///< for the user: what is wrong and what to do
};

Refusal explain_refusal(const protocol::RpcError& error);

}  // namespace causeway::link
