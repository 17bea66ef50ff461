#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace causeway::daemon {

/// Thrown by the readers below and caught by parse_config(): one sentence that names the key.
struct ConfigProblem {
  std::string message;
};

/// JSON with comments; throws ConfigProblem with line and column. A key that occurs twice in one object is
/// refused.
nlohmann::json parse_commented_json(std::string_view text);

/// The word of `known` with the smallest edit distance to `word`, if it is near enough to be a slip of the
/// pen.
std::optional<std::string> nearest_word(std::string_view word, const std::set<std::string>& known);

/// Reads one JSON object member by member and knows by then which members there may be. Every read names the
/// member even when it is absent; finish() complains about the others.
class ConfigObject {
 public:
  /// `path` is "" for the outermost object, else as in "plugins.priority[0]".
  ConfigObject(const nlohmann::json& object, std::string path, std::set<std::string>* keys_looked_for);

  void read_flag(const char* key, bool& value);

  template <std::integral T>
  void read_integer(const char* key, T& value, std::int64_t low, std::int64_t high) {
    if (const auto number = integer(key, low, high)) value = static_cast<T>(*number);
  }

  /// `parse` takes a string_view and returns an optional; `what` says what the text should be.
  template <class T, class Parse>
  void read_text(const char* key, T& value, const char* what, Parse parse) {
    const nlohmann::json* member = find(key);
    if (member != nullptr) value = convert<T>(*member, path_of(key), what, parse);
  }

  /// Like read_text, but null is allowed and means: not set.
  template <class T, class Parse>
  void read_optional_text(const char* key, std::optional<T>& value, const char* what, Parse parse) {
    const nlohmann::json* member = find(key);
    if (member == nullptr) return;
    value.reset();
    if (!member->is_null()) value = convert<T>(*member, path_of(key), what, parse);
  }

  template <class T, class Parse>
  void read_texts(const char* key, std::vector<T>& values, std::size_t most, const char* what, Parse parse) {
    const nlohmann::json* member = array(key, most);
    if (member == nullptr) return;
    values.clear();
    for (std::size_t i = 0; i < member->size(); ++i) {
      values.push_back(convert<T>((*member)[i], path_of(key) + "[" + std::to_string(i) + "]", what, parse));
    }
  }

  /// An object whose members are objects of somebody else's: their compact JSON, by key.
  void read_object_texts(const char* key, std::map<std::string, std::string>& texts, std::size_t most,
                         std::size_t most_bytes, const char* what, bool (*is_key)(std::string_view));

  /// The member object, or an empty one in its place.
  ConfigObject object(const char* key);
  /// The objects of a list; nullopt when the key is absent.
  std::optional<std::vector<ConfigObject>> objects(const char* key, std::size_t most);

  /// A member without which the object means nothing.
  void require(const char* key) const;
  std::string path_of(std::string_view key) const;
  void finish() const;

 private:
  const nlohmann::json* find(const char* key);
  const nlohmann::json* array(const char* key, std::size_t most);
  std::optional<std::int64_t> integer(const char* key, std::int64_t low, std::int64_t high);
  [[noreturn]] static void refuse(const std::string& path, const nlohmann::json& value,
                                  const std::string& what);

  template <class T, class Parse>
  static T convert(const nlohmann::json& value, const std::string& path, const char* what, Parse parse) {
    if (!value.is_string()) refuse(path, value, what);
    auto parsed = parse(std::string_view(value.get_ref<const std::string&>()));
    if (!parsed) refuse(path, value, what);
    return T(*std::move(parsed));
  }

  const nlohmann::json& object_;
  std::string path_;
  std::set<std::string>* keys_looked_for_;
  std::set<std::string> known_;
};

}  // namespace causeway::daemon
