#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "causeway/entry.h"

namespace causeway::plugin {

/// What a plugin says of itself, copied and checked.
struct Descriptor {
  std::string id;
  std::string name;
  std::string version;
  std::string description;
  std::string abi;         ///< "1.0", what it was built with
  std::uint32_t kind = 0;  ///< CW_KIND_…
};

/// "1.0"
std::string abi_text(std::uint32_t version);
/// The extension a plugin of this kind must offer.
const char* required_extension(std::uint32_t kind);

/// Whether this host and that plugin understand each other. The error tells which side is to be updated.
/// Calls nothing of the plugin but get_extension.
Result<Descriptor> negotiate(const cw_entry* entry);

}  // namespace causeway::plugin
