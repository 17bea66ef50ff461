#include "input.hpp"
#include "plugin/elf_check.hpp"

// A file that says it is a plugin.
CAUSEWAY_FUZZ_TARGET(plugin_elf) {
  const auto checked = plugin::check_elf(input.rest());
  require(checked || !checked.error().message.empty(), "a refusal without a reason");
}
