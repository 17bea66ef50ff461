// fuzz_replay TARGET FILE_OR_FOLDER…: runs kept inputs through one target, without libFuzzer. A broken
// invariant or a crash ends it as the fuzzer would see it; an empty folder is a failure, since it would prove
// nothing.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "input.hpp"

namespace causeway::fuzz {
namespace {

std::map<std::string_view, Target>& targets() {
  static std::map<std::string_view, Target> all;
  return all;
}

std::size_t replay(Target target, const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    std::size_t inputs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path))
      inputs += replay(target, entry.path());
    return inputs;
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    return 0;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // A copy of exact size, so that a sanitizer sees every byte read beyond it.
  const Bytes bytes(text.begin(), text.end());
  target(Input(bytes));
  return 1;
}

}  // namespace

Registration::Registration(std::string_view name, Target target) { targets().emplace(name, target); }

}  // namespace causeway::fuzz

int main(int count, char** words) {
  using namespace causeway::fuzz;
  const auto found = count < 3 ? targets().end() : targets().find(words[1]);
  if (found == targets().end()) {
    std::fprintf(stderr, "usage: fuzz_replay TARGET FILE_OR_FOLDER…\ntargets:");
    for (const auto& [name, target] : targets())
      std::fprintf(stderr, " %s", std::string(name).c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  causeway::log::set_level(causeway::log::Level::off);
  std::size_t inputs = 0;
  for (int i = 2; i < count; ++i)
    inputs += replay(found->second, words[i]);
  std::printf("%zu inputs\n", inputs);
  return inputs == 0 ? 1 : 0;
}
