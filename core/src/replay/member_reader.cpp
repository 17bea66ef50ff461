#include "replay/member_reader.hpp"

#include <cmath>

#include "protocol/json.hpp"

namespace causeway::replay {

MemberReader::MemberReader(const Json& object, std::string_view where) : object_(object), where_(where) {
  if (!object.is_object()) throw BadMember{std::string(where) + " is no object"};
}

const MemberReader::Json* MemberReader::find(const char* key) const {
  return protocol::find_member(object_, key);
}

void MemberReader::fail(std::string_view key, std::string_view what) const {
  throw BadMember{std::string(where_) + std::string(key) + ": missing or not " + std::string(what)};
}

void MemberReader::need(const char* key) const {
  if (!has(key)) fail(key, "there");
}

void MemberReader::read(const char* key, bool& value) const {
  const Json* member = find(key);
  if (member == nullptr) return;
  if (!member->is_boolean()) fail(key, "true or false");
  value = member->get<bool>();
}

void MemberReader::read(const char* key, std::string& value, std::size_t most) const {
  const Json* member = find(key);
  if (member == nullptr) return;
  if (!member->is_string()) fail(key, "a text");
  value = member->get<std::string>();
  if (value.size() > most) fail(key, "as short as " + std::to_string(most) + " bytes");
}

void MemberReader::read(const char* key, double& value, double most) const {
  const Json* member = find(key);
  if (member == nullptr) return;
  if (!member->is_number()) fail(key, "a number");
  value = member->get<double>();
  if (!std::isfinite(value) || value < 0 || value > most) fail(key, "a number in its range");
}

void MemberReader::read(const char* key, std::uint64_t& value) const {
  const Json* member = find(key);
  if (member == nullptr) return;
  if (!member->is_number_unsigned()) fail(key, "a whole number");
  value = member->get<std::uint64_t>();
}

void MemberReader::read(const char* key, std::int64_t& value, std::int64_t least, std::int64_t most) const {
  const Json* member = find(key);
  if (member == nullptr) return;
  const auto given = protocol::as_integer(*member, least, most);
  if (!given) fail(key, "a whole number in its range");
  value = *given;
}

void MemberReader::read(const char* key, std::uint32_t& value, std::uint32_t most) const {
  std::int64_t given = value;
  read(key, given, 0, most);
  value = static_cast<std::uint32_t>(given);
}

void MemberReader::read(const char* key, Duration& value, Duration most) const {
  std::int64_t given = value.count();
  read(key, given, 0, most.count());
  value = Duration(given);
}

void MemberReader::read(const char* key, SteadyTime& value) const {
  Duration since = value.time_since_epoch();
  read(key, since, Duration(kMostNanoseconds));
  value = SteadyTime(since);
}

const MemberReader::Json* MemberReader::object(const char* key) const {
  const Json* member = find(key);
  if (member != nullptr && !member->is_object()) fail(key, "an object");
  return member;
}

const MemberReader::Json* MemberReader::array(const char* key, std::size_t most) const {
  const Json* member = find(key);
  if (member == nullptr) return nullptr;
  if (!member->is_array()) fail(key, "a list");
  if (member->size() > most) fail(key, "a list of at most " + std::to_string(most));
  return member;
}

}  // namespace causeway::replay
