#include "lock_count.hpp"

#include <dlfcn.h>
#include <pthread.h>

namespace {

thread_local std::size_t locks = 0;

/// The C library's own, which the functions below stand in front of.
template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// Sanitizers stand in the same place; their builds count no locks.
#ifdef CAUSEWAY_COUNTS_LOCKS
extern "C" {
[[gnu::visibility("default")]] int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static auto* const lock = real<int(pthread_mutex_t*)>("pthread_mutex_lock");
  ++locks;
  return lock(mutex);
}
[[gnu::visibility("default")]] int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  static auto* const lock = real<int(pthread_mutex_t*)>("pthread_mutex_trylock");
  ++locks;
  return lock(mutex);
}
[[gnu::visibility("default")]] int pthread_rwlock_rdlock(pthread_rwlock_t* mutex) noexcept {
  static auto* const lock = real<int(pthread_rwlock_t*)>("pthread_rwlock_rdlock");
  ++locks;
  return lock(mutex);
}
[[gnu::visibility("default")]] int pthread_rwlock_wrlock(pthread_rwlock_t* mutex) noexcept {
  static auto* const lock = real<int(pthread_rwlock_t*)>("pthread_rwlock_wrlock");
  ++locks;
  return lock(mutex);
}
}
#endif

namespace causeway::dataplane {

std::size_t locks_of_this_thread() { return locks; }

}  // namespace causeway::dataplane
