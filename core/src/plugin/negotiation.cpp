#include "plugin/negotiation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>

#include "causeway/ext/candidate-source.h"
#include "causeway/ext/priority.h"
#include "causeway/ext/transport.h"

namespace causeway::plugin {

namespace {

/// Up to and with the last member of ABI 1.0: an entry may be longer, never shorter.
constexpr std::uint32_t kFirstEntrySize = offsetof(cw_entry, get_extension) + sizeof(cw_entry::get_extension);

std::optional<std::string> printable(cw_string text, std::size_t most) {
  if (text.size > most || (text.size > 0 && text.data == nullptr)) return std::nullopt;
  std::string out(text.data == nullptr ? "" : text.data, text.size);
  const bool clean = std::none_of(out.begin(), out.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  return clean ? std::optional(std::move(out)) : std::nullopt;
}

bool is_id(const std::string& id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Result<void> check_versions(const cw_entry& entry) {
  const std::string built = abi_text(entry.abi_version);
  const std::string host = abi_text(CW_ABI_VERSION);
  if (CW_ABI_MAJOR(entry.abi_version) > CW_ABI_VERSION_MAJOR) {
    return Error{
        fmt::format("too new: built for plugin ABI {}, this host has {}: update Causeway, or build the "
                    "plugin with the SDK of this version",
                    built, host)};
  }
  if (CW_ABI_MAJOR(entry.abi_version) < CW_ABI_VERSION_MAJOR) {
    return Error{
        fmt::format("too old: built for plugin ABI {}, this host takes {}.0 and later: build the plugin with "
                    "the current SDK",
                    built, CW_ABI_VERSION_MAJOR)};
  }
  if (entry.lowest_host_abi > CW_ABI_VERSION) {
    return Error{fmt::format("needs a host with plugin ABI {} or later, this one has {}: update Causeway",
                             abi_text(entry.lowest_host_abi), host)};
  }
  return {};
}

}  // namespace

std::string abi_text(std::uint32_t version) {
  return fmt::format("{}.{}", CW_ABI_MAJOR(version), CW_ABI_MINOR(version));
}

const char* required_extension(std::uint32_t kind) {
  switch (kind) {
    case CW_KIND_PRIORITY:
      return CW_EXT_PRIORITY;
    case CW_KIND_CANDIDATE_SOURCE:
      return CW_EXT_CANDIDATE_SOURCE;
    case CW_KIND_TRANSPORT:
      return CW_EXT_TRANSPORT;
    default:
      return nullptr;
  }
}

Result<Descriptor> negotiate(const cw_entry* entry) {
  // The first three fields are the same in every version; nothing behind them is read before they are
  // accepted.
  if (auto ok = check_versions(*entry); !ok) return ok.error();
  if (entry->struct_size < kFirstEntrySize) {
    return Error{
        fmt::format("its entry table is {} bytes, at least {} are needed: build it with the current SDK",
                    entry->struct_size, kFirstEntrySize)};
  }
  const auto id = printable(entry->id, 64);
  if (!id || !is_id(*id))
    return Error{"its id is not 1 to 64 of a-z, 0-9 and '-': correct it in the entry table"};
  const auto name = printable(entry->name, 128);
  const auto version = printable(entry->version, 32);
  const auto description = printable(entry->description, 512);
  if (!name || !version || !description) {
    return Error{
        "its name, version or description is too long or has control characters: correct the entry table"};
  }
  if (entry->create == nullptr || entry->destroy == nullptr || entry->get_extension == nullptr) {
    return Error{"its entry table lacks create, destroy or get_extension"};
  }
  const char* needed = required_extension(entry->kind);
  if (needed == nullptr) {
    return Error{fmt::format("its kind ({}) is unknown to this host: update Causeway", entry->kind)};
  }
  if (entry->get_extension(needed) == nullptr) {
    return Error{
        fmt::format("offers no extension {}, which its kind needs: build it with the current SDK", needed)};
  }
  return Descriptor{*id, *name, *version, *description, abi_text(entry->abi_version), entry->kind};
}

}  // namespace causeway::plugin
