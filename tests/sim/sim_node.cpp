#include "tests/sim/sim_node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "crypto/ed25519.hpp"
#include "crypto/x25519.hpp"
#include "node/trace_steps.hpp"
#include "plugin/builtin.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

constexpr std::uint16_t kPort = 41000;
/// Of the queue from the data loop, as in the daemon.
constexpr std::size_t kMostEvents = 4096;
/// A node that asks for more before it rests never rests.
constexpr int kMostRounds = 2000;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

/// One NIC's socket: every segment of a batch travels by itself.
class SimNode::SimCarrier final : public dataplane::Carrier {
 public:
  SimCarrier(SimNode& node, net::BaseId base) : node_(node), base_(base) {}
  dataplane::SendOutcome send(const net::Endpoint& to, const dataplane::SendBatch& batch) noexcept override {
    for (std::size_t at = 0; at < batch.bytes.size(); at += batch.segment_bytes) {
      const ByteView segment =
          batch.bytes.subspan(at, std::min<std::size_t>(batch.segment_bytes, batch.bytes.size() - at));
      node_.send_from(base_, to, Bytes(segment.begin(), segment.end()));
    }
    return {.segments_sent = static_cast<std::uint32_t>(batch.segments())};
  }

 private:
  SimNode& node_;
  net::BaseId base_;
};

SimNode::SimNode(World& world, std::string name) : world_(world), name_(std::move(name)) {
  const auto identity = crypto::generate_identity(world.random);
  keys_.identity = identity.secret;
  identity_ = crypto::derive_public(keys_.identity);
  keys_.session = crypto::generate_session_keys(world.random).secret;
}

SimNode::~SimNode() = default;

Now SimNode::now() const { return world_.schedule.clocks(clock_error); }

RandomSource& SimNode::random() { return world_.random; }

const peer::Peer* SimNode::peer_of(const SimNode& other) const {
  if (!node_) return nullptr;
  for (const auto& [id, peer] : node_->peers()) {
    if (peer->description().identity == other.identity_) return peer.get();
  }
  return nullptr;
}

// ---- NICs ----

SimNic* SimNode::find_nic(net::BaseId base) {
  const auto at =
      std::find_if(nics_.begin(), nics_.end(), [&](const SimNic& nic) { return nic.base == base; });
  return at == nics_.end() ? nullptr : &*at;
}

net::BaseId SimNode::add_nic(Realm realm, net::IpAddress address) {
  nics_.push_back({net::BaseId{next_base_++}, realm, {address, kPort}});
  const net::BaseId base = nics_.back().base;
  if (node_) {
    open(nics_.back());
    tell_bases();
    pump();
  }
  return base;
}

void SimNode::remove_nic(net::BaseId base) {
  SimNic* nic = find_nic(base);
  if (!nic) return;
  world_.network.unplug(nic->plug);
  std::erase_if(nics_, [&](const SimNic& known) { return known.base == base; });
  if (!node_) return;
  apply(dataplane::RemoveBase{base});
  tell_bases();
  pump();
}

void SimNode::open(SimNic& nic) {
  const net::BaseId base = nic.base;
  nic.plug = world_.network.plug_in(
      nic.realm, nic.address, name_,
      [this, base](const net::Endpoint& from, Bytes bytes) { on_datagram(base, from, std::move(bytes)); });
  apply(dataplane::AddBase{base, std::make_shared<SimCarrier>(*this, base)});
}

void SimNode::tell_bases() {
  peer::LocalBases bases;
  for (const SimNic& nic : nics_) {
    bases[nic.base] = {.base = nic.base,
                       .address = nic.address,
                       .interface = fmt::format("eth{}", static_cast<std::uint32_t>(nic.base)),
                       .on_link = net::Prefix::containing(nic.address.address, 24),
                       .has_default_route = nic.base == nics_.front().base};
  }
  node_->on_bases_changed(bases, now());
  stun_->set_bases(bases);
}

void SimNode::on_network_changed(Duration away, bool loses_connection) {
  if (!node_) return;
  if (loses_connection && connection_ != server::ConnectionId::none) {
    close_connection();
    node_->on_server_closed("the network in use is gone", now());
  }
  node_->on_network_changed(away, now());
  pump();
}

// ---- life of the daemon ----

void SimNode::start(const std::string& token) {
  stored_.enrolment = store::Enrolment{.token = token};
  restart();
}

void SimNode::kill() {
  ++life_;
  if (node_) world_.narration.note(name_, "is killed");
  close_connection();
  for (SimNic& nic : nics_)
    world_.network.unplug(std::exchange(nic.plug, PlugId::none));
  stun_.reset();
  node_.reset();
  forwarder_.reset();
  events_.clear();
  timer_.reset();
  interface_address_.reset();
}

void SimNode::restart() {
  kill();
  world_.narration.note(name_, "starts");
  has_left_ = stored_.enrolment && stored_.enrolment->left;
  forwarder_ = std::make_unique<dataplane::Forwarder>(tun_, *this, drops_);
  node::Node::Options options;
  options.keys = keys_;
  options.state = stored_;
  options.friends = stored_friends_;
  options.known_peers = stored_peers_;
  options.history = stored_history_;
  options.check_list = check_list;
  options.wished_name = name_;
  options.compact = compact;
  options.aes_256_gcm = aes_256_gcm;
  options.ipv6_inside = ipv6_inside;
  options.subscriptions = subscriptions;
  options.reports = reports;
  options.path_messages = path_messages;
  node_ = std::make_unique<node::Node>(std::move(options), world_.random);
  stun_ = std::make_unique<StunClient>(*this);
  for (SimNic& nic : nics_)
    open(nic);
  node_->start(now());
  tell_bases();
  pump();
}

void SimNode::leave() {
  if (!node_) return;
  world_.narration.note(name_, "is told to leave");
  has_left_ = false;
  node_->leave(now());
  pump();
}

void SimNode::join() {
  if (!node_) return;
  world_.narration.note(name_, "is told to join");
  has_left_ = false;
  (void)node_->join(std::nullopt, now());
  pump();
}

void SimNode::add_friend(const std::string& name, std::optional<crypto::IdentityPublicKey> key) {
  friend_answer_.reset();
  node_->add_friend(name, key, now());
  pump();
}

void SimNode::remove_friend(const std::string& name) {
  friend_answer_.reset();
  node_->remove_friend(name, now());
  pump();
}

void SimNode::set_subscription_policy(node::SubscriptionPolicy policy) {
  subscriptions = policy;
  if (!node_) return;
  node_->set_subscription_policy(policy, now());
  pump();
}

// ---- applications ----

void SimNode::write_packet(Bytes packet) {
  if (!forwarder_) return;
  tun_.put(std::move(packet));
  while (forwarder_->on_tun_readable(now()) == dataplane::Forwarder::TunState::more) {
  }
  pump();
}

std::vector<Bytes> SimNode::take_received() {
  std::vector<Bytes> packets;
  for (testing::SuperFrame& frame : std::exchange(tun_.written, {}))
    packets.push_back(std::move(frame.packet));
  return packets;
}

void SimNode::forge_source(const net::IpAddress& source) { forged_sources_.insert(source); }

// ---- the world's events ----

void SimNode::send_from(net::BaseId base, const net::Endpoint& to, Bytes bytes) {
  if (const SimNic* nic = find_nic(base)) world_.network.send(nic->plug, to, std::move(bytes));
}

void SimNode::on_datagram(net::BaseId base, const net::Endpoint& from, Bytes bytes) {
  if (!forwarder_) return;
  const auto length = static_cast<std::uint16_t>(bytes.size());
  forwarder_->on_received({.base = base, .from = from, .bytes = bytes, .segment_bytes = length}, now());
  forwarder_->flush(now());
  pump();
}

void SimNode::on_server_secured(server::ConnectionId connection, ByteView exporter) {
  if (connection != connection_ || !node_) return;
  node_->on_server_connected(exporter, now());
  pump();
}

void SimNode::on_server_line(server::ConnectionId connection, const std::string& line) {
  if (connection != connection_ || !node_) return;
  node_->on_server_line(line, now());
  pump();
}

void SimNode::on_server_closed(server::ConnectionId connection, std::string_view reason) {
  if (connection != connection_ || !node_) return;
  connection_ = server::ConnectionId::none;
  node_->on_server_closed(reason, now());
  pump();
}

void SimNode::close_connection() {
  if (connection_ != server::ConnectionId::none)
    world_.server.close(std::exchange(connection_, server::ConnectionId::none));
}

bool SimNode::push(dataplane::Event&& event) noexcept {
  if (events_.size() >= kMostEvents) {
    ++events_refused_;
    return false;
  }
  events_.push_back(std::move(event));
  return true;
}

// ---- driving ----

void SimNode::pump() {
  if (is_pumping_ || !node_) return;
  is_pumping_ = true;
  int rounds = 0;
  for (bool busy = true; busy;) {
    busy = false;
    for (dataplane::Event& event : std::exchange(events_, {})) {
      node_->on_data_event(std::move(event), false, now());
      busy = true;
    }
    while (auto action = node_->poll_action()) {
      obey(*action);
      busy = true;
      if (++rounds > kMostRounds) {
        world_.report_breach("nodes come to rest", name_ + " asks for more without end");
        busy = false;
        break;
      }
    }
  }
  is_pumping_ = false;
  schedule();
}

void SimNode::record(std::function<void(const replay::Step&)> on_step) {
  on_step_ = std::move(on_step);
  node_->tell_choices(static_cast<bool>(on_step_), now());
  pump();
}

void SimNode::schedule() {
  std::optional<SteadyTime> next = node_->next_timeout();
  for (const auto at : {forwarder_->next_timeout(), stun_->next_timeout()}) {
    if (at && (!next || *at < *next)) next = at;
  }
  const SteadyTime present = now().steady;
  if (!next || (timer_ && *timer_ <= *next && *timer_ > present)) return;
  timer_ = std::max(*next, present);
  world_.schedule.after(*timer_ - present, [this, life = life_, at = *timer_] {
    if (life != life_ || timer_ != at) return;
    timer_.reset();
    on_timer();
  });
}

void SimNode::on_timer() {
  forwarder_->on_timeout(now());
  node_->on_timeout(now());
  stun_->on_timeout();
  pump();
}

void SimNode::apply(dataplane::Command&& command) {
  if (auto* forwarding = std::get_if<dataplane::SetForwarding>(&command);
      forwarding && !forged_sources_.empty()) {
    auto forged = std::make_shared<dataplane::ForwardingSnapshot>(*forwarding->table);
    forged->local_addresses.insert(forged->local_addresses.end(), forged_sources_.begin(),
                                   forged_sources_.end());
    forwarding->table = std::move(forged);
  }
  forwarder_->apply(std::move(command), now());
}

void SimNode::obey(node::NodeAction& action) {
  std::visit(
      Overloaded{
          [&](peer::SendDatagram& send) { send_from(send.base, send.to, std::move(send.bytes)); },
          [&](dataplane::Command& command) { apply(std::move(command)); },
          [&](link::OpenConnection&) {
            // The kernel takes the NIC of the default route; without one the connection fails at once.
            if (!nics_.empty()) {
              connection_ = world_.server.open(*this, nics_.front().plug);
              return;
            }
            connection_ = server::ConnectionId{~std::uint64_t{0}};
            world_.schedule.after(Duration{}, [this, life = life_] {
              if (life == life_) on_server_closed(server::ConnectionId{~std::uint64_t{0}}, "no network");
            });
          },
          [&](link::SendLine& line) { world_.server.send(connection_, std::move(line.line)); },
          [&](link::CloseConnection&) { close_connection(); },
          [&](node::ConfigureInterface& configure) {
            interface_address_ = configure.address;
            world_.narration.note(name_, "has " + configure.address.to_string());
          },
          [&](node::ClearInterface&) { interface_address_.reset(); },
          [&](node::AddRoute&) {},
          [&](node::PublishNames&) {},
          [&](node::UpdateSources& update) { stun_->set_servers(update.stun_servers); },
          [](node::UpdateRelays&) {},  // the simulated Internet has no relay
          [&](node::RankCandidates& rank) {
            node_->on_candidates_ranked(rank.generation, plugin::builtin_rank(rank.candidates), now());
          },
          [&](node::TellChoice& told) {
            if (on_step_) on_step_(node::trace_step(told, node_->bases()));
          },
          [&](node::ScorePeerPaths& score) {
            if (on_step_) on_step_(node::trace_step(score, now(), 0, node_->bases()));
            plugin::Host::PairRanking ranking{
                .scores = score_paths ? score_paths(score.paths) : plugin::builtin_score(score.paths),
                .ask_again_after = {},
                .stack = score_paths ? "test" : "builtin"};
            node_->on_paths_scored(score.peer, score.round, ranking, now());
          },
          [&](node::OfferToSources& offer) { stun_->on_datagram(offer.base, offer.from, offer.bytes); },
          [&](node::SaveState& save) { stored_ = std::move(save.state); },
          [&](node::CoverTimestamp& cover) { stored_.timestamp = cover.stamp; },
          [&](node::SaveKnownPeers& save) { stored_peers_ = std::move(save.peers); },
          [&](node::SaveHistory& save) { stored_history_ = std::move(save.history); },
          [&](node::SaveFriends& save) { stored_friends_ = std::move(save.friends); },
          [&](node::FriendAnswered& answer) { friend_answer_ = std::move(answer); },
          [&](node::JoinRefused& refused) {
            refusal_ = refused.reason;
            world_.narration.note(name_, "is refused: " + refusal_);
          },
          [&](node::Left&) {
            has_left_ = true;
            world_.narration.note(name_, "has left");
          },
      },
      action);
}

}  // namespace causeway::sim
