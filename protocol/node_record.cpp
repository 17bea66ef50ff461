#include "protocol/node_record.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "protocol/name.hpp"
#include "protocol/rpc.hpp"

namespace causeway::protocol {
namespace {

constexpr std::string_view kContext = "causeway node record 1";
constexpr std::size_t kMaxAddresses = 4;
constexpr std::size_t kMaxAbilities = 32;
constexpr std::size_t kMaxAbilityBytes = 64;
constexpr std::int64_t kMaxUnixSeconds = 9'000'000'000;  // year 2255; nanoseconds still fit a WallTime

/// "causeway node record 1" ‖ 0x00 ‖ body
Bytes signed_bytes(std::string_view body) {
  Bytes message(kContext.begin(), kContext.end());
  message.push_back(0);
  message.insert(message.end(), body.begin(), body.end());
  return message;
}

std::optional<std::vector<net::IpAddress>> parse_addresses(const Json* array) {
  if (!array || array->empty() || array->size() > kMaxAddresses) return std::nullopt;
  std::vector<net::IpAddress> addresses;
  for (const Json& entry : *array) {
    if (!entry.is_string()) return std::nullopt;
    const auto address = net::IpAddress::parse(entry.get_ref<const std::string&>());
    if (!address || !address->is_usable_unicast()) return std::nullopt;
    addresses.push_back(*address);
  }
  return addresses;
}

std::optional<std::vector<std::string>> parse_abilities(const Json* array) {
  if (!array || array->size() > kMaxAbilities) return std::nullopt;
  std::vector<std::string> abilities;
  for (const Json& entry : *array) {
    if (!entry.is_string() || entry.get_ref<const std::string&>().size() > kMaxAbilityBytes)
      return std::nullopt;
    abilities.push_back(entry.get<std::string>());
  }
  return abilities;
}

std::optional<NodeRecord> parse_body(std::string_view body) {
  const auto parsed = parse_json(body, {.bytes = JsonLimits{}.body_bytes});
  if (!parsed) return std::nullopt;
  NodeRecord record;
  record.network = get_string(*parsed, "network").value_or("");
  record.name = get_string(*parsed, "name").value_or("");
  const auto identity = crypto::IdentityPublicKey::from_base64(get_string(*parsed, "identity").value_or(""));
  const auto session_key =
      crypto::SessionPublicKey::from_base64(get_string(*parsed, "session_key").value_or(""));
  auto addresses = parse_addresses(get_array(*parsed, "virtual_addresses"));
  auto abilities = parse_abilities(get_array(*parsed, "abilities"));
  const auto serial = get_integer<std::uint64_t>(*parsed, "serial", 0, kMaxRequestId);
  const auto expires = get_integer<std::int64_t>(*parsed, "expires", 0, kMaxUnixSeconds);
  if (!is_valid_name(record.network) || !is_valid_name(record.name) || !identity || !session_key ||
      !addresses || !abilities || !serial || !expires) {
    return std::nullopt;
  }
  record.identity = *identity;
  record.session_key = *session_key;
  record.virtual_addresses = std::move(*addresses);
  record.abilities = std::move(*abilities);
  record.serial = *serial;
  record.expires = WallTime(std::chrono::seconds(*expires));
  return record;
}

}  // namespace

bool NodeRecord::has_ability(std::string_view word) const {
  return std::find(abilities.begin(), abilities.end(), word) != abilities.end();
}

Json SignedRecord::to_json() const {
  return {{"body", to_base64(as_bytes(body))}, {"signature", to_base64(signature)}};
}

Result<SignedRecord> SignedRecord::parse(const Json& value) {
  const auto body = from_base64(get_string(value, "body").value_or(""));
  if (!body || body->empty()) return bad_member("record.body", "base64 of a node record");
  const auto signature = from_base64(get_string(value, "signature").value_or(""));
  SignedRecord record;
  if (!signature || signature->size() != record.signature.size()) {
    return bad_member("record.signature", "base64 of 64 bytes");
  }
  record.body = as_text(*body);
  std::copy(signature->begin(), signature->end(), record.signature.begin());
  return record;
}

std::string_view to_string(RecordProblem problem) {
  switch (problem) {
    case RecordProblem::malformed:
      return "not a node record";
    case RecordProblem::bad_signature:
      return "the record's signature is wrong";
    case RecordProblem::wrong_network:
      return "the record is for another network";
    case RecordProblem::expired:
      return "the record has expired";
  }
  return "bad record";
}

void throw_exception_from_error(RecordProblem problem, const boost::source_location&) {
  throw std::runtime_error(std::string(to_string(problem)));
}

SignedRecord sign(const NodeRecord& record, const crypto::IdentitySecretKey& secret) {
  Json addresses = Json::array();
  for (const auto& address : record.virtual_addresses)
    addresses.push_back(address.to_string());
  const auto expires =
      std::chrono::duration_cast<std::chrono::seconds>(record.expires.time_since_epoch()).count();
  SignedRecord made;
  made.body = to_line({{"network", record.network},
                       {"name", record.name},
                       {"identity", record.identity.to_base64()},
                       {"virtual_addresses", std::move(addresses)},
                       {"session_key", record.session_key.to_base64()},
                       {"abilities", record.abilities},
                       {"serial", record.serial},
                       {"expires", expires}});
  made.signature = crypto::sign(secret, signed_bytes(made.body));
  return made;
}

Result<NodeRecord, RecordProblem> verify(const SignedRecord& record, std::string_view network, WallTime now) {
  auto parsed = parse_body(record.body);
  if (!parsed) return RecordProblem::malformed;
  if (!crypto::verify(parsed->identity, signed_bytes(record.body), record.signature)) {
    return RecordProblem::bad_signature;
  }
  if (parsed->network != network) return RecordProblem::wrong_network;
  if (parsed->expires <= now) return RecordProblem::expired;
  return std::move(*parsed);
}

}  // namespace causeway::protocol
