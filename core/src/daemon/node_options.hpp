#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "daemon/config.hpp"
#include "node/node.hpp"
#include "store/state_directory.hpp"

namespace causeway::daemon {

/// What a node is made of: the stored state, and what the configuration says.
node::Node::Options node_options(const Config& config, const store::StateDirectory& state,
                                 const std::string& tun_name, unsigned data_loops);

/// Takes in a join token given at the start. Joining the network that the node is enrolled in keeps the
/// enrolment: the server knows the identity. The error says what is wrong with the token.
Result<void> enrol(store::StateDirectory& state, const std::optional<std::string>& token);

}  // namespace causeway::daemon
