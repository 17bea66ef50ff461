#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace causeway::replay {

/// A member that is not as it should be; TraceReader turns it into an Error.
struct BadMember {
  std::string text;
};

/// Reads the members of one object of a trace. What is missing keeps the value it had; what is of another
/// type or out of range ends the line with a BadMember. `null` clears an optional.
class MemberReader {
 public:
  using Json = nlohmann::json;
  static constexpr std::int64_t kMostNanoseconds = std::int64_t{1} << 61;  ///< 73 years

  /// `where`: "pairs[3]." or nothing. Both are borrowed.
  MemberReader(const Json& object, std::string_view where);

  bool has(const char* key) const { return find(key) != nullptr; }
  bool is_null(const char* key) const {
    const Json* member = find(key);
    return member != nullptr && member->is_null();
  }
  void read(const char* key, bool& value) const;
  void read(const char* key, std::string& value, std::size_t most) const;
  void read(const char* key, double& value, double most) const;
  void read(const char* key, std::uint64_t& value) const;
  void read(const char* key, std::uint32_t& value, std::uint32_t most = UINT32_MAX) const;
  void read(const char* key, std::int64_t& value, std::int64_t least, std::int64_t most) const;
  void read(const char* key, Duration& value, Duration most) const;
  void read(const char* key, SteadyTime& value) const;
  template <class T, class... Limits>
  void read_optional(const char* key, std::optional<T>& value, Limits... limits) const {
    const Json* member = find(key);
    if (member == nullptr) return;
    if (member->is_null()) {
      value.reset();
      return;
    }
    T given{};
    read(key, given, limits...);
    value = std::move(given);
  }
  /// One of the words that `parse` knows.
  template <class Parse, class T>
  void read_word(const char* key, T& value, Parse parse) const {
    if (find(key) == nullptr) return;
    std::string text;
    read(key, text, 64);
    const auto known = parse(std::string_view(text));
    if (!known) fail(key, "a word that is known here");
    value = *known;
  }
  /// nullptr: missing.
  const Json* object(const char* key) const;
  const Json* array(const char* key, std::size_t most) const;
  void need(const char* key) const;
  [[noreturn]] void fail(std::string_view key, std::string_view what) const;

 private:
  const Json* find(const char* key) const;

  const Json& object_;
  std::string_view where_;
};

}  // namespace causeway::replay
