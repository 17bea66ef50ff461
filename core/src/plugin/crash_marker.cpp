#include "plugin/crash_marker.hpp"

#include <fmt/format.h>

#include <fstream>

#include "base/log.hpp"

namespace causeway::plugin {

CrashMarkers::Record CrashMarkers::read(const std::string& id, const std::string& sha256) const {
  std::ifstream in(file_of(id));
  std::string hash;
  Record record;
  int running = 0;
  if (!(in >> hash >> record.crashes >> running) || hash != sha256) return {};
  record.is_running = running == 1;
  return record;
}

void CrashMarkers::write(const std::string& id, const std::string& sha256, Record record) {
  const auto file = file_of(id);
  auto fresh = file;
  fresh += ".new";
  std::error_code error;
  {
    std::ofstream out(fresh, std::ios::trunc);
    out << sha256 << ' ' << record.crashes << ' ' << (record.is_running ? 1 : 0) << '\n';
    if (!out.flush())
      log::warning("plugin", "cannot write {}: crashes of {} will not be noticed", fresh.string(), id);
  }
  std::filesystem::rename(fresh, file, error);
}

int CrashMarkers::crashes(const std::string& id, const std::string& sha256) const {
  const Record record = read(id, sha256);
  return record.crashes + (record.is_running && died_of_fault_ ? 1 : 0);
}

Result<void> CrashMarkers::may_start(const std::string& id, const std::string& sha256) const {
  const int count = crashes(id, sha256);
  if (count < kCrashLimit) return {};
  return Error{
      fmt::format("kept out: the daemon ended {} times within 60 s of its use: install a corrected build, or "
                  "remove {} to try again",
                  count, file_of(id).string())};
}

void CrashMarkers::started(const std::string& id, const std::string& sha256) {
  write(id, sha256, {crashes(id, sha256), true});
}

void CrashMarkers::survived(const std::string& id) {
  std::error_code error;
  std::filesystem::remove(file_of(id), error);
}

void CrashMarkers::stopped(const std::string& id, const std::string& sha256) {
  Record record = read(id, sha256);
  record.is_running = false;
  if (record.crashes == 0) return survived(id);
  write(id, sha256, record);
}

}  // namespace causeway::plugin
