#include "sdk/validator/elf_facts.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "unit/plugin/plugin_files.hpp"

namespace causeway::validator {
namespace {

Bytes read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

TEST(ElfFacts, OfAPlugin) {
  const ElfFacts facts = read_elf_facts(read(plugin::test::test_plugin("plain-c")));
  EXPECT_TRUE(facts.has_symbols);
  EXPECT_EQ(facts.exported, std::vector<std::string>{"cw_plugin_entry"});
  EXPECT_TRUE(facts.unique.empty());
  EXPECT_NE(std::find(facts.imported.begin(), facts.imported.end(), "calloc"), facts.imported.end());
  EXPECT_EQ(facts.needed, std::vector<std::string>{"libc.so.6"});
  EXPECT_FALSE(facts.no_delete || facts.has_text_relocations || facts.has_executable_stack);
}

TEST(ElfFacts, OfALibraryThatStays) {
  EXPECT_TRUE(read_elf_facts(read(plugin::test::test_plugin("plain-c-pinned"))).no_delete);
}

TEST(ElfFacts, OfOtherLibraries) {
  const auto exported = read_elf_facts(read(plugin::test::test_plugin("no-symbol"))).exported;
  EXPECT_EQ(std::count(exported.begin(), exported.end(), "cw_plugin_entry"), 0);
}

/// Offsets and sizes in a file are anybody's.
TEST(ElfFacts, DamagedFilesAreReadWithinTheirBytes) {
  const Bytes good = read(plugin::test::test_plugin("plain-c"));
  std::uint32_t state = 7;
  for (int round = 0; round < 3000; ++round) {
    Bytes damaged = good;
    for (int i = 0; i < 8; ++i) {
      state = state * 1664525 + 1013904223;
      const bool in_header = round % 2 == 0;
      const std::size_t at = in_header ? (state >> 8) % 64 : damaged.size() - 1 - (state >> 8) % 2048;
      damaged[at] = static_cast<std::uint8_t>(state >> 3);
    }
    if (round % 5 == 0) damaged.resize((state >> 8) % damaged.size());
    // A copy that ends where the bytes end, so that a reader which goes further is seen by the sanitizer.
    const Bytes exact(damaged.begin(), damaged.end());
    const ElfFacts facts = read_elf_facts(exact);
    ASSERT_LE(facts.exported.size() + facts.imported.size(), 400'000U);
  }
}

}  // namespace
}  // namespace causeway::validator
