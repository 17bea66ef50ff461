#include "relay/turn_directory.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <map>

#include "base/log.hpp"
#include "base/time.hpp"
#include "relay/turn_uri.hpp"

namespace causeway::relay {

namespace asio = boost::asio;
using asio::ip::udp;

namespace {

constexpr Duration kFirstRetry = 2s;
constexpr Duration kLongestRetry = 5min;
constexpr Duration kLookAgain = 10min;

std::optional<net::Endpoint> from_asio(const udp::endpoint& endpoint) {
  sockaddr_storage storage{};
  std::memcpy(&storage, endpoint.data(), endpoint.size());
  return net::Endpoint::from_sockaddr(storage);
}

}  // namespace

struct TurnDirectory::State : std::enable_shared_from_this<State> {
  /// One host name with its port.
  struct Name {
    std::vector<net::Endpoint> addresses;
    SteadyTime due{};
    Duration retry = kFirstRetry;
    bool has_failed = false;
    bool is_asked = false;
  };
  using Key = std::pair<std::string, std::uint16_t>;

  State(asio::io_context& c, std::function<void(std::vector<plugin::TurnServer>)> f)
      : context(c), changed(std::move(f)), resolver(c), timer(c) {}

  void resolve_due();
  void ask(const Key& key, Name& name);
  void on_answer(const Key& key, const boost::system::error_code& error,
                 const udp::resolver::results_type& results);
  void arm();
  void tell_soon();
  void tell();

  asio::io_context& context;
  std::function<void(std::vector<plugin::TurnServer>)> changed;
  udp::resolver resolver;
  asio::steady_timer timer;
  std::vector<std::pair<protocol::TurnServer, Key>> servers;
  std::map<Key, Name> names;
  std::vector<plugin::TurnServer> told;
  bool is_telling = false;
};

void TurnDirectory::set(std::vector<protocol::TurnServer> servers) {
  State& state = *state_;
  state.servers.clear();
  std::map<State::Key, State::Name> names;
  for (protocol::TurnServer& server : servers) {
    const auto uri = parse_turn_uri(server.uri);
    if (!uri || state.servers.size() >= kMaxServers) {
      log::warning("relay", "'{}' is left out: {}", server.uri.substr(0, 200),
                   uri ? "too many TURN servers" : "it is no turn: or turns: URI");
      continue;
    }
    const State::Key key{uri->host, uri->port};
    if (auto known = state.names.find(key); known != state.names.end()) {
      names.insert(state.names.extract(known));
    } else if (!names.contains(key)) {
      State::Name& name = names[key];
      name.due = read_clocks().steady;
      if (const auto address = net::IpAddress::parse(uri->host)) {
        name.addresses = {{*address, uri->port}};
        name.due = SteadyTime::max();
      }
    }
    state.servers.emplace_back(std::move(server), key);
  }
  state.names = std::move(names);
  state.resolve_due();
  state.tell_soon();
}

void TurnDirectory::try_again() {
  for (auto& [key, name] : state_->names) {
    if (name.has_failed) name.due = read_clocks().steady;
  }
  state_->resolve_due();
}

void TurnDirectory::State::resolve_due() {
  const SteadyTime now = read_clocks().steady;
  for (auto& [key, name] : names) {
    if (!name.is_asked && name.due <= now) ask(key, name);
  }
  arm();
}

void TurnDirectory::State::ask(const Key& key, Name& name) {
  name.is_asked = true;
  resolver.async_resolve(
      key.first, std::to_string(key.second), udp::resolver::numeric_service,
      [weak = weak_from_this(), key](const auto& error, const udp::resolver::results_type& results) {
        if (const auto state = weak.lock()) state->on_answer(key, error, results);
      });
}

void TurnDirectory::State::on_answer(const Key& key, const boost::system::error_code& error,
                                     const udp::resolver::results_type& results) {
  const auto at = names.find(key);
  if (at == names.end()) return;
  Name& name = at->second;
  name.is_asked = false;
  std::vector<net::Endpoint> found;
  if (!error) {
    for (const auto& entry : results) {
      const auto address = from_asio(entry.endpoint());
      if (address && address->address.is_usable_unicast() && found.size() < kMaxAddresses)
        found.push_back(*address);
    }
  }
  const SteadyTime now = read_clocks().steady;
  if (found.empty()) {
    // Once per outage: it is tried again for as long as the name is wanted.
    if (!name.has_failed) {
      log::warning("relay", "{} cannot be resolved: {}", key.first,
                   error ? error.message() : "it has no address that can be used");
    }
    name.due = now + name.retry;
    name.retry = std::min(2 * name.retry, kLongestRetry);
    name.has_failed = true;
    return arm();
  }
  // Servers that answer in turns are no change.
  std::sort(found.begin(), found.end());
  name.addresses = std::move(found);
  name.due = now + kLookAgain;
  name.retry = kFirstRetry;
  name.has_failed = false;
  arm();
  tell_soon();
}

void TurnDirectory::State::arm() {
  SteadyTime next = SteadyTime::max();
  for (const auto& [key, name] : names) {
    if (!name.is_asked) next = std::min(next, name.due);
  }
  timer.cancel();
  if (next == SteadyTime::max()) return;
  timer.expires_at(asio::steady_timer::time_point(next));
  timer.async_wait([weak = weak_from_this()](const auto& cancelled) {
    const auto state = weak.lock();
    if (!cancelled && state) state->resolve_due();
  });
}

void TurnDirectory::State::tell_soon() {
  if (std::exchange(is_telling, true)) return;
  asio::post(context, [weak = weak_from_this()] {
    if (const auto state = weak.lock()) state->tell();
  });
}

void TurnDirectory::State::tell() {
  is_telling = false;
  std::vector<plugin::TurnServer> list;
  for (const auto& [server, key] : servers) {
    const auto name = names.find(key);
    if (name == names.end() || name->second.addresses.empty()) continue;
    list.push_back({server.uri, name->second.addresses, server.username, server.password, server.expires});
  }
  if (list == told) return;
  told = list;
  changed(std::move(list));
}

TurnDirectory::TurnDirectory(asio::io_context& context,
                             std::function<void(std::vector<plugin::TurnServer>)> changed)
    : state_(std::make_shared<State>(context, std::move(changed))) {}

TurnDirectory::~TurnDirectory() = default;

}  // namespace causeway::relay
