#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "plugin/signature.hpp"
#include "plugin/trusted_copy.hpp"

namespace causeway::plugin {

/// The part of loading that takes long and touches nothing else: reads the file, checks it and its signature,
/// copies and probes it. Made by Host::examine(), run once on any thread, handed to load() or reload().
class Examination {
 public:
  struct Task {
    std::filesystem::path file;
    std::filesystem::path directory;  ///< for the copy
    std::string copy_name;
    std::uint32_t generation = 0;
    std::vector<SigningKey> keys;
    std::optional<std::filesystem::path> probe_program;
    Duration probe_limit{};
  };
  explicit Examination(Task task) : task_(std::move(task)) {}
  /// The copy goes too if nobody took it.
  ~Examination();
  Examination(const Examination&) = delete;
  Examination& operator=(const Examination&) = delete;

  /// Asked to stop, it ends soon, as a refusal.
  void run(const std::stop_token& stop = {});

  // ---- after run() ----
  const std::filesystem::path& file() const { return task_.file; }
  std::uint32_t generation() const { return task_.generation; }
  /// The self-check has passed in a process of its own.
  bool was_probed() const { return task_.probe_program.has_value(); }
  /// The copy, the caller's from here on; or why the file is refused, beginning with its name.
  Result<TrustedCopy> take();

 private:
  Result<TrustedCopy> examine(const std::stop_token& stop) const;

  Task task_;
  std::optional<Result<TrustedCopy>> outcome_;
};

}  // namespace causeway::plugin
