#include "sdk/validator/check.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "causeway/entry.h"
#include "plugin/plugin_library.hpp"
#include "plugin/self_check.hpp"
#include "plugin/trusted_copy.hpp"
#include "sdk/validator/contract_checks.hpp"
#include "sdk/validator/file_check.hpp"
#include "sdk/validator/stage.hpp"

namespace causeway::validator {

namespace {

std::optional<Bytes> read_file(Report& report, const std::filesystem::path& file) {
  const auto fail = [&](std::string text) {
    report.findings.push_back({Severity::error, "file", std::move(text)});
    return std::nullopt;
  };
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    return fail(fmt::format("cannot be opened: {}", std::generic_category().message(errno)));
  if (!S_ISREG(status.st_mode)) return fail("not a regular file: give the .so that the plugin's build made");
  if (static_cast<std::uint64_t>(status.st_size) > plugin::kMaxPluginBytes)
    return fail(fmt::format("too big ({} bytes, at most {})", status.st_size, plugin::kMaxPluginBytes));
  std::ifstream in(file, std::ios::binary);
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  in.read(reinterpret_cast<char*>(bytes.data()), status.st_size);
  if (!in) return fail("cannot be read: may you read it, or did it change meanwhile?");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    report.findings.push_back(
        {Severity::warning, "file",
         fmt::format("writable by others (mode {:04o}), so the daemon refuses it: chmod go-w",
                     static_cast<unsigned>(status.st_mode & 07777))});
  }
  return bytes;
}

/// A copy of the file in a folder of its own, as the daemon makes one: the original may be built anew
/// meanwhile.
class Copy {
 public:
  Copy(const std::filesystem::path& file, const Bytes& bytes) {
    std::string pattern = std::filesystem::temp_directory_path() / "causeway-check-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) return;
    folder_ = pattern;
    path_ = folder_ / file.filename();
    std::ofstream out(path_, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.close();
    is_good_ = static_cast<bool>(out) && ::chmod(path_.c_str(), 0500) == 0;
  }
  ~Copy() {
    std::error_code error;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, error);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  const std::filesystem::path& path() const { return path_; }
  bool is_good() const { return is_good_; }

 private:
  std::filesystem::path folder_, path_;
  bool is_good_ = false;
};

using Check = void (*)(Stage&, const LibraryPtr&);

/// Loads the library in the stage's own process and lets `check` look at it.
void with_library(Stage& stage, const std::filesystem::path& copy, Check check) {
  stage.enter("load");
  auto library = plugin::PluginLibrary::open(copy);
  stage.leave();
  if (!library) return stage.error("load", library.error().message);
  check(stage, *library);
  unload(stage, *library);
}

const char* kind_name(std::uint32_t kind) {
  return kind == CW_KIND_PRIORITY ? "priority" : kind == CW_KIND_TRANSPORT ? "transport" : "candidate-source";
}

Check contract_of(const std::string& kind) {
  return kind == "priority" ? check_priority : kind == "transport" ? check_transport : check_source;
}

/// What the daemon does before it takes a plugin. The descriptor comes back as notes to ourselves.
void load_once(Stage& stage, const std::filesystem::path& copy) {
  stage.enter("load");
  auto library = plugin::PluginLibrary::open(copy);
  stage.leave();
  if (!library) return stage.error("load", library.error().message);
  const plugin::Descriptor& about = (*library)->descriptor();
  stage.tell("id", about.id);
  stage.tell("name", about.name);
  stage.tell("version", about.version);
  stage.tell("abi", about.abi);
  stage.tell("kind", kind_name(about.kind));
  check_tables(stage, *library);
  if (stage.errors() > 0) return;
  stage.enter("self-check");
  const auto ok = plugin::self_check(*library);
  stage.leave();
  if (!ok) stage.error("load", ok.error().message);
  unload(stage, *library);
}

}  // namespace

Report check_plugin(const std::filesystem::path& file, std::uint64_t seed) {
  Report report;
  report.file = file.string();
  report.seed = seed;
  const auto bytes = read_file(report, file);
  if (!bytes || !check_file(report, *bytes)) return report;
  const Copy copy(file, *bytes);
  if (!copy.is_good()) {
    report.findings.push_back(
        {Severity::error, "file", "no copy could be made of it in the temporary folder: set TMPDIR"});
    return report;
  }
  if (!run_stage(report, "load", [&](Stage& stage) { load_once(stage, copy.path()); })) return report;
  // What is not loaded cannot be asked further.
  if (report.id.empty()) return report;
  const bool can_be_used = !report.has_errors();
  if (report.id != file.stem().string()) {
    report.findings.push_back(
        {Severity::warning, "load",
         fmt::format("registers as {}, not as its file is called: `causeway plugin use` wants that name",
                     report.id)});
  }
  run_stage(report, "contract",
            [&](Stage& stage) { with_library(stage, copy.path(), contract_of(report.kind)); });
  run_stage(report, "state", [&](Stage& stage) { with_library(stage, copy.path(), check_state); });
  if (can_be_used) run_stage(report, "leaks", [&](Stage& stage) { check_leaks(stage, copy.path()); });
  return report;
}

}  // namespace causeway::validator
