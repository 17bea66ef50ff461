#pragma once

#include <cstddef>

namespace causeway::testing {

/// How often the calling thread has used operator new or OpenSSL's allocator, anywhere in this test program.
std::size_t allocations_of_this_thread();
/// False when OpenSSL had allocated before it could be asked to count.
bool openssl_allocations_are_counted();

}  // namespace causeway::testing
