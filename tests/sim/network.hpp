#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "net/endpoint.hpp"
#include "tests/sim/narration.hpp"
#include "tests/sim/nat.hpp"
#include "tests/sim/schedule.hpp"

namespace causeway::sim {

/// What the network does to every datagram.
struct Weather {
  Duration delay = 5ms;
  Duration jitter{};     ///< more than the spacing of datagrams: they are reordered
  double loss = 0;       ///< 0..1
  double duplicate = 0;  ///< 0..1
};

/// Names one plug: an address in a realm with somebody listening. Never reused.
enum class PlugId : std::uint32_t { none = 0 };

/// Realms, the NATs between them, and datagrams on their way. TCP connections ask it who can be reached and
/// how long it takes.
class Network {
 public:
  using Receive = std::function<void(const net::Endpoint& from, Bytes bytes)>;

  Network(Schedule& schedule, RandomSource& random, Narration& narration)
      : schedule_(schedule), random_(random), narration_(narration) {}

  Realm add_lan() { return Realm{++realms_}; }
  Nat& add_nat(Realm inside, Realm beyond, net::IpAddress outside, Nat::Options options);
  const std::vector<std::unique_ptr<Nat>>& nats() const { return nats_; }
  /// The NAT that leads out of a realm; null if none does.
  Nat* gateway(Realm realm) const;
  /// All NATs from here to the Internet, nearest first.
  std::vector<const Nat*> way_out(Realm realm) const;

  PlugId plug_in(Realm realm, const net::Endpoint& address, std::string owner, Receive receive);
  /// What is under way to it is lost.
  void unplug(PlugId plug);
  /// A cut plug neither sends nor receives, and nobody is told.
  void set_cut(PlugId plug, bool is_cut);
  /// Datagrams of more bytes (of UDP payload) do not get out, or in; 0: nothing does. Nobody is told.
  void set_most_out(PlugId plug, std::size_t bytes);
  void set_most_in(PlugId plug, std::size_t bytes);
  /// Of what it sends so much more is lost, and late, than the weather does.
  void set_trouble(PlugId plug, double loss, Duration delay);
  /// Plugged in and not cut.
  bool is_live(PlugId plug) const;
  bool is_plugged(PlugId plug) const { return plugs_.contains(plug); }

  void send(PlugId from, const net::Endpoint& to, Bytes bytes);
  /// The address that hosts on the Internet see of this plug.
  net::IpAddress seen_address(PlugId plug) const;
  /// One way, as drawn for this once.
  Duration travel_time();

  Weather weather;
  struct Counters {
    std::uint64_t sent = 0, delivered = 0, lost = 0, filtered = 0, unroutable = 0;
    friend bool operator==(const Counters&, const Counters&) = default;
  };
  const Counters& counters() const { return counters_; }
  /// Sees each datagram as it leaves.
  std::function<void(const std::string& owner, const Bytes& bytes)> on_sent;

 private:
  struct Plug {
    Realm realm;
    net::Endpoint address;
    std::string owner;
    Receive receive;
    bool is_cut = false;
    std::size_t most_out = SIZE_MAX, most_in = SIZE_MAX;
    double loss = 0;
    Duration delay{};
  };

  bool chance(double share);
  bool is_known_here(Realm realm, const net::IpAddress& address) const;
  void arrive(Realm realm, const std::string& sender, const net::Endpoint& from, net::Endpoint to,
              Bytes bytes);

  Schedule& schedule_;
  RandomSource& random_;
  Narration& narration_;
  std::uint32_t realms_ = 0;
  std::uint32_t next_plug_ = 1;
  std::vector<std::unique_ptr<Nat>> nats_;
  std::map<PlugId, Plug> plugs_;
  Counters counters_;
};

}  // namespace causeway::sim
