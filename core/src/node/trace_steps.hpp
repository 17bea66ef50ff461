#pragma once

#include <cstdint>

#include "node/actions.hpp"
#include "peer/local_base.hpp"
#include "replay/trace.hpp"

/// What a node tells of its choices, as steps of a trace (docs/replay.md). Pure.
namespace causeway::node {

/// The stack is asked. `now` and `seed`: what it is given with the paths.
replay::Step trace_step(const ScorePeerPaths& asked, Now now, std::uint64_t seed,
                        const peer::LocalBases& bases);
replay::Step trace_step(const TellChoice& told, const peer::LocalBases& bases);

}  // namespace causeway::node
