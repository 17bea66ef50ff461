// sanitizer_canary race|use_after_free|overflow|leak: does what a sanitizer must report. A clean run of
// everything else means something only while this one is seen. It ends with 0 where nobody saw it.

#include <climits>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

int shared = 0;

void race() {
  std::thread other([] { ++shared; });
  ++shared;
  other.join();
}

int use_after_free() {
  auto* gone = static_cast<int*>(std::malloc(sizeof(int)));
  *gone = 1;
  volatile int* volatile kept = gone;
  std::free(gone);
  return *kept;
}

int overflow(int one) {
  volatile int most = INT_MAX;
  volatile int sum = most + one;
  return sum;
}

void leak() {
  void* volatile lost = std::malloc(100);
  std::memset(lost, 1, 100);
  lost = nullptr;
}

}  // namespace

int main(int count, char** words) {
  const char* what = count == 2 ? words[1] : "";
  if (std::strcmp(what, "race") == 0) race();
  if (std::strcmp(what, "use_after_free") == 0) (void)use_after_free();
  if (std::strcmp(what, "overflow") == 0) (void)overflow(count);
  if (std::strcmp(what, "leak") == 0) leak();
  return 0;
}
