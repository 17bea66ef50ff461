#include "protocol/node_record.hpp"

#include "base/random.hpp"
#include "crypto/ed25519.hpp"
#include "input.hpp"

// A record's text under a right signature of a hostile identity, and the same with another's.
CAUSEWAY_FUZZ_TARGET(node_record) {
  static SeededRandom random(3);
  static const crypto::IdentityKeys keys = crypto::generate_identity(random);
  const WallTime now{std::chrono::seconds(1'790'000'000)};
  const bool is_signed = input.flag();
  std::string body(as_text(input.rest()));
  // "@" stands for our key: a mutator does not guess 44 characters.
  if (const auto at = body.find('@'); at != std::string::npos)
    body.replace(at, 1, keys.public_key.to_base64());
  protocol::SignedRecord record{body, {}};
  if (is_signed) {
    Bytes text(22 + 1);
    const std::string_view context = "causeway node record 1";
    std::copy(context.begin(), context.end(), text.begin());
    text.insert(text.end(), body.begin(), body.end());
    record.signature = crypto::sign(keys.secret, text);
  }
  const auto verified = protocol::verify(record, "home", now);
  if (!verified) return;
  require(is_signed && verified->identity == keys.public_key, "a record that its identity did not sign");
  require(verified->network == "home" && verified->expires > now, "a foreign or expired record");
  require(!verified->virtual_addresses.empty() && verified->virtual_addresses.size() <= 4, "addresses");
  const auto again = protocol::SignedRecord::parse(record.to_json());
  require(again && *again == record, "a record changes by being written");
}
