#include "protocol/members.hpp"

#include <utility>

#include "protocol/messages.hpp"
#include "protocol/name.hpp"

namespace causeway::protocol {

Result<std::string> read_name(const Json& object, std::string_view key) {
  auto name = get_string(object, key);
  if (!name || !is_valid_name(*name))
    return bad_member(key, "a name (1 to 63 letters, digits, '.', '_', '-')");
  return success(std::move(*name));
}

Result<net::IpAddress> read_virtual_address(const Json& object, std::string_view key) {
  const auto address = net::IpAddress::parse(get_string(object, key).value_or(""));
  if (!address || !address->is_usable_unicast()) return bad_member(key, "a unicast address");
  return *address;
}

Result<std::string> read_ufrag(const Json& object) {
  auto ufrag = get_string(object, "ufrag");
  if (!ufrag || !is_ice_chars(*ufrag, 4, kMaxUfragBytes)) return bad_member("ufrag", "4 to 256 ice-chars");
  return success(std::move(*ufrag));
}

Result<std::vector<WireCandidate>> read_candidates(const Json& object) {
  const Json* array = find_member(object, "candidates");
  if (!array) return std::vector<WireCandidate>{};
  auto list = WireCandidateList::parse(*array);
  if (!list) return list.error();
  return std::move(list->candidates);
}

Result<SignedRecord> read_record(const Json& object) {
  const Json* record = get_object(object, "record");
  if (!record) return bad_member("record", "a node record");
  return SignedRecord::parse(*record);
}

Result<std::optional<SignedRecord>> read_optional_record(const Json& object) {
  if (!find_member(object, "record")) return std::optional<SignedRecord>{};
  auto record = read_record(object);
  if (!record) return record.error();
  return std::optional(std::move(*record));
}

Result<std::vector<net::IpAddress>> read_addresses(const Json& object, std::string_view key,
                                                   std::size_t most) {
  const Json* array = get_array(object, key);
  if (!array) return bad_member(key, "an array of addresses");
  if (array->size() > most) return Error{std::string(key) + ": more than " + std::to_string(most)};
  std::vector<net::IpAddress> addresses;
  for (const Json& entry : *array) {
    const auto address =
        entry.is_string() ? net::IpAddress::parse(entry.get_ref<const std::string&>()) : std::nullopt;
    if (!address) return bad_member(key, "an array of addresses");
    addresses.push_back(*address);
  }
  return addresses;
}

Result<std::vector<std::string>> read_words(const Json& object, std::string_view key, std::size_t most) {
  std::vector<std::string> words;
  if (!find_member(object, key)) return words;
  const Json* array = get_array(object, key);
  if (!array || array->size() > most) return bad_member(key, "an array of words");
  for (const Json& entry : *array) {
    if (!entry.is_string()) return bad_member(key, "an array of words");
    words.push_back(entry.get<std::string>());
  }
  return words;
}

Result<std::vector<std::string>> read_names(const Json& object, std::string_view key, std::size_t most) {
  auto names = read_words(object, key, most);
  if (!names) return names;
  for (const std::string& name : *names) {
    if (!is_valid_name(name)) return bad_member(key, "an array of names");
  }
  return names;
}

Json addresses_to_json(const std::vector<net::IpAddress>& addresses) {
  Json array = Json::array();
  for (const auto& address : addresses)
    array.push_back(address.to_string());
  return array;
}

}  // namespace causeway::protocol
