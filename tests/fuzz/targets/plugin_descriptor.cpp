#include <string>

#include "causeway/entry.h"
#include "input.hpp"
#include "plugin/negotiation.hpp"

namespace causeway::fuzz {

static const void* some_extension(const char*) { return ""; }
static const void* no_extension(const char*) { return nullptr; }
static cw_status create(const cw_host*, cw_instance**) { return CW_ERROR_FAILED; }
static void destroy(cw_instance*) {}

}  // namespace causeway::fuzz

// The entry table of a hostile or broken plugin, in memory of exactly the size it has.
CAUSEWAY_FUZZ_TARGET(plugin_descriptor) {
  cw_entry entry{};
  entry.struct_size = input.flag() ? input.u32() : static_cast<std::uint32_t>(sizeof entry);
  entry.abi_version = input.flag() ? input.u32() : CW_ABI_VERSION;
  entry.lowest_host_abi = input.flag() ? input.u32() : CW_ABI_VERSION;
  entry.kind = input.byte();
  const std::uint8_t functions = input.byte();
  if ((functions & 1) == 0) entry.create = &create;
  if ((functions & 2) == 0) entry.destroy = &destroy;
  if ((functions & 4) == 0) entry.get_extension = (functions & 8) == 0 ? &some_extension : &no_extension;
  // Copies of exact size: one byte read beyond is seen.
  Bytes texts[4];
  cw_string* strings[] = {&entry.id, &entry.name, &entry.version, &entry.description};
  for (int i = 0; i < 4; ++i) {
    const ByteView piece = input.take(input.u16() % 1024);
    texts[i].assign(piece.begin(), piece.end());
    *strings[i] = {reinterpret_cast<const char*>(texts[i].data()), texts[i].size()};
  }
  // A length without text, and one that no memory holds: refused by the number alone.
  if ((functions & 16) != 0) *strings[functions >> 6] = {nullptr, input.u64()};
  if ((functions & 32) != 0) strings[functions >> 6]->size = 1024 + input.u64() / 2;
  const auto descriptor = plugin::negotiate(&entry);
  if (!descriptor) {
    require(!descriptor.error().message.empty(), "a refusal without a reason");
    return;
  }
  require(!descriptor->id.empty() && descriptor->id.size() <= 64, "an id that is none");
  require(descriptor->id.find('/') == std::string::npos, "an id that is a path");
}
