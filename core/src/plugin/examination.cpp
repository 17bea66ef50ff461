#include "plugin/examination.hpp"

#include <fmt/format.h>

#include <utility>

#include "plugin/probe.hpp"

namespace causeway::plugin {

Examination::~Examination() {
  std::error_code error;
  if (outcome_ && *outcome_) std::filesystem::remove((*outcome_)->path, error);
}

Result<TrustedCopy> Examination::examine(const std::stop_token& stop) const {
  auto copy = make_trusted_copy(task_.file, task_.directory, task_.copy_name, task_.keys);
  if (!copy || !task_.probe_program) return copy;
  if (auto ok = run_probe(*task_.probe_program, copy->path, task_.probe_limit, stop); !ok) {
    std::error_code error;
    std::filesystem::remove(copy->path, error);
    return ok.error();
  }
  return copy;
}

void Examination::run(const std::stop_token& stop) { outcome_ = examine(stop); }

Result<TrustedCopy> Examination::take() {
  if (!outcome_) return Error{fmt::format("{}: was not examined", task_.file.string())};
  Result<TrustedCopy> outcome = *std::exchange(outcome_, std::nullopt);
  if (outcome) return outcome;
  return Error{fmt::format("{}: {}", task_.file.string(), outcome.error().message)};
}

}  // namespace causeway::plugin
