#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "event_loop.hpp"
#include "ice/agent.hpp"
#include "net/udp_socket.hpp"

namespace causeway::interop {

/// Our ICE agent on real UDP sockets in an EventLoop. As controlling agent it nominates the first pair that
/// turns valid, unless told to wait.
class OurSide {
 public:
  OurSide(EventLoop& loop, ice::Role role, std::uint64_t tiebreaker, ice::Agent::Options options);
  ~OurSide();

  /// A base with its host candidate; `priority` in the order of the calls, first highest.
  void add_host(const std::string& address);
  void send(const std::string& text);

  ice::Agent& agent() { return agent_; }
  /// Nominated and valid.
  std::optional<ice::PairView> selected() const;
  std::size_t valid_pairs() const;

  bool nominates = true;
  std::vector<std::string> received;         ///< datagrams that are no STUN
  std::vector<net::Endpoint> received_from;  ///< of each of them
  std::vector<ice::AgentState> states;
  int role_changes = 0;

 private:
  struct Base {
    OurSide* owner;
    net::BaseId id;
    net::UdpSocket socket;
    GSource* source = nullptr;
  };

  std::optional<SteadyTime> turn();
  void obey(Now now);
  void read(Base& base);
  void nominate_first(Now now);

  EventLoop& loop_;
  SystemRandom random_;
  ice::Agent agent_;
  std::map<net::BaseId, std::unique_ptr<Base>> bases_;
};

}  // namespace causeway::interop
