#include "daemon/ping_operation.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/json.hpp"

namespace causeway::daemon {
namespace {

using Json = nlohmann::json;

constexpr Duration kLookEvery = 10ms;
constexpr Duration kConnectPatience = 15s;
constexpr Duration kBetweenPings = 1s;
constexpr Duration kAnswerPatience = 2s;

/// Keeps itself alive by its timer until it is done.
class Ping : public std::enable_shared_from_this<Ping> {
 public:
  Ping(ControlTarget& target, std::string name, int count, ControlSocket::Completion done,
       ControlSocket::Progress progress)
      : target_(target),
        timer_(target.context()),
        name_(std::move(name)),
        count_(count),
        done_(std::move(done)),
        progress_(std::move(progress)),
        started_(target.now().steady) {}

  void start() {
    const Now now = target_.now();
    const peer::Peer* peer = target_.node().find_peer(name_);
    if (peer && peer->state() == peer::PeerState::blocked) {
      return done_(
          Error{name_ + " is blocked (" + peer->state_reason() + "): `causeway peers` says what to do"});
    }
    const auto address =
        peer ? std::optional{peer->description().virtual_address} : net::IpAddress::parse(name_);
    if (!address || !target_.node().request_connection(*address, now)) {
      target_.pump();
      return done_(Error{"no peer is named " + name_ +
                         ": `causeway peers` lists those known; any virtual address of the "
                         "network can be given"});
    }
    target_.pump();
    look_again();
  }

 private:
  void look_again() {
    timer_.expires_after(kLookEvery);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->look();
    });
  }

  void look() {
    const Now now = target_.now();
    const peer::Peer* peer = target_.node().find_peer(name_);
    const auto selected = peer ? peer->paths().selected() : std::nullopt;
    if (!connected_at_) {
      if (peer && peer->state() == peer::PeerState::connected) {
        connected_at_ = now.steady;
      } else if (now.steady - started_ > kConnectPatience ||
                 (peer && peer->state() == peer::PeerState::unreachable)) {
        const std::string why =
            peer && !peer->state_reason().empty() ? peer->state_reason() : "it does not answer";
        return done_(Error{name_ + " can't be reached: " + why + "; `causeway checks " + name_ +
                           "` shows what was tried"});
      } else {
        return look_again();
      }
    }
    if (!selected) return sent_at_ ? finish_one(now, std::nullopt) : look_again();
    const auto& measured = peer->paths().find(*selected)->stats.measurements();
    if (sent_at_) {
      const auto view = peer->agent()->pair(*selected);
      if (measured.probes != probes_before_ && view && view->rtt && view->answered > *sent_at_) {
        return finish_one(now, view->rtt, peer->data_path()->remote.to_string());
      }
      if (now.steady - *sent_at_ > kAnswerPatience) return finish_one(now, std::nullopt);
      return look_again();
    }
    if (now.steady >= next_at_) {
      sent_at_ = now.steady;
      probes_before_ = measured.probes;
      ++sent_;
      target_.node().probe(peer->id(), now);
      target_.pump();
    }
    look_again();
  }

  void finish_one(Now now, std::optional<Duration> rtt, const std::string& path = {}) {
    Json report{{"seq", sent_}, {"rtt_ms", nullptr}, {"path", path}, {"lost", !rtt}};
    if (rtt) {
      const double ms = to_milliseconds(*rtt);
      report["rtt_ms"] = ms;
      ++received_;
      sum_ += ms;
      least_ = std::min(least_, ms);
      most_ = std::max(most_, ms);
    }
    progress_(report);
    next_at_ = *sent_at_ + kBetweenPings;
    sent_at_.reset();
    if (sent_ < count_) {
      if (next_at_ < now.steady) next_at_ = now.steady;
      return look_again();
    }
    Json rtts{{"min", nullptr}, {"avg", nullptr}, {"max", nullptr}};
    if (received_ > 0) rtts = {{"min", least_}, {"avg", sum_ / received_}, {"max", most_}};
    done_(protocol::success(Json{{"peer", name_},
                                 {"sent", sent_},
                                 {"received", received_},
                                 {"connect_ms", to_milliseconds(*connected_at_ - started_)},
                                 {"rtt_ms", std::move(rtts)}}));
  }

  ControlTarget& target_;
  boost::asio::steady_timer timer_;
  std::string name_;
  int count_;
  ControlSocket::Completion done_;
  ControlSocket::Progress progress_;
  SteadyTime started_;
  std::optional<SteadyTime> connected_at_, sent_at_;
  SteadyTime next_at_{};
  std::uint32_t probes_before_ = 0;
  int sent_ = 0, received_ = 0;
  double sum_ = 0, least_ = 1e9, most_ = 0;
};

}  // namespace

void start_ping(ControlTarget& target, const Json& params, ControlSocket::Completion done,
                ControlSocket::Progress progress) {
  const auto name = params.find("peer");
  if (name == params.end() || !name->is_string()) return done(Error{"name a peer"});
  const auto count = protocol::get_integer<int>(params, "count", 1, 1000).value_or(4);
  std::make_shared<Ping>(target, name->get<std::string>(), count, std::move(done), std::move(progress))
      ->start();
}

}  // namespace causeway::daemon
