#include "store/sealed_json.hpp"

#include <fmt/format.h>

#include <boost/crc.hpp>
#include <nlohmann/json.hpp>

namespace causeway::store {
namespace {

/// More than any content of ours has; what copies and prints JSON recurses.
constexpr int kMostDepth = 32;

/// Over the compact dump, which is the same for equal content: nlohmann's objects are sorted by key.
std::string crc32c(const nlohmann::json& content) {
  const std::string text = content.dump();
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(text.data(), text.size());
  return fmt::format("{:08x}", crc.checksum());
}

}  // namespace

std::string seal_json(std::string_view kind, const nlohmann::json& content) {
  const nlohmann::json sealed{{"kind", kind}, {"crc32c", crc32c(content)}, {"content", content}};
  return sealed.dump(2) + "\n";
}

Result<nlohmann::json> unseal_json(std::string_view kind, std::string_view text, std::string_view file) {
  bool is_too_deep = false;
  const auto check_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    is_too_deep = is_too_deep || depth > kMostDepth;
    return !is_too_deep;  // false: what is below is not kept
  };
  const nlohmann::json sealed = nlohmann::json::parse(text, check_depth, false);
  if (is_too_deep) return Error{fmt::format("{} is damaged: it is nested too deeply", file)};
  if (!sealed.is_object()) return Error{fmt::format("{} is damaged: it is not complete JSON", file)};
  const auto own_kind = sealed.find("kind");
  const auto crc = sealed.find("crc32c");
  const auto content = sealed.find("content");
  if (own_kind == sealed.end() || *own_kind != kind || crc == sealed.end() || content == sealed.end()) {
    return Error{fmt::format("{} is damaged: it is not a file of kind \"{}\"", file, kind)};
  }
  if (*crc != crc32c(*content)) return Error{fmt::format("{} is damaged: its checksum differs", file)};
  return Result<nlohmann::json>(boost::system::in_place_value, *content);
}

}  // namespace causeway::store
