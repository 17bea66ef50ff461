#include "server/src/storage/state_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <system_error>
#include <utility>

#include "protocol/json.hpp"
#include "server/src/net/server_key.hpp"

namespace causeway::server {
namespace {

using protocol::Json;

constexpr int kSettingsVersion = 1;

std::string last_error() { return std::generic_category().message(errno); }

std::optional<Error> write_file(const std::string& path, const std::string& content) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return Error{path + ": " + last_error()};
  std::size_t written = 0;
  while (written < content.size()) {
    const ssize_t count = ::write(descriptor, content.data() + written, content.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    written += static_cast<std::size_t>(count);
  }
  const bool stored = written == content.size() && ::fsync(descriptor) == 0;
  const std::string problem = last_error();
  ::close(descriptor);
  if (!stored) return Error{path + ": " + problem};
  return std::nullopt;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{path + ": " + last_error()};
  return protocol::success(std::string(std::istreambuf_iterator<char>(file), {}));
}

Json settings_to_json(const ServerSettings& settings) {
  Json value{{"version", kSettingsVersion},
             {"listen", settings.listen},
             {"public", settings.public_address.to_string()},
             {"stun_listen", Json::array()},
             {"stun_public", Json::array()},
             {"turn", settings.turn_uris},
             {"turn_secret", settings.turn_secret},
             {"pins", Json::array()},
             {"store", "sqlite"}};
  for (const auto& endpoint : settings.stun_listen)
    value["stun_listen"].push_back(endpoint.to_string());
  for (const auto& endpoint : settings.stun_public)
    value["stun_public"].push_back(endpoint.to_string());
  for (const auto& pin : settings.pins)
    value["pins"].push_back(to_base64(pin));
  return value;
}

std::optional<std::vector<net::Endpoint>> read_endpoints(const Json& value, std::string_view key) {
  const Json* array = protocol::get_array(value, key);
  if (!array) return std::nullopt;
  std::vector<net::Endpoint> endpoints;
  for (const Json& entry : *array) {
    const auto endpoint =
        entry.is_string() ? net::Endpoint::parse(entry.get_ref<const std::string&>()) : std::nullopt;
    if (!endpoint) return std::nullopt;
    endpoints.push_back(*endpoint);
  }
  return endpoints;
}

Result<ServerSettings> settings_from_json(const Json& value) {
  if (protocol::get_integer<int>(value, "version", 0, 1'000'000) != kSettingsVersion) {
    return Error{"version: not " + std::to_string(kSettingsVersion) +
                 ": use the causeway-server that wrote it"};
  }
  ServerSettings settings;
  settings.listen = protocol::get_string(value, "listen").value_or("");
  if (!net::Endpoint::parse(settings.listen)) return protocol::bad_member("listen", "ip:port");
  const auto public_address = protocol::HostPort::parse(protocol::get_string(value, "public").value_or(""));
  if (!public_address) return protocol::bad_member("public", "host:port");
  settings.public_address = *public_address;
  auto stun_listen = read_endpoints(value, "stun_listen");
  if (!stun_listen) return protocol::bad_member("stun_listen", "an array of ip:port");
  settings.stun_listen = std::move(*stun_listen);
  auto stun_public = read_endpoints(value, "stun_public");
  if (!stun_public) return protocol::bad_member("stun_public", "an array of ip:port");
  settings.stun_public = std::move(*stun_public);
  if (const Json* uris = protocol::get_array(value, "turn")) {
    for (const Json& uri : *uris) {
      if (!uri.is_string()) return protocol::bad_member("turn", "an array of URIs");
      settings.turn_uris.push_back(uri.get<std::string>());
    }
  }
  settings.turn_secret = protocol::get_string(value, "turn_secret").value_or("");
  const Json* pins = protocol::get_array(value, "pins");
  if (!pins || pins->empty()) return protocol::bad_member("pins", "an array of keys");
  for (const Json& entry : *pins) {
    const auto raw = from_base64(entry.is_string() ? entry.get_ref<const std::string&>() : std::string());
    protocol::KeyPin pin;
    if (!raw || raw->size() != pin.size()) return protocol::bad_member("pins", "an array of keys");
    std::copy(raw->begin(), raw->end(), pin.begin());
    settings.pins.push_back(pin);
  }
  return settings;
}

}  // namespace

std::optional<Error> StateDirectory::initialise(ServerSettings settings, const NetworkRow& network) const {
  std::error_code problem;
  const bool made = ::mkdir(path_.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) {
    return Error{path_ + ": " + last_error() + ": make the directory above it, or choose another --dir"};
  }
  if (!made && (!std::filesystem::is_empty(path_, problem) || problem)) {
    return Error{path_ + ": exists and is not empty: choose another --dir"};
  }
  const auto write_all = [&]() -> std::optional<Error> {
    const std::string key = make_private_key();
    const std::string next_key = make_private_key();
    settings.pins = {pin_of(key).value(), pin_of(next_key).value()};
    if (auto error = write_file(private_key(), key)) return error;
    if (auto error = write_file(path_ + "/next.key", next_key)) return error;
    const std::string host = settings.public_address.host;
    if (auto error = write_file(certificate(), make_certificate(key, host))) return error;
    {
      auto store = SqliteStore::create(path_ + "/state.db");
      if (!store) return store.error();
      std::promise<std::optional<Error>> stored;
      (*store)->commit({network},
                       [&stored](std::optional<Error> result) { stored.set_value(std::move(result)); });
      if (auto error = stored.get_future().get()) return error;
    }
    // Last: a directory with settings is a complete one.
    return write_file(path_ + "/server.json", settings_to_json(settings).dump(2) + "\n");
  };
  const mode_t former = ::umask(0077);  // SQLite makes its files by the umask
  auto error = write_all();
  ::umask(former);
  if (error) {
    for (const char* name : {"server.key", "next.key", "server.crt", "state.db", "state.db-wal",
                             "state.db-shm", "server.json"}) {
      std::filesystem::remove(path_ + "/" + name, problem);
    }
    if (made) std::filesystem::remove(path_, problem);
  }
  return error;
}

Result<ServerSettings> StateDirectory::load_settings() const {
  const std::string path = path_ + "/server.json";
  const auto text = read_file(path);
  if (!text)
    return Error{text.error().message + ": make it by `causeway-server init`, or name the right --dir"};
  const auto value = protocol::parse_json(*text);
  if (!value) return Error{path + ": " + value.error().message};
  auto settings = settings_from_json(*value);
  if (!settings) return Error{path + ": " + settings.error().message};
  return settings;
}

Result<FileLock> StateDirectory::lock() const { return FileLock::acquire(path_ + "/lock"); }

Result<std::unique_ptr<SqliteStore>> StateDirectory::open_store() const {
  return SqliteStore::open(path_ + "/state.db");
}

}  // namespace causeway::server
