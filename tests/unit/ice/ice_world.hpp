#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "ice/agent.hpp"
#include "nat.hpp"
#include "stun/message.hpp"

namespace causeway::net {

inline void PrintTo(const Endpoint& endpoint, std::ostream* out) { *out << endpoint.to_string(); }

}  // namespace causeway::net

namespace causeway::ice {

inline void PrintTo(CandidateType type, std::ostream* out) { *out << to_string(type); }
inline void PrintTo(PairState state, std::ostream* out) { *out << to_string(state); }

inline net::Endpoint at(const char* text) { return *net::Endpoint::parse(text); }

/// One agent on its machine: bases with their addresses, perhaps behind a NAT, and what the agent told.
struct Terminal {
  std::string name;
  std::unique_ptr<Agent> agent;
  Nat* nat = nullptr;
  std::map<net::BaseId, net::Endpoint> bases;

  std::vector<PairId> validated, invalidated, nominated, lost;
  std::vector<PairMeasured> measured;
  std::vector<AgentState> states;
  std::vector<Role> roles;
  std::vector<Candidate> learnt;
  std::vector<std::string> remote_ufrags;
  std::vector<std::pair<SteadyTime, SendStun>> sent;

  std::vector<PairView> valid_pairs() const {
    std::vector<PairView> valid;
    for (const PairView& pair : agent->pairs()) {
      if (pair.is_valid) valid.push_back(pair);
    }
    return valid;
  }
  std::optional<PairView> nominated_pair() const {
    for (const PairView& pair : agent->pairs()) {
      if (pair.is_nominated) return pair;
    }
    return std::nullopt;
  }
};

/// Terminals, their NATs and the network between them, in virtual time. Everything follows from the seed.
class World {
 public:
  explicit World(std::uint64_t seed = 1) : random_(seed) {}

  // ---- the network ----
  Duration delay = std::chrono::milliseconds(10);  ///< one way
  Duration jitter{};                               ///< added at random: packets overtake each other
  double loss = 0;
  double duplicates = 0;
  /// False: the packet (as it travels on the public side) is dropped.
  std::function<bool(const net::Endpoint& from, const net::Endpoint& to)> passes;
  /// Sees each packet that arrives at a terminal; false: it is dropped.
  std::function<bool(Terminal& receiver, net::BaseId base, net::Endpoint& from, Bytes& bytes)> arrives;

  Nat& make_nat(const char* address, NatBehaviour behaviour) {
    nats_.push_back(std::make_unique<Nat>(*net::IpAddress::parse(address), behaviour));
    return *nats_.back();
  }

  Terminal& make_terminal(std::string name, Role role, std::uint64_t tiebreaker,
                          Agent::Options options = {}) {
    auto made = std::make_unique<Terminal>();
    made->name = std::move(name);
    const Credentials credentials{made->name + "_ufrag", made->name + "_password_0123456789"};
    made->agent = std::make_unique<Agent>(role, tiebreaker, credentials, std::move(options), random_);
    terminals_.push_back(std::move(made));
    return *terminals_.back();
  }

  /// A base with its host candidate.
  net::BaseId add_host(Terminal& terminal, const char* address, std::uint16_t local_preference = 65535) {
    const net::BaseId base{++last_base_};
    terminal.bases[base] = at(address);
    Candidate host;
    host.address = host.base_address = at(address);
    host.base = base;
    host.priority = recommended_priority(CandidateType::host, local_preference);
    host.source = "host";
    terminal.agent->add_local_candidate(host, now());
    return base;
  }

  /// What a STUN server would tell of this base.
  void add_reflexive(Terminal& terminal, net::BaseId base, std::uint16_t local_preference = 65535) {
    Candidate reflexive;
    reflexive.type = CandidateType::server_reflexive;
    reflexive.base = base;
    reflexive.base_address = terminal.bases.at(base);
    reflexive.address = terminal.nat->translate_out(reflexive.base_address, at("198.51.100.1:3478"));
    reflexive.priority = recommended_priority(CandidateType::server_reflexive, local_preference);
    reflexive.source = "candidates-stun";
    terminal.agent->add_local_candidate(reflexive, now());
  }

  /// What the address server does: candidates of `from` to `to`, as they would be written on the wire.
  void signal_candidates(const Terminal& from, Terminal& to) {
    for (Candidate candidate : from.agent->local_candidates()) {
      if (candidate.type == CandidateType::peer_reflexive) continue;
      candidate.base = net::BaseId::none;
      candidate.base_address = {};
      to.agent->add_remote_candidate(candidate, now());
    }
  }
  void signal_credentials(const Terminal& from, Terminal& to) {
    to.agent->set_remote_credentials(from.agent->local_credentials(), now());
  }
  void introduce(Terminal& a, Terminal& b) {
    signal_candidates(a, b);
    signal_candidates(b, a);
    signal_credentials(a, b);
    signal_credentials(b, a);
    a.agent->set_end_of_candidates(now());
    b.agent->set_end_of_candidates(now());
  }

  // ---- time ----
  Now now() const { return {time_, WallTime(time_.time_since_epoch())}; }

  void run_for(Duration duration) {
    run_until(duration, [] { return false; });
  }

  /// Until `is_done` or `limit` has passed; false for the latter.
  bool run_until(Duration limit, const std::function<bool()>& is_done) {
    const SteadyTime end = time_ + limit;
    for (;;) {
      obey_all();
      if (is_done()) return true;
      std::optional<SteadyTime> next;
      if (!packets_.empty()) next = packets_.begin()->first.first;
      timeouts_.clear();
      for (const auto& terminal : terminals_) {
        const auto timeout = timeouts_.emplace_back(terminal->agent->next_timeout());
        if (timeout && (!next || *timeout < *next)) next = timeout;
      }
      if (!next || *next > end) {
        time_ = end;
        return false;
      }
      // An agent that asks for the same moment for ever would hang here.
      spins_ = *next <= time_ ? spins_ + 1 : 0;
      if (spins_ > 10000) throw std::runtime_error("an agent spins");
      time_ = std::max(time_, *next);
      const bool is_packet_due = !packets_.empty() && packets_.begin()->first.first <= time_;
      if (is_packet_due) deliver_next();
      for (std::size_t i = 0; i < terminals_.size(); ++i) {
        // Only a packet can have changed it.
        const auto timeout = is_packet_due ? terminals_[i]->agent->next_timeout() : timeouts_[i];
        if (timeout && *timeout <= time_) terminals_[i]->agent->on_timeout(now());
      }
    }
  }

  /// A datagram from anyone to a terminal's base, as an attacker would send it past all NATs.
  void inject(Terminal& to, net::BaseId base, const net::Endpoint& from, const Bytes& bytes) {
    to.agent->on_stun(base, from, bytes, now());
    obey_all();
  }

  RandomSource& random() { return random_; }

  void obey_all() {
    for (const auto& terminal : terminals_) {
      while (auto action = terminal->agent->poll_action()) {
        obey(*terminal, std::move(*action));
      }
    }
  }

 private:
  struct Packet {
    net::Endpoint from, to;
    Nat* sender_nat;
    Bytes bytes;
  };

  void obey(Terminal& terminal, AgentAction action) {
    std::visit(
        [&](auto& what) {
          using Action = std::decay_t<decltype(what)>;
          if constexpr (std::is_same_v<Action, SendStun>) {
            terminal.sent.emplace_back(time_, what);
            send(terminal, what);
          } else if constexpr (std::is_same_v<Action, PairValidated>) {
            terminal.validated.push_back(what.pair);
          } else if constexpr (std::is_same_v<Action, PairMeasured>) {
            terminal.measured.push_back(what);
          } else if constexpr (std::is_same_v<Action, PairProbeLost>) {
            terminal.lost.push_back(what.pair);
          } else if constexpr (std::is_same_v<Action, PairInvalidated>) {
            terminal.invalidated.push_back(what.pair);
          } else if constexpr (std::is_same_v<Action, PairNominated>) {
            terminal.nominated.push_back(what.pair);
          } else if constexpr (std::is_same_v<Action, RoleChanged>) {
            terminal.roles.push_back(what.role);
          } else if constexpr (std::is_same_v<Action, StateChanged>) {
            terminal.states.push_back(what.state);
          } else if constexpr (std::is_same_v<Action, LocalCandidateLearnt>) {
            terminal.learnt.push_back(what.candidate);
          } else {
            static_assert(std::is_same_v<Action, RemoteUfragLearnt>);
            terminal.remote_ufrags.push_back(what.ufrag);
          }
        },
        action);
  }

  void send(Terminal& terminal, const SendStun& stun) {
    net::Endpoint from = terminal.bases.at(stun.base);
    // Inside one LAN no NAT is passed.
    const bool is_inside = terminal.nat != nullptr && find_receiver(stun.to, terminal.nat).first != nullptr;
    if (terminal.nat != nullptr && !is_inside) {
      if (stun.to.address.is_private()) return;                       // no such host in this LAN
      if (stun.to.address == terminal.nat->public_address()) return;  // no hairpinning
      from = terminal.nat->translate_out(from, stun.to);
    }
    if (passes && !passes(from, stun.to)) return;
    if (loss > 0 && chance(loss)) return;
    const int copies = duplicates > 0 && chance(duplicates) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      Duration travel = delay;
      if (jitter > Duration::zero()) {
        travel += Duration(random_.below(static_cast<std::uint64_t>(jitter.count())));
      }
      packets_.emplace(std::pair(time_ + travel, ++sequence_),
                       Packet{from, stun.to, is_inside ? terminal.nat : nullptr, stun.bytes});
    }
  }

  std::pair<Terminal*, net::BaseId> find_receiver(const net::Endpoint& to, const Nat* nat) {
    for (const auto& terminal : terminals_) {
      if (terminal->nat != nat) continue;
      for (const auto& [base, address] : terminal->bases) {
        if (address == to) return {terminal.get(), base};
      }
    }
    return {nullptr, net::BaseId::none};
  }

  void deliver_next() {
    Packet packet = std::move(packets_.begin()->second);
    packets_.erase(packets_.begin());
    const Nat* realm = packet.sender_nat;
    for (const auto& nat : nats_) {
      if (realm != nullptr || nat->public_address() != packet.to.address) continue;
      const auto inside = nat->translate_in(packet.from, packet.to.port);
      if (!inside) return;
      packet.to = *inside;
      realm = nat.get();
      break;
    }
    const auto [receiver, base] = find_receiver(packet.to, realm);
    if (receiver == nullptr) return;
    if (arrives && !arrives(*receiver, base, packet.from, packet.bytes)) return;
    receiver->agent->on_stun(base, packet.from, packet.bytes, now());
  }

  bool chance(double probability) { return static_cast<double>(random_.below(1000000)) < probability * 1e6; }

  SeededRandom random_;
  SteadyTime time_{std::chrono::seconds(1000)};
  std::vector<std::unique_ptr<Nat>> nats_;
  std::vector<std::unique_ptr<Terminal>> terminals_;
  std::map<std::pair<SteadyTime, std::uint64_t>, Packet> packets_;
  std::vector<std::optional<SteadyTime>> timeouts_;  ///< of the terminals, at the moment at hand
  std::uint64_t sequence_ = 0;
  std::uint32_t last_base_ = 0;
  unsigned spins_ = 0;
};

}  // namespace causeway::ice
