#include "cli/src/plugin_new.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string_view>
#include <system_error>

#include "cli/src/plugin_template.hpp"

namespace causeway::cli {
namespace {

constexpr std::string_view kPlaceholder = "template-plugin";
constexpr std::size_t kMaxName = 64;  // of an id, causeway/entry.h

/// CMake keeps these names for targets of its own, and the plugin's name is that of its target.
constexpr std::array<std::string_view, 8> kTakenByCMake = {"all",     "clean", "depend",  "help",
                                                           "install", "list",  "package", "test"};

std::string filled_in(std::string_view text, const std::string& name) {
  std::string out;
  while (true) {
    const auto at = text.find(kPlaceholder);
    out.append(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    out.append(name);
    text.remove_prefix(at + kPlaceholder.size());
  }
}

Result<void> write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file)
    return Error{fmt::format("cannot write {}: is there space, and may you write here?", path.string())};
  return {};
}

Result<void> write_all(const NewPlugin& wanted) {
  const std::filesystem::path folder = wanted.name;
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(folder, error))) {
    return Error{fmt::format("./{} exists already: choose another name, or remove it", wanted.name)};
  }
  if (!std::filesystem::create_directory(folder, error)) {
    return Error{fmt::format("cannot make ./{}: {}", wanted.name, error.message())};
  }
  for (const TemplateFile& file : template_files()) {
    if (file.kind != "common" && file.kind != wanted.kind) continue;
    if (auto ok = write(folder / file.path, filled_in(file.text, wanted.name)); !ok) return ok;
  }
  return {};
}

}  // namespace

Result<void> check_new_plugin(const NewPlugin& wanted) {
  const bool fits = !wanted.name.empty() && wanted.name.size() <= kMaxName && wanted.name.front() != '-' &&
                    std::all_of(wanted.name.begin(), wanted.name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                    });
  if (!fits) return Error{"NAME is 1 to 64 of a-z, 0-9 and '-', and does not begin with '-'"};
  if (std::find(kTakenByCMake.begin(), kTakenByCMake.end(), wanted.name) != kTakenByCMake.end()) {
    return Error{fmt::format("{} is the name of a build target already: choose another NAME", wanted.name)};
  }
  const auto files = template_files();
  const bool is_known = wanted.kind != "common" &&
                        std::any_of(files.begin(), files.end(),
                                    [&](const TemplateFile& file) { return file.kind == wanted.kind; });
  if (!is_known) return Error{"--kind is priority, candidate-source or transport"};
  return {};
}

int run_plugin_new(const NewPlugin& wanted, std::ostream& out, std::ostream& err) {
  if (auto ok = write_all(wanted); !ok) {
    err << "error: " << ok.error().message << "\n";
    return 1;
  }
  out << fmt::format(
      "./{0} is a {1} plugin; README.md in it says what is where. Next:\n"
      "  cmake -S {0} -B {0}/build -DCMAKE_PREFIX_PATH=/where/the/sdk/is && cmake --build {0}/build\n"
      "  ctest --test-dir {0}/build --output-on-failure\n"
      "  causeway plugin load {0}/build/{0}.so\n",
      wanted.name, wanted.kind);
  return 0;
}

}  // namespace causeway::cli
