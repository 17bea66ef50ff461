#include "candidates-stun/server_list.hpp"
#include "candidates-stun/stun_codec.hpp"
#include "input.hpp"

// The plugin's own codec and configuration: what a hostile STUN server sends, what a user writes.
CAUSEWAY_FUZZ_TARGET(plugin_stun) {
  if (input.flag()) {
    const ByteView text = input.rest();
    candidates_stun::parse_address(as_text(text));
    candidates_stun::parse_servers(as_text(text));
  } else {
    const ByteView bytes = input.rest();
    const auto response = candidates_stun::parse_binding_response(bytes.data(), bytes.size());
    require(!response || !response->mapped || response->mapped->family == 4 || response->mapped->family == 6,
            "a mapped address of no family");
  }
}
