#include "tests/sim/sim_node.hpp"

#include <utility>

#include "crypto/ed25519.hpp"
#include "crypto/x25519.hpp"
#include "plugin/builtin.hpp"
#include "stun/message.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

constexpr net::BaseId kBase{1};

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

/// The one base of a node: every segment of a batch travels by itself.
class SimNode::SimCarrier final : public dataplane::Carrier {
 public:
  SimCarrier(World& world, SimNode& node) : world_(world), node_(node) {}
  dataplane::SendOutcome send(const net::Endpoint& to, const dataplane::SendBatch& batch) noexcept override {
    for (std::size_t at = 0; at < batch.bytes.size(); at += batch.segment_bytes) {
      const ByteView segment =
          batch.bytes.subspan(at, std::min<std::size_t>(batch.segment_bytes, batch.bytes.size() - at));
      world_.send_datagram(node_, node_.base_address_, to, Bytes(segment.begin(), segment.end()));
    }
    return {.segments_sent = static_cast<std::uint32_t>(batch.segments())};
  }

 private:
  World& world_;
  SimNode& node_;
};

SimNode::SimNode(World& world, std::string name, net::IpAddress address, Nat* nat)
    : world_(world), name_(std::move(name)), nat_(nat), base_address_{address, 41000} {
  keys_.identity = crypto::generate_identity(world.random()).secret;
  keys_.session = crypto::generate_session_keys(world.random()).secret;
}

SimNode::~SimNode() = default;

void SimNode::start(const std::string& token) {
  stored_.enrolment = store::Enrolment{.token = token};
  restart();
}

void SimNode::kill() {
  ++life_;
  if (connection_ != server::ConnectionId::none) world_.close_from_node(std::exchange(connection_, {}));
  node_.reset();
  forwarder_.reset();
  events_.clear();
  gathering_.clear();
  timer_.reset();
  interface_address_.reset();
}

void SimNode::restart() {
  kill();
  forwarder_ = std::make_unique<dataplane::Forwarder>(tun_, *this, drops_);
  node::Node::Options options;
  options.keys = keys_;
  options.state = stored_;
  options.wished_name = name_;
  node_ = std::make_unique<node::Node>(std::move(options), world_.random());
  forwarder_->apply(dataplane::AddBase{kBase, std::make_shared<SimCarrier>(world_, *this)}, world_.now());
  node_->start(world_.now());
  node_->on_bases_changed(
      {{kBase, {.base = kBase, .address = base_address_, .interface = "eth0", .has_default_route = true}}},
      world_.now());
  pump();
  gather();
}

void SimNode::leave() {
  has_left_ = false;
  node_->leave(world_.now());
  pump();
}

void SimNode::join() {
  (void)node_->join(std::nullopt, world_.now());
  pump();
}

// ---- applications ----

void SimNode::write_packet(Bytes packet) {
  tun_.put(std::move(packet));
  while (forwarder_->on_tun_readable(world_.now()) == dataplane::Forwarder::TunState::more) {
  }
  pump();
}

std::vector<Bytes> SimNode::take_received() {
  std::vector<Bytes> packets;
  for (testing::SuperFrame& frame : std::exchange(tun_.written, {}))
    packets.push_back(std::move(frame.packet));
  return packets;
}

// ---- the world's events ----

void SimNode::on_datagram(const net::Endpoint& from, Bytes bytes) {
  if (!forwarder_) return;
  const auto length = static_cast<std::uint16_t>(bytes.size());
  forwarder_->on_received({.base = kBase, .from = from, .bytes = bytes, .segment_bytes = length},
                          world_.now());
  forwarder_->flush(world_.now());
  pump();
}

void SimNode::on_server_secured(server::ConnectionId connection, ByteView exporter) {
  if (connection != connection_ || !node_) return;
  node_->on_server_connected(exporter, world_.now());
  pump();
}

void SimNode::on_server_line(server::ConnectionId connection, const std::string& line) {
  if (connection != connection_ || !node_) return;
  node_->on_server_line(line, world_.now());
  pump();
}

void SimNode::on_server_closed(server::ConnectionId connection, std::string_view reason) {
  if (connection != connection_ || !node_) return;
  connection_ = server::ConnectionId::none;
  node_->on_server_closed(reason, world_.now());
  pump();
}

bool SimNode::push(dataplane::Event&& event) noexcept {
  events_.push_back(std::move(event));
  return true;
}

// ---- driving ----

void SimNode::pump() {
  if (is_pumping_ || !node_) return;
  is_pumping_ = true;
  for (bool busy = true; busy;) {
    busy = false;
    for (dataplane::Event& event : std::exchange(events_, {})) {
      node_->on_data_event(std::move(event), false, world_.now());
      busy = true;
    }
    while (auto action = node_->poll_action()) {
      obey(*action);
      busy = true;
    }
  }
  is_pumping_ = false;
  schedule();
}

void SimNode::schedule() {
  std::optional<SteadyTime> next = node_->next_timeout();
  if (const auto data = forwarder_->next_timeout(); data && (!next || *data < *next)) next = data;
  if (!next || (timer_ && *timer_ <= *next && *timer_ > world_.now().steady)) return;
  timer_ = std::max(*next, world_.now().steady);
  world_.after(*timer_ - world_.now().steady, [this, life = life_, at = *timer_] {
    if (life != life_ || timer_ != at) return;
    timer_.reset();
    on_timer();
  });
}

void SimNode::on_timer() {
  forwarder_->on_timeout(world_.now());
  node_->on_timeout(world_.now());
  pump();
}

void SimNode::obey(node::NodeAction& action) {
  const Now now = world_.now();
  std::visit(Overloaded{
                 [&](peer::SendDatagram& send) {
                   world_.send_datagram(*this, base_address_, send.to, std::move(send.bytes));
                 },
                 [&](dataplane::Command& command) { forwarder_->apply(std::move(command), now); },
                 [&](link::OpenConnection&) { connection_ = world_.open_connection(*this); },
                 [&](link::SendLine& line) { world_.send_to_server(connection_, std::move(line.line)); },
                 [&](link::CloseConnection&) { world_.close_from_node(std::exchange(connection_, {})); },
                 [&](node::ConfigureInterface& configure) { interface_address_ = configure.address; },
                 [&](node::ClearInterface&) { interface_address_.reset(); },
                 [&](node::AddRoute&) {},
                 [&](node::PublishNames&) {},
                 [&](node::UpdateSources& update) {
                   stun_servers_ = update.stun_servers;
                   gather();
                 },
                 [&](node::RankCandidates& rank) {
                   node_->on_candidates_ranked(rank.generation, plugin::builtin_rank(rank.candidates), now);
                 },
                 [&](node::ScorePeerPaths& score) {
                   plugin::Host::PairRanking ranking{.scores = plugin::builtin_score(score.paths),
                                                     .stack = "builtin"};
                   node_->on_paths_scored(score.peer, score.round, ranking, now);
                 },
                 [&](node::OfferToSources& offer) { on_stun_answer(offer.bytes); },
                 [&](node::SaveState& save) { stored_ = std::move(save.state); },
                 [&](node::CoverTimestamp& cover) { stored_.timestamp = cover.stamp; },
                 [&](node::JoinRefused& refused) { refusal_ = refused.reason; },
                 [&](node::Left&) { has_left_ = true; },
             },
             action);
}

/// A candidate source in its simplest form: asks each STUN server until it answers.
void SimNode::gather() {
  for (const net::Endpoint& server : stun_servers_) {
    stun::TransactionId id;
    world_.random().fill(id.bytes);
    gathering_[id] = server;
    for (int transmission = 0; transmission < 5; ++transmission) {
      world_.after(transmission * 500ms, [this, id, server, life = life_] {
        if (life != life_ || !gathering_.contains(id)) return;
        world_.send_datagram(*this, base_address_, server, stun::encode_plain_binding_request(id));
      });
    }
  }
}

void SimNode::on_stun_answer(const Bytes& bytes) {
  const auto response = stun::parse_plain_binding_response(bytes);
  if (!response || !response->mapped || gathering_.erase(response->transaction) == 0) return;
  node_->on_candidate_found("sim-stun", kBase, ice::CandidateType::server_reflexive, *response->mapped,
                            world_.now());
}

}  // namespace causeway::sim
