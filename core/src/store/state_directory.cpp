#include "store/state_directory.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/x25519.hpp"
#include "store/file.hpp"
#include "store/history_codec.hpp"
#include "store/sealed_json.hpp"
#include "store/state_codec.hpp"

namespace causeway::store {
namespace {

constexpr std::string_view kVersion = "causeway state 1\n";
constexpr std::size_t kMaxSmallFile = 256 * 1024;
constexpr std::size_t kMaxPeersFile = 64 * 1024 * 1024;
constexpr std::size_t kMaxFriendsFile = 4 * 1024 * 1024;
constexpr unsigned kPrivate = 0600;

/// The directory exists, is one, is ours to use, and nobody else can put files into it.
Result<void> prepare_directory(const std::filesystem::path& directory) {
  std::error_code failure;
  if (directory.has_parent_path()) std::filesystem::create_directories(directory.parent_path(), failure);
  if (failure) return file_error("create", directory.parent_path(), failure.value());
  if (::mkdir(directory.c_str(), 0700) == 0) return {};
  const int mkdir_error = errno;
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return file_error("create", directory, mkdir_error);
  if (!S_ISDIR(status.st_mode)) {
    return Error{fmt::format("{} is no directory: choose another one", directory.string())};
  }
  if ((status.st_mode & 0022) != 0) {
    return Error{
        fmt::format("others can write to {}, and keys are to be kept there: run chmod 700 on it, or choose "
                    "another directory",
                    directory.string())};
  }
  return {};
}

Result<void> check_version(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "version";
  const auto version = read_small_file(file, 256);
  if (!version) return version.error();
  if (!*version) {
    for (const char* name : {"keys.json", "state.json"}) {
      if (!std::filesystem::exists(directory / name)) continue;
      return Error{fmt::format(
          "{} is missing though {} exists: restore the directory from a backup, or choose another one",
          file.string(), name)};
    }
    return write_file_atomically(file, as_bytes(kVersion), 0644);
  }
  if (**version == kVersion) return {};
  std::string found = version->value();
  if (const auto end = found.find('\n'); end != std::string::npos) found.resize(end);
  if (!found.starts_with("causeway state ")) {
    return Error{
        fmt::format("{} is not a version file of Causeway: choose another directory", file.string())};
  }
  return Error{
      fmt::format("{} holds \"{}\", and this program reads \"causeway state 1\": start the program version "
                  "that wrote it, or choose another directory",
                  directory.string(), found)};
}

/// nullopt: no such file.
Result<std::optional<nlohmann::json>> read_sealed(const std::filesystem::path& file, std::string_view kind,
                                                  std::size_t max_bytes, std::string_view what_to_do) {
  const auto text = read_small_file(file, max_bytes);
  if (!text) return text.error();
  if (!*text) return std::optional<nlohmann::json>{};
  auto content = unseal_json(kind, **text, file.string());
  if (!content) return Error{fmt::format("{}: {}", content.error().message, what_to_do)};
  return std::optional<nlohmann::json>{std::move(*content)};
}

constexpr std::string_view kKeysAdvice =
    "restore it from a backup, or remove the whole directory and join again as a new node";
constexpr std::string_view kStateAdvice =
    "restore it from a backup, or remove this file and join again with a token";
constexpr std::string_view kPeersAdvice =
    "it was moved aside (peers.json.damaged); peers are found again as soon as the server is reachable";
constexpr std::string_view kHistoryAdvice =
    "it was moved aside (history.json.damaged); the history of paths begins anew";
constexpr std::string_view kFriendsAdvice =
    "restore it from a backup, or remove this file: friends are then who they are when seen next";

template <class T>
Result<void> save_sealed(const std::filesystem::path& file, std::string_view kind, const T& value) {
  std::string text = seal_json(kind, encode(value));
  auto written = write_file_atomically(file, as_bytes(text), kPrivate);
  wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return written;
}

template <class T>
Error bad_content(const std::filesystem::path& file, const Result<T>& decoded, std::string_view advice) {
  return {fmt::format("{} is damaged: {}: {}", file.string(), decoded.error().message, advice)};
}

}  // namespace

Result<StateDirectory> StateDirectory::open(const std::filesystem::path& directory, RandomSource& random) {
  const std::filesystem::path path = std::filesystem::absolute(directory).lexically_normal();
  if (const auto ready = prepare_directory(path); !ready) return ready.error();
  auto lock = DirectoryLock::acquire(path);
  if (!lock) return lock.error();
  StateDirectory made(path, std::move(*lock));
  if (const auto loaded = made.load(random); !loaded) return loaded.error();
  return made;
}

Result<void> StateDirectory::load(RandomSource& random) {
  if (const auto version = check_version(path_); !version) return version.error();
  // What a crash between write and rename left behind.
  for (const char* name : {"keys.json.tmp", "state.json.tmp", "peers.json.tmp", "friends.json.tmp",
                           "history.json.tmp", "version.tmp"}) {
    ::unlink((path_ / name).c_str());
  }
  if (const auto keys = load_keys(random); !keys) return keys.error();

  const auto state_file = path_ / "state.json";
  const auto state = read_sealed(state_file, "state", kMaxSmallFile, kStateAdvice);
  if (!state) return state.error();
  if (*state) {
    auto decoded = decode_state(**state);
    if (!decoded) return bad_content(state_file, decoded, kStateAdvice);
    state_ = std::move(*decoded);
  }

  load_known_peers();
  load_history();

  const auto friends_file = path_ / "friends.json";
  const auto friends = read_sealed(friends_file, "friends", kMaxFriendsFile, kFriendsAdvice);
  if (!friends) return friends.error();
  if (*friends) {
    auto decoded = decode_friends(**friends);
    if (!decoded) return bad_content(friends_file, decoded, kFriendsAdvice);
    friends_ = std::move(*decoded);
  }
  return {};
}

void StateDirectory::load_known_peers() {
  const auto file = path_ / "peers.json";
  const auto peers = read_sealed(file, "peers", kMaxPeersFile, kPeersAdvice);
  if (peers && !*peers) return;
  auto decoded = peers ? decode_known_peers(**peers) : Result<std::vector<KnownPeer>>(peers.error());
  if (decoded) {
    known_peers_ = std::move(*decoded);
    return;
  }
  move_aside(file, peers ? bad_content(file, decoded, kPeersAdvice) : decoded.error());
}

void StateDirectory::load_history() {
  const auto file = path_ / "history.json";
  const auto content = read_sealed(file, "history", kMaxHistoryFileBytes, kHistoryAdvice);
  if (content && !*content) return;
  if (!content) return move_aside(file, content.error());
  auto decoded = decode_history(**content);
  if (!decoded) return move_aside(file, bad_content(file, decoded, kHistoryAdvice));
  history_ = std::move(*decoded);
}

void StateDirectory::move_aside(const std::filesystem::path& file, const Error& why) const {
  std::filesystem::path aside = file;
  aside += ".damaged";
  std::error_code failure;
  std::filesystem::rename(file, aside, failure);
  log::warning("store", "{}", why.message);
}

Result<void> StateDirectory::load_keys(RandomSource& random) {
  const auto file = path_ / "keys.json";
  const auto content = read_sealed(file, "keys", kMaxSmallFile, kKeysAdvice);
  if (!content) return content.error();
  if (*content) {
    auto decoded = decode_keys(**content);
    if (!decoded) return bad_content(file, decoded, kKeysAdvice);
    keys_ = *decoded;
    return {};
  }
  // state.json is only ever written after keys.json: the keys were there once.
  if (std::filesystem::exists(path_ / "state.json")) {
    return Error{
        fmt::format("{} is missing though {} was in use: {}", file.string(), path_.string(), kKeysAdvice)};
  }
  keys_.identity = crypto::generate_identity(random).secret;
  keys_.session = crypto::generate_session_keys(random).secret;
  return save_sealed(file, "keys", keys_);
}

Result<void> StateDirectory::save_state(NodeState state) {
  if (state == state_) return {};
  auto saved = save_sealed(path_ / "state.json", "state", state);
  if (saved) state_ = std::move(state);
  return saved;
}

Result<void> StateDirectory::save_enrolment(std::optional<Enrolment> enrolment) {
  NodeState changed = state_;
  changed.enrolment = std::move(enrolment);
  return save_state(std::move(changed));
}

Result<void> StateDirectory::save_address(std::string name, const net::IpAddress& address,
                                          const net::Prefix& on_link) {
  NodeState changed = state_;
  changed.name = std::move(name);
  changed.virtual_address = address;
  changed.on_link = on_link;
  return save_state(std::move(changed));
}

Result<void> StateDirectory::forget_address() {
  NodeState changed = state_;
  changed.virtual_address.reset();
  changed.on_link.reset();
  changed.on_link6.reset();
  changed.stun_servers.clear();
  changed.turn_servers.clear();
  return save_state(std::move(changed));
}

Result<void> StateDirectory::save_record_serial(std::uint64_t serial) {
  NodeState changed = state_;
  changed.record_serial = serial;
  return save_state(std::move(changed));
}

Result<void> StateDirectory::save_port(const net::IpAddress& local, std::uint16_t port) {
  NodeState changed = state_;
  changed.ports[local] = port;
  for (auto other = changed.ports.begin(); changed.ports.size() > kMaxRememberedPorts;) {
    other = other->first == local ? std::next(other) : changed.ports.erase(other);
  }
  return save_state(std::move(changed));
}

Result<void> StateDirectory::save_friends(FriendState friends) {
  if (friends == friends_) return {};
  auto saved = save_sealed(path_ / "friends.json", "friends", friends);
  if (saved) friends_ = std::move(friends);
  return saved;
}

Result<void> StateDirectory::save_known_peers(std::vector<KnownPeer> peers) {
  if (peers.size() > kMaxKnownPeers) peers.resize(kMaxKnownPeers);
  for (KnownPeer& peer : peers) {
    if (peer.paths.size() > kMaxRememberedPaths) peer.paths.resize(kMaxRememberedPaths);
  }
  if (peers == known_peers_) return {};
  std::string text = seal_json("peers", encode(peers));
  while (text.size() > kMaxPeersFile) {
    peers.resize(peers.size() / 2);
    text = seal_json("peers", encode(peers));
  }
  auto saved = write_file_atomically(path_ / "peers.json", as_bytes(text), kPrivate);
  if (saved) known_peers_ = std::move(peers);
  return saved;
}

Result<void> StateDirectory::save_history(const std::vector<PeerHistory>& history) {
  const auto file = path_ / "history.json";
  if (!history.empty()) return save_sealed(file, "history", history);
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) return file_error("remove", file, errno);
  return {};
}

}  // namespace causeway::store
