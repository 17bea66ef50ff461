#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace causeway::store {

/// Thrown inside the decoders of this folder only: a member that is not as we write it.
struct BadMember {
  std::string name;
};

/// Reads the members of one object and notices those that nobody asked for.
class ObjectReader {
 public:
  ObjectReader(const nlohmann::json& object, std::string_view what) : object_(object) {
    if (!object.is_object()) throw BadMember{std::string(what)};
  }
  const nlohmann::json& member(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end()) throw BadMember{name};
    ++read_;
    return *found;
  }
  /// A member that earlier versions did not write; null when it is not there.
  const nlohmann::json* newer_member(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end()) return nullptr;
    ++read_;
    return &*found;
  }
  const nlohmann::json* optional_member(const char* name) {
    const nlohmann::json& value = member(name);
    return value.is_null() ? nullptr : &value;
  }
  std::string text(const char* name) {
    const nlohmann::json& value = member(name);
    if (!value.is_string()) throw BadMember{name};
    return value.get<std::string>();
  }
  bool boolean(const char* name) {
    const nlohmann::json& value = member(name);
    if (!value.is_boolean()) throw BadMember{name};
    return value.get<bool>();
  }
  std::uint64_t number(const char* name, std::uint64_t most) {
    const nlohmann::json& value = member(name);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most) throw BadMember{name};
    return value.get<std::uint64_t>();
  }
  /// 0 to `most`.
  double figure(const char* name, double most) {
    const nlohmann::json& value = member(name);
    if (!value.is_number()) throw BadMember{name};
    const double figure = value.get<double>();
    if (!(figure >= 0 && figure <= most)) throw BadMember{name};
    return figure;
  }
  void finish() const {
    if (read_ != object_.size()) throw BadMember{"an unknown member"};
  }

 private:
  const nlohmann::json& object_;
  std::size_t read_ = 0;
};

template <class T>
T parse_or_throw(const std::string& text, const char* name) {
  const auto parsed = T::parse(text);
  if (!parsed) throw BadMember{name};
  return *parsed;
}

template <class T>
std::optional<T> parse_optional(ObjectReader& object, const char* name) {
  const nlohmann::json* value = object.optional_member(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) throw BadMember{name};
  return parse_or_throw<T>(value->get<std::string>(), name);
}

}  // namespace causeway::store
