#include "daemon/config_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace causeway::daemon {
namespace {

using Json = nlohmann::json;

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

/// A value as the user wrote it, cut when long.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

/// "a.b[3].c" to "a.b[].c".
std::string without_indices(std::string_view path) {
  std::string general;
  bool inside = false;
  for (const char c : path) {
    if (c == ']') inside = false;
    if (!inside) general += c;
    if (c == '[') inside = true;
  }
  return general;
}

/// A configuration needs five; what copies and prints JSON recurses, so a file must not choose how deep.
constexpr int kMostDepth = 32;

const Json& empty_object() {
  static const Json empty = Json::object();
  return empty;
}

}  // namespace

Json parse_commented_json(std::string_view text) {
  // nlohmann's reader would take NUL for the end of the text.
  if (text.find('\0') != std::string_view::npos) throw ConfigProblem{"a NUL byte is not JSON"};
  std::vector<std::set<std::string>> keys_of_open_objects;
  const auto check_event = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMostDepth) throw ConfigProblem{"nested too deeply: no key needs that"};
    if (event == Json::parse_event_t::object_start) keys_of_open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_of_open_objects.pop_back();
    if (event == Json::parse_event_t::key &&
        !keys_of_open_objects.back().insert(parsed.get<std::string>()).second) {
      throw ConfigProblem{fmt::format("key {} occurs twice in one object: keep one of them", parsed.dump())};
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), check_event, /*allow_exceptions=*/true,
                       /*ignore_comments=*/true);
  } catch (const Json::exception& problem) {
    // "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error while …"
    std::string_view what = problem.what();
    if (const auto end = what.find("] "); end != std::string_view::npos) what.remove_prefix(end + 2);
    throw ConfigProblem{fmt::format("not JSON: {}", what)};
  }
}

std::optional<std::string> nearest_word(std::string_view word, const std::set<std::string>& known) {
  std::optional<std::string> best;
  // A third of the letters, rounded up, may differ; past that a proposal only confuses.
  std::size_t best_distance = (std::max<std::size_t>(word.size(), 3) + 2) / 3 + 1;
  if (word.size() > 64) return std::nullopt;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

ConfigObject::ConfigObject(const Json& object, std::string path, std::set<std::string>* keys_looked_for)
    : object_(object), path_(std::move(path)), keys_looked_for_(keys_looked_for) {
  if (!object_.is_object()) {
    if (path_.empty()) throw ConfigProblem{"the configuration must be one JSON object, { … }"};
    refuse(path_, object_, "an object");
  }
}

std::string ConfigObject::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

const Json* ConfigObject::find(const char* key) {
  known_.insert(key);
  if (keys_looked_for_ != nullptr) keys_looked_for_->insert(without_indices(path_of(key)));
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

void ConfigObject::read_flag(const char* key, bool& value) {
  const Json* member = find(key);
  if (member == nullptr) return;
  if (!member->is_boolean()) refuse(path_of(key), *member, "true or false");
  value = member->get<bool>();
}

std::optional<std::int64_t> ConfigObject::integer(const char* key, std::int64_t low, std::int64_t high) {
  const Json* member = find(key);
  if (member == nullptr) return std::nullopt;
  const bool fits =
      member->is_number_integer() &&
      !(member->is_number_unsigned() && !std::in_range<std::int64_t>(member->get<std::uint64_t>()));
  if (!fits || member->get<std::int64_t>() < low || member->get<std::int64_t>() > high) {
    refuse(path_of(key), *member, fmt::format("an integer from {} to {}", low, high));
  }
  return member->get<std::int64_t>();
}

const Json* ConfigObject::array(const char* key, std::size_t most) {
  const Json* member = find(key);
  if (member == nullptr) return nullptr;
  if (!member->is_array()) refuse(path_of(key), *member, "a list, [ … ]");
  if (member->size() > most) {
    throw ConfigProblem{fmt::format("key \"{}\": {} entries, and at most {} are allowed", path_of(key),
                                    member->size(), most)};
  }
  return member;
}

void ConfigObject::read_object_texts(const char* key, std::map<std::string, std::string>& texts,
                                     std::size_t most, std::size_t most_bytes, const char* what,
                                     bool (*is_key)(std::string_view)) {
  const Json* member = find(key);
  if (member == nullptr) return;
  if (!member->is_object()) refuse(path_of(key), *member, "an object");
  if (member->size() > most) {
    throw ConfigProblem{fmt::format("key \"{}\": {} entries, and at most {} are allowed", path_of(key),
                                    member->size(), most)};
  }
  texts.clear();
  for (const auto& [name, value] : member->items()) {
    const std::string path = fmt::format("{}.{}", path_of(key), name);
    if (!is_key(name))
      throw ConfigProblem{fmt::format("key \"{}\": \"{}\" is not {}", path_of(key), name, what)};
    if (!value.is_object()) refuse(path, value, "an object");
    std::string text = value.dump();
    if (text.size() > most_bytes) {
      throw ConfigProblem{
          fmt::format("key \"{}\": {} bytes, and at most {} are allowed", path, text.size(), most_bytes)};
    }
    texts.emplace(name, std::move(text));
  }
}

ConfigObject ConfigObject::object(const char* key) {
  const Json* member = find(key);
  return {member != nullptr ? *member : empty_object(), path_of(key), keys_looked_for_};
}

std::optional<std::vector<ConfigObject>> ConfigObject::objects(const char* key, std::size_t most) {
  const Json* member = array(key, most);
  if (member == nullptr) return std::nullopt;
  std::vector<ConfigObject> readers;
  for (std::size_t i = 0; i < member->size(); ++i) {
    readers.emplace_back((*member)[i], fmt::format("{}[{}]", path_of(key), i), keys_looked_for_);
  }
  return readers;
}

void ConfigObject::require(const char* key) const {
  if (!object_.contains(key)) throw ConfigProblem{fmt::format("key \"{}\" is missing", path_of(key))};
}

void ConfigObject::finish() const {
  for (const auto& [key, value] : object_.items()) {
    if (known_.contains(key)) continue;
    const auto nearest = nearest_word(key, known_);
    std::string proposal;
    if (nearest) {
      proposal = fmt::format("did you mean \"{}\"?", path_of(*nearest));
    } else {
      proposal = fmt::format("known here are {}", fmt::join(known_, ", "));
    }
    throw ConfigProblem{fmt::format("key \"{}\" is unknown: {}", path_of(key), proposal)};
  }
}

void ConfigObject::refuse(const std::string& path, const Json& value, const std::string& what) {
  throw ConfigProblem{fmt::format("key \"{}\": {} is not {}", path, shown(value), what)};
}

}  // namespace causeway::daemon
