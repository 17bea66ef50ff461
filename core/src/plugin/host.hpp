#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "ice/candidate.hpp"
#include "net/endpoint.hpp"
#include "path/path.hpp"
#include "plugin/signature.hpp"

namespace causeway::plugin {

enum class Kind : std::uint8_t { priority, candidate_source, transport };
enum class InstanceState : std::uint8_t { active, loaded, draining, pinned, failed };

class Examination;
class LinkCodec;

/// How well a peer is to be served.
enum class FriendTier : std::uint8_t { unknown, other, friend_node };
/// Whose paths are scored.
struct RankedPeer {
  std::string name;
  FriendTier tier = FriendTier::unknown;
  std::optional<std::uint64_t> seed =
      {};  ///< of the decision: recorded, or to be; nullopt: the host's choice
};

/// One row of `causeway plugins`.
struct PluginView {
  std::string name;
  Kind kind;
  std::string version;
  std::string abi;
  std::string file;
  std::uint32_t generation = 0;
  InstanceState state;
  std::uint64_t calls = 0;
  std::uint64_t faults = 0;
  std::string reason;  ///< why it is in this state; empty if nothing is to say
  // Of transports: links, and calls of data threads, which `calls` and `faults` leave out.
  std::size_t links = 0;
  std::uint64_t data_calls = 0;
  std::uint64_t data_faults = 0;
  Duration data_time{};     ///< spent in them
  Duration data_slowest{};  ///< the longest of them
};

/// One local base as candidate sources see it.
struct BaseView {
  net::BaseId base;
  net::Endpoint address;
  std::string interface;
};

/// A TURN server whose name has been resolved.
struct TurnServer {
  std::string uri;  ///< RFC 7065
  std::vector<net::Endpoint> addresses;
  std::string username;
  std::string password;
  std::int64_t expires = 0;  ///< unix seconds; 0: its credentials do not end
  friend bool operator==(const TurnServer&, const TurnServer&) = default;
};

/// What the node tells the sources and transports about servers, from its configuration and the address
/// server.
struct SourceConfiguration {
  std::vector<net::Endpoint> stun_servers;
  std::vector<TurnServer> turn_servers = {};
  bool turn_tls_verify = false;
};

/// Names a link of a transport between the host and the drivers; never used again in a process.
enum class LinkId : std::uint64_t { none = 0 };
enum class LinkKind : std::uint8_t { udp, tcp, tls };

/// A link that a transport wants: on_link_open() or on_link_closed() tells what came of it.
struct LinkRequest {
  LinkId id = LinkId::none;
  std::string transport;  ///< the plugin's name
  net::BaseId base = net::BaseId::none;
  LinkKind kind = LinkKind::udp;
  net::Endpoint server;
  std::string server_name;  ///< of a TLS link
  bool verify = false;      ///< of a TLS link: its certificate must be valid for the name
  std::shared_ptr<LinkCodec> codec;
};

/// Peers reach us through a link.
struct LinkAllocation {
  net::Endpoint relayed;
  std::optional<net::Endpoint> mapped;  ///< as which the server sees us
  std::string label;                    ///< "turn-udp"
  std::uint32_t overhead = 0;           ///< bytes that the framing adds to a datagram
};

/// Results and wishes of plugins, always on the control thread.
struct HostCallbacks {
  /// A source found that `base` is seen as `address` from outside.
  std::function<void(const std::string& source, net::BaseId base, ice::CandidateType,
                     const net::Endpoint& address)>
      candidate_found;
  std::function<void(const std::string& source, net::BaseId base, const net::Endpoint& address)>
      candidate_lost;
  /// A source has tried everything for now.
  std::function<void(const std::string& source)> gathering_done;
  /// Send this datagram from `base`; false if it could not be sent.
  std::function<bool(net::BaseId base, const net::Endpoint& to, ByteView bytes)> send_udp;
  /// Links of transports. All may come from inside a call of yours.
  std::function<void(LinkRequest)> open_link = {};
  std::function<void(LinkId)> close_link = {};
  std::function<void(LinkId, ByteView)> send_on_link = {};
  std::function<void(LinkId, const LinkAllocation&)> link_allocated = {};
  std::function<void(LinkId, const std::string& reason)> allocation_lost = {};
  /// It ends soon: paths should leave it, what still comes on it is carried to the end.
  std::function<void(LinkId)> allocation_ending = {};
  /// Whether a connected peer is reached through links of this transport and by nothing else.
  std::function<bool(const std::string& transport)> is_only_path = {};
  /// The active stack changed: every ranking should be asked anew.
  std::function<void()> ranking_changed;
  /// next_timeout() may have become earlier outside a call of yours; may be empty.
  std::function<void()> timeout_changed;
};

/// Where plugin code runs. Real: one plugin thread, with a watch on its budget. Simulation: inline, at once.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `task` on the plugin thread, in order of submission. [thread-safe]
  virtual void run(std::function<void()> task) = 0;
  /// Runs `task` on the control thread. [thread-safe]
  virtual void post_to_control(std::function<void()> task) = 0;

  /// What a call into plugin code leaves to be done on the control thread.
  using Completion = std::function<void()>;
  /// Like run(), for calls into plugin code: the completion goes to the control thread. A call that takes
  /// longer than `budget` is overtaken: its thread is given up, its completion dropped and `overtaken` posted
  /// instead, and the tasks behind it go on elsewhere. Executors without a watch wait for ever, as this
  /// default does.
  virtual void run_watched(std::function<Completion()> task, Duration budget, Completion overtaken);
};

/// Loads, activates, calls, watches and unloads plugins. Control thread, but for what the executor runs
/// elsewhere.
class Host {
 public:
  struct Options {
    std::filesystem::path private_directory;  ///< DIR/run/plugins: copies live here, mode 0700
    std::optional<std::filesystem::path>
        probe_program;  ///< causewayd; nullopt: no probe (tests in one process)
    Duration call_budget = std::chrono::milliseconds(50);
    /// What plugins get as their random seed; 0: drawn by the host, as secret as transaction ids must be.
    std::uint64_t seed = 0;
    Duration probe_limit = std::chrono::seconds(5);
    std::uint32_t fault_limit = 3;      ///< so many in a row, and the plugin has failed
    std::vector<SigningKey> keys = {};  ///< files must be signed by one of them; none: they need not be
  };
  Host(Options options, HostCallbacks callbacks, Executor& executor);
  ~Host();

  // ---- life (changing calls of the control socket land here) ----
  /// The first steps of load() and reload(), those that take long: run() it on another thread if waiting for
  /// it would disturb.
  std::shared_ptr<Examination> examine(const std::filesystem::path& file);
  /// Load, negotiate, self-check what was examined. Sources and transports become active at once, priority
  /// plugins are `loaded` until use(). The error says what is wrong with the file and what to do.
  Result<std::string> load(Examination& examined, Now now);
  Result<std::string> load(const std::filesystem::path& file, Now now);
  struct StackEntry {
    std::string name;
    std::uint32_t weight_per_mille = 1000;
  };
  /// Replaces the whole priority stack, atomically per decision: those under way end with the layers they
  /// began with. Several layers are blended by weight.
  Result<void> use(const std::vector<StackEntry>& stack, Now now);
  /// Where it was loaded from; nullopt: it is not loaded.
  std::optional<std::filesystem::path> file_of(const std::string& name) const;
  using Done = std::function<void(Result<void>)>;
  /// Puts a new generation, examined from file_of(), in the old one's place: state is handed over, and the
  /// old one stays in reserve until the new one has answered its first question; if that fails it goes on.
  /// `done` is told which of the two runs, at once or within kReloadLimit. A transport that gets no
  /// allocation beside its old one's, while a peer has no other path, is refused, unless by `force` the old
  /// one is given up first.
  void reload(const std::string& name, Examination& examined, bool force, Now now, Done done);
  /// The same for whoever need not wait: the error is what was known at once.
  Result<void> reload(const std::string& name, Now now, bool force = false);
  static constexpr Duration kReloadLimit = std::chrono::seconds(20);
  /// Takes it out of the stack first; its last calls end while the row says `draining`.
  Result<void> unload(const std::string& name, Now now);
  /// Drains and destroys all: what they have of the world outside is given back. `done` when the last is gone
  /// or was given up; only the destructor follows.
  void stop(std::function<void()> done);
  std::vector<PluginView> list() const;
  /// "priority-ice", or "a:700,b:300"; "builtin" when no plugin can run.
  std::string stack_text() const;

  /// What each plugin gets as its configuration: the text of a JSON object, by name. Every decision from here
  /// on has it; another one than before changes the ranking.
  void set_parameters(std::map<std::string, std::string> parameters);

  /// One layer of the stack as a recording keeps it.
  struct StackLayer {
    std::string name;
    std::string version;
    std::string sha256;  ///< of the file
    std::uint32_t weight_per_mille = 1000;
    std::string configuration;  ///< JSON; empty: none
    Bytes state;                ///< in its envelope; empty: it has none to tell
  };
  /// The stack, each layer with the state that it has after all questions so far and before those to come.
  void describe_stack(Now now, std::function<void(std::vector<StackLayer>)> done);
  /// Gives a plugin the state of a recording, before anything else is asked of it. The error: it starts cold.
  void restore_state(const std::string& name, ByteView envelope, Now now, Done done);

  // ---- ranking: results come on the control thread, builtin's if the stack fails ----
  /// Signalled priorities (1..2^31-1), one per candidate, in the same order.
  void rank_candidates(std::vector<ice::Candidate> candidates, Now now,
                       std::function<void(std::vector<std::uint32_t>)> done);
  struct PairRanking {
    std::vector<path::Score> scores;  ///< one per path, in the same order
    std::optional<Duration> ask_again_after;
    std::string stack;  ///< who scored: stack_text() of the decision
  };
  void score_paths(const RankedPeer& peer, std::vector<path::PathView> paths, Now now,
                   std::function<void(PairRanking)> done);

  // ---- candidate sources and transports ----
  void set_bases(std::vector<BaseView> bases, Now now);
  void set_configuration(SourceConfiguration configuration, Now now);
  /// A STUN message that no ICE agent owns and that came from an address a source sends to. False: nobody's.
  bool on_datagram(net::BaseId base, const net::Endpoint& from, ByteView bytes, Now now);

  // ---- transports: what became of the links that they asked for; unknown ones are ignored ----
  void on_link_open(LinkId link, Now now);
  void on_link_closed(LinkId link, const std::string& reason, Now now);
  /// False: too many messages wait for the plugin, this one is dropped.
  bool on_link_message(LinkId link, ByteView bytes, Now now);
  void want_peer(LinkId link, const net::Endpoint& peer, Now now);
  void drop_peer(LinkId link, const net::Endpoint& peer, Now now);

  void on_timeout(Now now);
  std::optional<SteadyTime> next_timeout() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  ///< shared only so that late completions see that it is gone
};

}  // namespace causeway::plugin
