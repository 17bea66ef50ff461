#include "sdk/validator/guarded.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace causeway::validator {

namespace {

struct Region {
  std::uintptr_t begin = 0, end = 0, guard_end = 0;
  const char* label = nullptr;
};
/// For the signal handler: a plain table. One stage has a handful of regions, made before plugin code runs.
std::array<Region, 32> regions;

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

Guarded::Guarded(const char* label, std::size_t most)
    : label_(label), usable_((most + page_size() - 1) / page_size() * page_size()), left_(usable_) {
  void* const memory =
      ::mmap(nullptr, usable_ + page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  begin_ = static_cast<std::uint8_t*>(memory);
  ::mprotect(begin_ + usable_, page_size(), PROT_NONE);
  for (Region& region : regions) {
    if (region.label != nullptr) continue;
    const auto at = reinterpret_cast<std::uintptr_t>(begin_);
    region = {at, at + usable_, at + usable_ + page_size(), label};
    break;
  }
}

Guarded::~Guarded() {
  for (Region& region : regions) {
    if (region.begin == reinterpret_cast<std::uintptr_t>(begin_)) region = {};
  }
  ::munmap(begin_, usable_ + page_size());
}

void Guarded::reset() {
  set_writable();
  std::memset(begin_, 0xa5, usable_);
  left_ = usable_;
}

void* Guarded::place(std::size_t size) {
  if (size > left_) std::abort();
  left_ -= size;
  if (size % 8 == 0) left_ -= left_ % 8;
  return begin_ + left_;
}

void Guarded::set_read_only() { ::mprotect(begin_, usable_, PROT_READ); }
void Guarded::set_writable() { ::mprotect(begin_, usable_, PROT_READ | PROT_WRITE); }

const char* explain_fault(std::uintptr_t address, bool& is_write_protected) {
  for (const Region& region : regions) {
    if (region.label == nullptr || address < region.begin || address >= region.guard_end) continue;
    is_write_protected = address < region.end;
    return region.label;
  }
  return nullptr;
}

}  // namespace causeway::validator
