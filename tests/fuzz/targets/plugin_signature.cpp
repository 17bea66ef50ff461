#include "plugin/signature.hpp"

#include <algorithm>

#include "input.hpp"

// The text of a .minisig file and of a key: bounds, and nothing but what was signed is taken.
CAUSEWAY_FUZZ_TARGET(plugin_signature) {
  // Whose public key this is signed nothing but the file below, once; the kept corpus has that signature.
  static const auto key =
      plugin::parse_signing_key("RWQCXKTrgRiLBg0p6jqdZEQ0sQzNq11bkdTXicKlwOJdmaY7L99eWs8C");
  require(key.has_value(), "the target's own key");
  static constexpr std::string_view kFile = "not much of a plugin";
  if (input.flag()) {
    const auto text = as_text(input.rest());
    if (const auto parsed = plugin::parse_signing_key(text))
      require(text.size() >= 56, "a key from too little");
    return;
  }
  const std::string_view signature = as_text(input.rest());
  const auto checked = plugin::check_signature(as_bytes(kFile), signature, {&*key, 1});
  require(checked || !checked.error().message.empty(), "a refusal without a reason");
  require(!plugin::check_signature(as_bytes("another file"), signature, {&*key, 1}),
          "good for another file, too");
}
