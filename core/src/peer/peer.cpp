#include "peer/peer.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "peer/ice_credentials.hpp"

namespace causeway::peer {
namespace {

/// How often the session is told of the traffic that the data loop saw, and lost probes can move a path.
constexpr Duration kTick = 200ms;
/// Measurements change with every probe; the priority stack is asked at most this often without another
/// cause.
constexpr Duration kRescoreEvery = 2s;
/// A nomination waits until the selection has stood this long: pairs turn valid one after the other, best
/// often last.
constexpr Duration kNominateAfter = 250ms;
/// Whoever has packets initiates. The other side does so too when nothing has come by then: the peer may
/// believe in a session that this node lost in a restart.
constexpr Duration kInitiateAfter = 50ms;
/// As long as packets are staged: after that nobody waits for this peer any more.
constexpr Duration kConnectPatience = 15s;
/// Without data in either direction for so long, a peer is let go.
constexpr Duration kIdleAfter = 300s;

bool is_newer(std::optional<SteadyTime> a, SteadyTime b) { return a && *a > b; }

}  // namespace

std::string_view to_string(PeerState state) {
  switch (state) {
    case PeerState::idle:
      return "idle";
    case PeerState::connecting:
      return "connecting";
    case PeerState::connected:
      return "connected";
    case PeerState::unreachable:
      return "unreachable";
    case PeerState::blocked:
      return "blocked";
  }
  return "idle";
}

Peer::Peer(dataplane::PeerId id, PeerDescription description, PeerContext& context, std::uint8_t loop)
    : id_(id),
      description_(std::move(description)),
      context_(context),
      // A small-order key never gets here: records with one are refused where they are verified.
      shared_secret_(crypto::shared_secret(context.keys.secret, description_.session_key)
                         .value_or(crypto::SharedSecret{})),
      session_(context.keys, description_.session_key, description_.preshared, context.timestamps,
               context.indices, context.random,
               {.kind = description_.kind,
                .persistent_keepalive = description_.persistent_keepalive,
                .loop = loop}),
      counters_(std::make_shared<dataplane::PeerCounters>()),
      loop_(loop),
      endpoint_(description_.endpoint) {
  actions_.emplace_back(dataplane::Command{
      dataplane::AddPeer{.peer = id_, .kind = description_.kind, .counters = counters_, .loop = loop_}});
  if (description_.kind == session::PeerKind::wireguard) route_stock_peer();
}

Peer::~Peer() = default;

// ---- wishes ----

void Peer::connect(Now now, std::optional<std::string> ufrag) {
  if (state_ == PeerState::blocked) return;
  if (description_.kind == session::PeerKind::causeway && !agent_) {
    start_agent(ufrag ? std::move(*ufrag) : make_ufrag(context_.random), now);
  }
  offer_again();
  if (state_ != PeerState::connected) {
    connecting_until_ = now.steady + kConnectPatience;
    set_state(PeerState::connecting, "");
  }
  request_session(now);
  run(now);
}

void Peer::on_offer(const std::string& ufrag, const std::vector<ice::Candidate>& candidates, Now now) {
  if (state_ == PeerState::blocked || description_.kind != session::PeerKind::causeway) return;
  // A new generation of a peer that restarted: our old checks would only meet its old self.
  if (agent_ && agent_->state() == ice::AgentState::failed && agent_->remote_ufrag() != ufrag)
    drop_agent(now);
  if (!agent_) {
    start_agent(make_ufrag(context_.random), now);
    connecting_until_ = now.steady + kConnectPatience;
    set_state(PeerState::connecting, "");
  }
  offer_again();
  if (!ufrag.empty() && agent_->remote_ufrag() != ufrag) set_remote_ufrag(ufrag, now);
  add_remote_candidates(candidates, now);
}

void Peer::add_remote_candidates(const std::vector<ice::Candidate>& candidates, Now now) {
  if (!agent_) return;
  bool is_news = false;
  for (const ice::Candidate& candidate : candidates)
    is_news |= agent_->add_remote_candidate(candidate, now);
  if (is_news) actions_.emplace_back(MemoryChanged{});
  if (is_news) try_what_was_good(now);
  run(now);
}

void Peer::set_local_candidates(const std::vector<ice::Candidate>& candidates, Now now) {
  local_candidates_ = candidates;
  if (!agent_) return;
  bool is_news = false;
  for (const ice::Candidate& candidate : candidates)
    is_news |= agent_->add_local_candidate(candidate, now);
  if (is_news) actions_.emplace_back(Offer{agent_->local_credentials().ufrag});
  try_remembered_paths(now);
  if (is_news) try_what_was_good(now);
  run(now);
}

void Peer::set_abilities(bool compact, bool aes_256_gcm, Now now) {
  description_.compact = compact;
  description_.aes_256_gcm = aes_256_gcm;
  run(now);
}

void Peer::set_virtual_address6(const std::optional<net::IpAddress>& address, Now now) {
  auto& former = description_.virtual_address6;
  if (address == former) return;
  auto& allowed = description_.allowed_ips;
  if (former) std::erase(allowed, net::Prefix::containing(*former, 128));
  if (address) allowed.push_back(net::Prefix::containing(*address, 128));
  former = address;
  run(now);
}

void Peer::on_bases_changed(Now now) {
  const auto path_before = data_path_;
  if (agent_) {
    for (auto& [pair, entry] : paths_.entries()) {
      if (context_.bases.contains(entry.base)) entry.mtu.set_ceiling(nic_mtu(entry.base), now.steady);
    }
    for (const ice::Candidate& candidate : agent_->local_candidates()) {
      if (!context_.bases.contains(candidate.base)) agent_->remove_base(candidate.base, now);
    }
  }
  if (data_path_ && !context_.bases.contains(data_path_->base)) set_data_path(std::nullopt);
  if (handshake_route_ && !context_.bases.contains(handshake_route_->base)) handshake_route_.reset();
  if (description_.kind == session::PeerKind::wireguard) {
    route_stock_peer();
    // It learns our new address from the next authentic packet: one is sent at once.
    if (data_path_ && data_path_ != path_before && session_.is_established(now.steady))
      actions_.emplace_back(dataplane::Command{dataplane::SendPeerKeepalive{id_}});
  }
  run(now);
}

void Peer::probe_selected(Now now) {
  if (const auto selected = paths_.selected(); agent_ && selected) agent_->probe(*selected, now);
  run(now);
}

void Peer::offer_again() {
  if (!agent_ || !std::exchange(is_offer_refused_, false)) return;
  actions_.emplace_back(Offer{agent_->local_credentials().ufrag});
}

void Peer::set_remote_ufrag(const std::string& ufrag, Now now) {
  if (!is_ufrag(ufrag)) return;
  agent_->set_remote_credentials({ufrag, derive_password(shared_secret_, description_.session_key, ufrag)},
                                 now);
  actions_.emplace_back(MemoryChanged{});
}

/// A handshake needs a path: an initiation that cannot leave would only delay the one that can. A stock peer
/// is there when it speaks.
void Peer::request_session(Now now) {
  wants_session_ = !data_path_ && description_.kind == session::PeerKind::causeway;
  if (!wants_session_) session_.request(now);
}

void Peer::release(std::string_view reason, Now now) {
  drop_agent(now);
  set_data_path(std::nullopt);
  forget_session(now);
  actions_.emplace_back(WithdrawOffer{});
  wants_session_ = false;
  score_at_ = reselect_at_ = nominate_at_ = initiate_at_ = tick_at_ = connecting_until_ = std::nullopt;
  set_state(PeerState::idle, reason);
  run(now);
}

void Peer::forget_session(Now now) {
  actions_.emplace_back(dataplane::Command{dataplane::ErasePeerKeypairs{id_}});
  session_.reset(now);
  agreed_.reset();
}

void Peer::block(std::string_view reason, Now now) {
  release(reason, now);
  memory_ = {};
  set_state(PeerState::blocked, reason);
}

void Peer::start_agent(std::string ufrag, Now now) {
  paths_.clear();
  const ice::Role role = context_.identity < description_.identity.value_or(crypto::IdentityPublicKey{})
                             ? ice::Role::controlling
                             : ice::Role::controlled;
  const std::string password = derive_password(shared_secret_, context_.keys.public_key, ufrag);
  agent_ = std::make_unique<ice::Agent>(role, context_.random.next_u64(), ice::Credentials{ufrag, password},
                                        context_.ice, context_.random);
  for (const ice::Candidate& candidate : local_candidates_)
    agent_->add_local_candidate(candidate, now);
  std::vector<ice::Credentials> former;
  for (const std::string& earlier : former_ufrags())
    former.push_back({earlier, derive_password(shared_secret_, context_.keys.public_key, earlier)});
  agent_->set_former_generations(std::move(former), memory_.past_remote_ufrags);
  // A server tells the peer's newest generation; without one, the last known is the best guess.
  is_recalling_ = !context_.server_is_online && !memory_.is_empty();
  if (is_recalling_) {
    if (!memory_.remote_ufrag.empty()) set_remote_ufrag(memory_.remote_ufrag, now);
    // Each has a foundation of its own: what is gone since then must not keep frozen (RFC 8445 §6.1.2.6) what
    // stands in its place now, such as another address on the same relay.
    int recalled = 0;
    for (ice::Candidate candidate : memory_.candidates) {
      candidate.foundation = "recalled";
      candidate.foundation += std::to_string(++recalled);
      agent_->add_remote_candidate(candidate, now);
    }
    try_remembered_paths(now);
  }
  actions_.emplace_back(Offer{std::move(ufrag)});
  actions_.emplace_back(MemoryChanged{});
  is_offer_refused_ = false;
  created_ = now.wall;
  tick_at_ = now.steady + kTick;
}

// ---- from the network ----

void Peer::on_stun(net::BaseId base, const net::Endpoint& from, ByteView message, Now now) {
  if (!agent_) {
    // The peer after a restart of either side: with a server it would be introduced.
    if (state_ == PeerState::blocked || context_.server_is_online || !is_known_by_former_ufrag(message))
      return;
    start_agent(make_ufrag(context_.random), now);
    connecting_until_ = now.steady + kConnectPatience;
    set_state(PeerState::connecting, "");
  }
  agent_->on_stun(base, from, message, now);
  run(now);
}

void Peer::on_initiation(const session::ReceivedInitiation& initiation, net::BaseId base,
                         const net::Endpoint& from, Now now) {
  if (state_ == PeerState::blocked || !session_.on_initiation(initiation, now)) return;
  on_authentic_from(base, from);
  if (!tick_at_) tick_at_ = now.steady + kTick;
  run(now);
}

void Peer::on_handshake_answer(ByteView message, bool is_cookie_reply, net::BaseId base,
                               const net::Endpoint& from, Now now) {
  const bool accepted =
      is_cookie_reply ? session_.on_cookie_reply(message, now) : session_.on_response(message, now);
  if (!accepted) return;
  if (!is_cookie_reply) on_authentic_from(base, from);
  run(now);
}

// ---- from the data loop ----

void Peer::on_session_wanted(Now now) {
  // After a failure each attempt is a new ICE generation; the data loop asks once a second at most. It takes
  // a server to tell the peer of a new generation: without one the old agent goes on probing.
  if (agent_ && context_.server_is_online && agent_->state() == ice::AgentState::failed) {
    drop_agent(now);
    set_data_path(std::nullopt);
  }
  connect(now);
}

void Peer::on_keypair_confirmed(std::uint32_t local_index, Now now) {
  session_.on_keypair_confirmed(local_index, now);
  run(now);
}

void Peer::on_moved(net::BaseId base, const net::Endpoint& remote, Now now) {
  if (description_.kind != session::PeerKind::wireguard) return;
  on_authentic_from(base, remote);
  run(now);
}

void Peer::on_path_failed(const dataplane::DataPath& path, Now now) {
  if (agent_) agent_->on_send_failed(path.base, path.remote, now);
  run(now);
}

// ---- from the priority stack ----

void Peer::ask_for_scores(Now now) {
  score_at_.reset();
  if (!agent_ || paths_.valid_count() == 0) return;
  actions_.emplace_back(ScorePaths{++score_round_, views(now), paths_.dead()});
  score_at_ = now.steady + kRescoreEvery;
}

void Peer::on_scores(std::uint64_t round, const plugin::Host::PairRanking& ranking, Now now) {
  if (round != score_round_ || !agent_) return;  // overtaken by a newer question
  paths_.set_scores(ranking.scores);
  scored_by_ = ranking.stack;
  tell({.kind = PathChoice::Kind::scored, .now = now, .stack = ranking.stack});
  if (ranking.ask_again_after) {
    const Duration wait = std::clamp<Duration>(*ranking.ask_again_after, kTick, kRescoreEvery);
    score_at_ = now.steady + wait;
  }
  reselect(now);
  run(now);
}

void Peer::rescore(Now now) {
  ask_for_scores(now);
  run(now);
}

// ---- time ----

void Peer::on_timeout(Now now) {
  const auto is_due = [&](std::optional<SteadyTime>& at) {
    if (!at || *at > now.steady) return false;
    at.reset();
    return true;
  };
  if (agent_) agent_->on_timeout(now);
  run_path_control(now);
  if (is_due(tick_at_)) {
    const session::TrafficSnapshot traffic = counters_->take_snapshot();
    session_.on_traffic(traffic, now);
    const SteadyTime idle_before = now.steady - kIdleAfter;
    // Without a server there is no way back: then even an idle peer is kept.
    if (state_ == PeerState::connected && description_.kind == session::PeerKind::causeway &&
        context_.server_is_online && paths_.selected_since() < idle_before &&
        !is_newer(traffic.data_sent, idle_before) && !is_newer(traffic.data_received, idle_before)) {
      return release("no traffic for 5 minutes", now);
    }
    reselect(now);
    if (!nominate_at_) nominate_when_settled(now);
    recheck_if_cut_off(now);
    observe_paths(now);
    tick_at_ = now.steady + kTick;
  }
  session_.on_timeout(now);
  if (is_due(score_at_)) ask_for_scores(now);
  if (is_due(reselect_at_)) reselect(now);
  if (is_due(nominate_at_)) nominate_when_settled(now);
  if (is_due(initiate_at_) && !session_.is_established(now.steady)) session_.request(now);
  if (is_due(connecting_until_) && state_ == PeerState::connecting) {
    set_state(PeerState::unreachable, paths_.valid_count() > 0 ? "the peer does not answer the handshake"
                                                               : "no pair of addresses works");
  }
  run(now);
}

std::optional<SteadyTime> Peer::next_timeout() const {
  std::optional<SteadyTime> next;
  for (const auto& at :
       {agent_ ? agent_->next_timeout() : std::nullopt, session_.next_timeout(), path_control_.next_timeout(),
        score_at_, reselect_at_, nominate_at_, initiate_at_, tick_at_, connecting_until_}) {
    if (at && (!next || *at < *next)) next = at;
  }
  return next;
}

std::optional<PeerAction> Peer::poll_action() {
  if (actions_.empty()) return std::nullopt;
  PeerAction action = std::move(actions_.front());
  actions_.pop_front();
  return action;
}

// ---- obeying agent and session ----

void Peer::run(Now now) {
  obey_agent(now);
  obey_session(now);
  renew_outdated_session(now);
  obey_path_control(now);
  update_state(now);
}

void Peer::obey_agent(Now now) {
  bool paths_changed = false;
  while (auto action = agent_ ? agent_->poll_action() : std::nullopt) {
    if (auto* send = std::get_if<ice::SendStun>(&*action)) {
      actions_.emplace_back(SendDatagram{send->base, send->to, std::move(send->bytes), send->transaction});
    } else if (const auto* valid = std::get_if<ice::PairValidated>(&*action)) {
      if (const auto pair = agent_->pair(valid->pair)) {
        paths_.on_validated(*pair, nic_mtu(pair->local.base), now.steady);
        path_control_.on_validated(valid->pair, now.steady);
      }
      paths_changed = true;
    } else if (const auto* measured = std::get_if<ice::PairMeasured>(&*action)) {
      paths_.on_measured(measured->pair, measured->rtt);
    } else if (const auto* lost = std::get_if<ice::PairProbeLost>(&*action)) {
      paths_.on_probe_lost(lost->pair);
      path_control_.on_check_lost(lost->pair, now.steady);
      paths_changed = true;
    } else if (const auto* invalid = std::get_if<ice::PairInvalidated>(&*action)) {
      paths_.on_invalidated(invalid->pair);
      paths_changed = true;
    } else if (const auto* nominated = std::get_if<ice::PairNominated>(&*action)) {
      paths_.set_nominated(nominated->pair);
      paths_changed = true;
    } else if (const auto* learnt = std::get_if<ice::RemoteUfragLearnt>(&*action)) {
      // The peer after an ICE restart, or before its offer reached us: its password follows from the ufrag,
      // so no server is needed to go on.
      set_remote_ufrag(learnt->ufrag, now);
    }
  }
  if (!paths_changed) return;
  actions_.emplace_back(MemoryChanged{});
  reselect(now);
  ask_for_scores(now);
}

void Peer::obey_session(Now now) {
  while (auto action = session_.poll_action()) {
    if (auto* send = std::get_if<session::SendHandshake>(&*action)) {
      send_handshake(std::move(send->message));
    } else if (const auto* install = std::get_if<session::InstallKeypair>(&*action)) {
      agreed_ = agreement();
      dataplane::InstallPeerKeypair keypair{id_, install->material, agreed_->v4, agreed_->v6};
      keypair.material.compact = agreed_->compact;
      actions_.emplace_back(dataplane::Command{std::move(keypair)});
      path_control_.on_new_keypair(now.steady);
      if (!tick_at_) tick_at_ = now.steady + kTick;
    } else if (std::holds_alternative<session::EraseKeypairs>(*action)) {
      actions_.emplace_back(dataplane::Command{dataplane::ErasePeerKeypairs{id_}});
    } else if (std::holds_alternative<session::SendKeepalive>(*action)) {
      actions_.emplace_back(dataplane::Command{dataplane::SendPeerKeepalive{id_}});
    } else if (std::holds_alternative<session::HandshakeGaveUp>(*action)) {
      set_state(PeerState::unreachable, "the peer does not answer the handshake");
    }
  }
}

Peer::Agreement Peer::agreement() const {
  Agreement agreement;
  if (!context_.compact || !description_.compact) return agreement;
  const bool aes = context_.aes_256_gcm && description_.aes_256_gcm;
  agreement.compact = aes ? crypto::AeadAlgorithm::aes_256_gcm : crypto::AeadAlgorithm::chacha20_poly1305;
  const auto& own = context_.virtual_address;
  if (own && own->family() == description_.virtual_address.family()) {
    auto& pair = own->is_v4() ? agreement.v4 : agreement.v6;
    pair = dataplane::VirtualPair{*own, description_.virtual_address};
  }
  const auto& own6 = context_.virtual_address6;
  if (own6 && description_.virtual_address6)
    agreement.v6 = dataplane::VirtualPair{*own6, *description_.virtual_address6};
  return agreement;
}

/// Asked after every event, as the answer to a handshake may cross the news that outdates it.
void Peer::renew_outdated_session(Now now) {
  if (!agreed_ || agreement() == *agreed_ || !session_.is_established(now.steady)) return;
  session_.renew(now);
  obey_session(now);
}

void Peer::send_handshake(Bytes message) {
  // Before any path is selected an answer goes back where its question came from; without that either, the
  // session repeats the message once a path is there.
  const auto& route = data_path_ ? data_path_ : handshake_route_;
  if (route)
    actions_.emplace_back(SendDatagram{route->base, route->remote, std::move(message), std::nullopt});
}

// ---- paths ----

void Peer::reselect(Now now) {
  if (!agent_) return;
  path::PathChooser::Input input = paths_.choice(agent_->role(), *agent_, now.steady);
  const auto before = paths_.selected();
  const path::Selection selection = paths_.choose(input, now.steady);
  if (context_.tells_choices) tell_choice(std::move(input), before, selection, now);
  reselect_at_ = selection.ask_again;
  path_control_.tell_order(*agent_, now.steady);
  if (!selection.changed) return;
  const bool had_path = data_path_.has_value();
  set_data_path(selection.path ? path_of(ice::PairId{*selection.path}) : std::nullopt);
  if (data_path_) {
    log::info("path", "{}: {} -> {} ({})", description_.name,
              context_.bases.at(data_path_->base).address.to_string(), data_path_->remote.to_string(),
              path::describe(selection.reason));
    if (!had_path) {
      if (std::exchange(wants_session_, false)) session_.request(now);
      session_.on_path_available(now);
      initiate_at_ = now.steady + kInitiateAfter;
    }
    nominate_at_ = now.steady + kNominateAfter;
  } else {
    log::info("path", "{}: {}", description_.name, path::describe(selection.reason));
  }
}

void Peer::nominate_when_settled(Now now) {
  if (!agent_ || agent_->role() != ice::Role::controlling) return;
  // Nothing is sent for what stands already. Asked again at every tick: a nominating check can fail, and a
  // peer that restarted has forgotten the nomination.
  if (const auto selected = paths_.selected()) agent_->nominate(*selected, now);
}

std::optional<dataplane::DataPath> Peer::path_of(ice::PairId pair) const {
  const auto view = agent_->pair(pair);
  if (!view) return std::nullopt;
  dataplane::DataPath path = make_path(view->local.base, view->remote.address);
  const auto* entry = paths_.find(pair);
  if (entry && path_control_.is_enabled()) path.mtu = std::min(path.mtu, entry->mtu.mtu());
  return path;
}

std::uint16_t Peer::nic_mtu(net::BaseId base) const {
  const auto at = context_.bases.find(base);
  return at == context_.bases.end() ? path::PathMtu::kBase : at->second.mtu;
}

dataplane::DataPath Peer::make_path(net::BaseId base, const net::Endpoint& remote) const {
  return {base, remote, nic_mtu(base)};
}

void Peer::set_data_path(const std::optional<dataplane::DataPath>& path,
                         const std::optional<dataplane::DataPath>& companion) {
  if (path == data_path_ && companion == companion_) return;
  data_path_ = path;
  companion_ = companion;
  has_been_connected_ |= data_path_.has_value();
  actions_.emplace_back(dataplane::Command{dataplane::SetPath{id_, data_path_, companion_}});
}

/// A stock peer is sent to from the base that reaches its endpoint without a router, else from one with a
/// default route.
void Peer::route_stock_peer() {
  if (data_path_ || !endpoint_) return;
  const LocalBase* best = nullptr;
  const auto rank = [&](const LocalBase& base) {
    return base.on_link.contains(endpoint_->address) ? 2 : base.has_default_route ? 1 : 0;
  };
  for (const auto& [id, base] : context_.bases) {
    if (base.relay || base.address.address.family() != endpoint_->address.family()) continue;
    if (!best || rank(base) > rank(*best)) best = &base;
  }
  if (best) set_data_path(make_path(best->base, *endpoint_));
}

/// WireGuard's roaming (whitepaper §2.1): to a stock peer everything goes where it was heard from last.
void Peer::on_authentic_from(net::BaseId base, const net::Endpoint& remote) {
  handshake_route_ = make_path(base, remote);
  if (description_.kind != session::PeerKind::wireguard) return;
  endpoint_ = remote;
  set_data_path(handshake_route_);
}

// ---- state ----

void Peer::update_state(Now now) {
  const bool is_connected = data_path_ && session_.is_established(now.steady);
  if (is_connected) {
    connecting_until_.reset();
    if (description_.kind == session::PeerKind::wireguard && created_ == WallTime{}) created_ = now.wall;
    set_state(PeerState::connected, "");
  } else if (state_ == PeerState::connected && data_path_ && !session_.is_initiating() &&
             description_.kind == session::PeerKind::wireguard) {
    // As stock WireGuard does: without traffic a session ends, and the next packet makes a new one.
    set_state(PeerState::idle, "no traffic since the session ended");
  } else if (state_ == PeerState::connected) {
    connecting_until_ = now.steady + kConnectPatience;
    set_state(PeerState::connecting, data_path_ ? "the session has ended" : "every path was lost");
    // What was connected is reconnected without waiting for a packet: the applications must not notice.
    request_session(now);
  }
}

void Peer::set_state(PeerState state, std::string_view reason) {
  if (state == state_ && reason == state_reason_) return;
  state_ = state;
  state_reason_ = reason;
  actions_.emplace_back(PeerStateChanged{state, state_reason_});
}

}  // namespace causeway::peer
