#pragma once

#include <cstddef>

namespace causeway::dataplane {

/// How often the calling thread has taken a mutex or a read-write lock of pthreads, in any library.
std::size_t locks_of_this_thread();

}  // namespace causeway::dataplane
