#include "protocol/json.hpp"

#include <cstring>
#include <utility>
#include <vector>

namespace causeway::protocol {
namespace {

/// Builds the tree as nlohmann's own reader would, but stops at the first thing above a limit. Its parser
/// keeps no call frame per level, and the value is never deeper than the limit, so neither building nor
/// destroying can exhaust the stack.
class BoundedBuilder {
 public:
  explicit BoundedBuilder(const JsonLimits& limits) : limits_(limits) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) { return add(value); }
  bool number_float(double value, const std::string&) { return add(value); }
  bool binary(Json::binary_t&) { return fail("binary values are not JSON"); }
  bool string(std::string& value) {
    const bool is_body = !open_.empty() && open_.back()->is_object() && key_ == "body";
    if (value.size() > (is_body ? limits_.body_bytes : limits_.string_bytes))
      return fail("a string is too long");
    return add(std::move(value));
  }
  bool key(std::string& name) {
    if (name.size() > limits_.string_bytes) return fail("a member name is too long");
    if (open_.back()->contains(name)) return fail("a member name occurs twice");
    key_ = std::move(name);
    return true;
  }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  template <class Exception>
  bool parse_error(std::size_t position, const std::string&, const Exception&) {
    return fail("not JSON at byte " + std::to_string(position));
  }

  Json& root() { return root_; }
  const std::string& problem() const { return problem_; }

 private:
  bool add(Json value) {
    if (++values_ > limits_.values) return fail("too many values");
    place(std::move(value));
    return true;
  }
  bool open(Json container) {
    if (open_.size() >= limits_.depth) return fail("nested too deeply");
    if (++values_ > limits_.values) return fail("too many values");
    open_.push_back(place(std::move(container)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  /// Pointers in open_ stay valid: a container only grows at its end while its last child is open.
  Json* place(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (!parent.is_array()) return &(parent[std::exchange(key_, {})] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }
  bool fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }

  const JsonLimits& limits_;
  Json root_;
  std::vector<Json*> open_;
  std::string key_;
  std::string problem_;
  std::size_t values_ = 0;
};

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) return Error{"message too long"};
  // nlohmann's reader takes NUL for the end of the text and would not see what follows.
  if (text.find('\0') != std::string_view::npos) return Error{"a NUL byte is not JSON"};
  if (text.starts_with("\xef\xbb\xbf")) return Error{"a byte order mark is not JSON"};
  BoundedBuilder builder(limits);
  if (!Json::sax_parse(text.begin(), text.end(), &builder, Json::input_format_t::json, /*strict=*/true)) {
    return Error{builder.problem().empty() ? "not JSON" : builder.problem()};
  }
  return success(std::move(builder.root()));
}

std::string to_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json* find_member(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::optional<std::string> get_string(const Json& object, std::string_view key) {
  const Json* member = find_member(object, key);
  if (!member || !member->is_string()) return std::nullopt;
  return member->get_ref<const std::string&>();
}

std::optional<bool> get_bool(const Json& object, std::string_view key) {
  const Json* member = find_member(object, key);
  if (!member || !member->is_boolean()) return std::nullopt;
  return member->get<bool>();
}

const Json* get_array(const Json& object, std::string_view key) {
  const Json* member = find_member(object, key);
  return member && member->is_array() ? member : nullptr;
}

const Json* get_object(const Json& object, std::string_view key) {
  const Json* member = find_member(object, key);
  return member && member->is_object() ? member : nullptr;
}

std::optional<std::int64_t> as_integer(const Json& value, std::int64_t low, std::int64_t high) {
  std::int64_t number = 0;
  if (value.is_number_unsigned()) {
    const auto unsigned_number = value.get<std::uint64_t>();
    if (!std::in_range<std::int64_t>(unsigned_number)) return std::nullopt;
    number = static_cast<std::int64_t>(unsigned_number);
  } else if (value.is_number_integer()) {
    number = value.get<std::int64_t>();
  } else {
    return std::nullopt;
  }
  if (number < low || number > high) return std::nullopt;
  return number;
}

Error bad_member(std::string_view name, std::string_view what) {
  return {std::string(name) + ": missing or not " + std::string(what)};
}

}  // namespace causeway::protocol
