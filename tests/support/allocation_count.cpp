#include "support/allocation_count.hpp"

#include <openssl/crypto.h>

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t allocations = 0;

// OpenSSL takes these only before its first allocation, hence before main().
const bool counts_openssl = CRYPTO_set_mem_functions(
    [](std::size_t size, const char*, int) { return ++allocations, std::malloc(size); },
    [](void* memory, std::size_t size, const char*, int) {
      return ++allocations, std::realloc(memory, size);
    },
    [](void* memory, const char*, int) { std::free(memory); });

}  // namespace

// Every other form of new but the aligned one ends here.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace causeway::testing {

std::size_t allocations_of_this_thread() { return allocations; }
bool openssl_allocations_are_counted() { return counts_openssl; }

}  // namespace causeway::testing
