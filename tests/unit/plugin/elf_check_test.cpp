#include "plugin/elf_check.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "unit/plugin/plugin_files.hpp"

namespace causeway::plugin {
namespace {

Bytes library() {
  std::ifstream in(test::test_plugin("plain-c"));
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

TEST(ElfCheck, AcceptsARealLibrary) { EXPECT_TRUE(check_elf(library())); }

TEST(ElfCheck, EveryCutIsNoticed) {
  const Bytes whole = library();
  for (std::size_t size = 0; size < whole.size(); size += 1 + size / 50) {
    EXPECT_FALSE(check_elf(ByteView(whole).first(size))) << size;
  }
}

TEST(ElfCheck, AnyBytesAreReadWithinBounds) {
  const Bytes whole = library();
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    Bytes file(whole.begin(), whole.begin() + 1024);
    for (int i = 0; i < 4; ++i)
      file[random() % 192] = static_cast<std::uint8_t>(random());
    file.resize(random() % 1024);
    file.shrink_to_fit();
    EXPECT_FALSE(check_elf(file));
  }
}

TEST(ElfCheck, OffsetsThatWrapAreOutside) {
  Bytes file = library();
  for (std::size_t i = 32; i < 40; ++i)
    file[i] = 0xff;  // e_phoff
  EXPECT_FALSE(check_elf(file));
}

}  // namespace
}  // namespace causeway::plugin
