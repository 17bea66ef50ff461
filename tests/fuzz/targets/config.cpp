#include "daemon/config.hpp"

#include "input.hpp"

// A configuration file: a configuration or a sentence that says what to correct.
CAUSEWAY_FUZZ_TARGET(config) {
  const auto config = daemon::parse_config(as_text(input.rest()));
  if (!config) {
    require(!config.error().message.empty(), "a refusal without a reason");
    require(config.error().message.size() < 4096, "a reason that nobody reads");
    return;
  }
  require(config->mtu >= 576, "an MTU that carries nothing");
}
