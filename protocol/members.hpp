#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/keys.hpp"
#include "net/endpoint.hpp"
#include "protocol/candidate.hpp"
#include "protocol/json.hpp"
#include "protocol/node_record.hpp"

/// Readers of the members that several messages have. Each failure names the member.
namespace causeway::protocol {

Result<std::string> read_name(const Json& object, std::string_view key);
Result<net::IpAddress> read_virtual_address(const Json& object, std::string_view key);
Result<std::string> read_ufrag(const Json& object);
/// Missing is an empty list.
Result<std::vector<WireCandidate>> read_candidates(const Json& object);
Result<SignedRecord> read_record(const Json& object);
/// Missing is none; present and malformed is an error.
Result<std::optional<SignedRecord>> read_optional_record(const Json& object);
Result<std::vector<net::IpAddress>> read_addresses(const Json& object, std::string_view key,
                                                   std::size_t most);
/// Missing is an empty list.
Result<std::vector<std::string>> read_words(const Json& object, std::string_view key, std::size_t most);
/// As read_words, each a valid name.
Result<std::vector<std::string>> read_names(const Json& object, std::string_view key, std::size_t most);
Json addresses_to_json(const std::vector<net::IpAddress>& addresses);

template <class Key>
Result<Key> read_key(const Json& object, std::string_view key) {
  const auto made = Key::from_base64(get_string(object, key).value_or(""));
  if (!made) return bad_member(key, "base64 of 32 bytes");
  return *made;
}

}  // namespace causeway::protocol
