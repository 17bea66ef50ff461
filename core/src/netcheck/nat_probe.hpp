#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "net/endpoint.hpp"
#include "stun/nat_discovery.hpp"

/// What the network around this machine does to UDP: asked of STUN servers, with nobody else's help.
namespace causeway::netcheck {

/// RFC 4787 §4.1 and §5.
enum class Dependence : std::uint8_t { endpoint_independent, address_dependent, address_and_port_dependent };
std::string_view to_string(Dependence dependence);

/// What one STUN server said.
struct ServerAnswer {
  enum class Verdict : std::uint8_t {
    silent,     ///< no answer
    refused,    ///< an error response
    answered,   ///< with an address that may be true
    bogus,      ///< with an address that nobody can have here
    disagrees,  ///< with another IP address than most others
  };
  net::Endpoint server;
  Verdict verdict = Verdict::silent;
  std::optional<Duration> rtt;
  std::optional<net::Endpoint> mapped;
  std::string note = {};  ///< a sentence, where something is wrong
};
std::string_view to_string(ServerAnswer::Verdict verdict);

/// Of one local address. Unknown is nullopt.
struct NatReport {
  std::optional<bool> udp;  ///< some server answered; nullopt: none could be asked
  std::optional<bool> nat;  ///< an address in between is translated
  std::optional<Dependence> mapping, filtering;
  bool mapping_is_compared = false;  ///< by several servers' answers instead of RFC 5780: the least it can be
  std::optional<bool> hairpin;
  std::vector<net::Endpoint> mapped;  ///< as which we are seen, without what is bogus
  std::vector<ServerAnswer> servers;
};

/// The tests of RFC 5780 §4 from one local address, by two sockets of its driver. Sans-I/O; over within
/// kLongest, whatever servers do. A server is believed in nothing but its answer: it can make us send nine
/// datagrams to an address of its choice, and no more.
class NatProbe {
 public:
  enum class Socket : std::uint8_t { first, second };
  struct Send {
    Socket socket;
    net::Endpoint to;
    Bytes bytes;
  };
  /// `first` and `second`: what the sockets are bound to. Servers of another family are left out, and so is
  /// what comes after kMaxServers.
  NatProbe(net::Endpoint first, net::Endpoint second, const std::vector<net::Endpoint>& servers,
           RandomSource& random);

  void start(SteadyTime now);
  void on_datagram(Socket socket, const net::Endpoint& from, ByteView bytes, SteadyTime now);
  void on_timeout(SteadyTime now);
  std::optional<SteadyTime> next_timeout() const;
  std::optional<Send> poll_send();
  bool is_done() const { return !next_timeout(); }
  NatReport report() const;

  static constexpr std::size_t kMaxServers = 8;
  static constexpr Duration kLongest = std::chrono::milliseconds(4500);

 private:
  enum class Question : std::uint8_t {
    who_am_i,       ///< of each server, by the first socket
    other_address,  ///< mapping test II: its other address, same port
    other_both,     ///< mapping test III: its other address and port
    control,        ///< by the second socket, which has sent to nothing else
    change_both,    ///< filtering test II
    change_port,    ///< filtering test III
    hairpin,        ///< from the second socket to the first, by way of the first one's mapped address
  };
  struct Transaction {
    Question question;
    Socket socket;
    net::Endpoint to;
    stun::TransactionId id{};
    unsigned sent = 0;
    SteadyTime begun{}, next{};
    bool is_over = false;
    bool is_answered = false;
    bool is_unchanged =
        false;  ///< the answer came from where the request went, though a change was asked for
    std::optional<Duration> rtt = {};
    std::optional<net::Endpoint> mapped = {};
    std::optional<std::uint16_t> error = {};
  };
  void ask(Question question, Socket socket, const net::Endpoint& to, SteadyTime now);
  void transmit(Transaction& transaction, SteadyTime now);
  void accept(Transaction& transaction, const net::Endpoint& from, const stun::DiscoveryResponse& response,
              SteadyTime now);
  void begin_behaviour_tests(const net::Endpoint& server, const net::Endpoint& other, SteadyTime now);
  const Transaction* find(Question question) const;
  bool is_believable(const net::Endpoint& mapped) const;
  void judge(std::vector<ServerAnswer>& servers) const;
  void classify_mapping(NatReport& report) const;
  void classify_filtering(NatReport& report) const;

  net::Endpoint first_, second_;
  std::vector<net::Endpoint> servers_;
  RandomSource& random_;
  std::vector<Transaction> transactions_;
  std::optional<net::Endpoint> examiner_;  ///< the server that does RFC 5780
  std::deque<Send> sends_;
};

}  // namespace causeway::netcheck
