#include "protocol/json.hpp"

#include "input.hpp"

// Limits hold, and what was read is the same once written and read again.
CAUSEWAY_FUZZ_TARGET(json) {
  const ByteView bytes = input.rest();
  const auto value = protocol::parse_json(as_text(bytes), {.bytes = 4096});
  if (!value) {
    require(!value.error().message.empty(), "a refusal without a reason");
    return;
  }
  const std::string line = protocol::to_line(*value);
  require(line.find('\n') == std::string::npos, "a line with a line end");
  const auto again = protocol::parse_json(line, {.bytes = 65536});
  require(again && *again == *value, "a value changes by being written");
}
