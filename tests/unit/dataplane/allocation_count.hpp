#pragma once

#include <cstddef>

namespace causeway::dataplane {

/// How often the calling thread has used operator new, anywhere in this test program.
std::size_t allocations_of_this_thread();

}  // namespace causeway::dataplane
