#include "session/session.hpp"

#include <algorithm>
#include <array>

#include "session/cookie.hpp"
#include "session/ikpsk2.hpp"
#include "session/limits.hpp"
#include "session/session_timers.hpp"
#include "session/wire.hpp"

namespace causeway::session {
namespace {

// How long the first repetitions wait between Causeway nodes; after them, and with stock peers,
// kRekeyTimeout.
constexpr std::array<Duration, 3> kQuickRepeats{250ms, 500ms, 1s};
// A new path may ask for a repetition at once, but not faster than a peer accepts initiations.
constexpr Duration kQuickestRepeat = 50ms;
// How long a Causeway responder waits for the initiator's confirmation before it initiates itself.
constexpr Duration kConfirmationWait = 1s;

}  // namespace

struct Session::State {
  State(const LocalKeys& local_keys, const crypto::SessionPublicKey& remote_key,
        const crypto::PresharedKey& psk, TimestampSource& timestamp_source, IndexAllocator& index_allocator,
        RandomSource& random_source, Options given)
      : local(local_keys),
        remote(remote_key),
        preshared(psk),
        timestamps(timestamp_source),
        indices(index_allocator),
        random(random_source),
        options(given),
        macs(remote_key),
        timers(given.persistent_keepalive),
        silence_jitter(jitter()) {}

  /// Our wish for a new session, from the first initiation on until it is granted or given up.
  struct Attempt {
    SteadyTime since;
    std::size_t sent = 0;
  };
  /// The newest initiation of ours that a response may still answer.
  struct Pending {
    std::uint32_t local_index;
    crypto::SessionKeys ephemeral;
    SymmetricState noise;
  };
  /// A keypair that we made as responder and that the initiator has not used yet.
  struct Unconfirmed {
    std::uint32_t local_index;
    SteadyTime created;
  };

  bool is_stock() const { return options.kind == PeerKind::wireguard; }
  /// Of two Causeway nodes that initiate at once the one with the larger key goes on, so that one keypair
  /// comes of it and not one per direction. (Stock peers drop theirs in any case when they answer ours.)
  bool yields() const { return !is_stock() && local.public_key < remote; }

  void start_attempt(Now now);
  void send_initiation(Now now);
  Duration repeat_wait();
  void end_attempt();
  void drop_pending();
  void derive(const KeypairMaterial& material, SteadyTime now);
  void prove(SteadyTime created, SteadyTime now);
  void on_due(Timer timer, Now now);
  void send_keepalive(SteadyTime now);
  Duration jitter() {
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(kRekeyTimeoutJitter).count();
    return std::chrono::milliseconds{random.below(static_cast<std::uint64_t>(milliseconds) + 1)};
  }

  const LocalKeys& local;
  const crypto::SessionPublicKey remote;
  const crypto::PresharedKey preshared;
  TimestampSource& timestamps;
  IndexAllocator& indices;
  RandomSource& random;
  const Options options;

  MacWriter macs;
  SessionTimers timers;
  Duration silence_jitter;  ///< for the next peer_silent; drawn ahead, as traffic is told often and seldom
                            ///< starts it
  std::optional<Attempt> attempt;
  std::optional<Pending> pending;
  std::optional<Unconfirmed> unconfirmed;
  std::optional<SteadyTime> initiation_sent;      ///< when the newest left
  std::optional<SteadyTime> initiation_received;  ///< when the newest authentic one came
  Tai64n newest_timestamp{};                      ///< of the peer's initiations: older ones are replays
  std::optional<SteadyTime> derived;              ///< when the newest keypair was made, confirmed or not
  std::optional<SteadyTime> proven;               ///< when the newest keypair that both ends proved was made
  std::optional<SteadyTime> last_handshake;
  std::deque<SessionAction> actions;
};

// ---- initiating ----

void Session::State::start_attempt(Now now) {
  if (attempt) return;
  attempt = Attempt{now.steady};
  SteadyTime earliest = now.steady;
  if (initiation_sent)
    earliest = std::max(earliest, *initiation_sent + (is_stock() ? kRekeyTimeout : kQuickestRepeat));
  // A handshake that the peer began is about to be confirmed.
  if (unconfirmed)
    earliest = std::max(earliest, unconfirmed->created + (is_stock() ? kRekeyTimeout : kConfirmationWait));
  if (earliest > now.steady) {
    timers.start(Timer::repeat_initiation, earliest);
  } else {
    send_initiation(now);
  }
}

void Session::State::send_initiation(Now now) {
  drop_pending();
  initiation_sent = now.steady;
  timers.on_initiation_sent(now.steady, repeat_wait());

  auto ephemeral = crypto::generate_session_keys(random);
  wire::Initiation message;
  message.ephemeral = ephemeral.public_key.bytes;
  auto noise =
      ikpsk2::write_message1(as_bytes(ikpsk2::kIdentifier), local, remote, ephemeral,
                             timestamps.next(now.wall), message.sealed_static, message.sealed_timestamp);
  if (!noise) return;  // the configured key is no point of the curve: the attempt ends by giving up
  message.sender_index = indices.allocate(options.loop);
  pending.emplace(Pending{message.sender_index, ephemeral, *noise});
  Bytes bytes = wire::encode(message);
  macs.write_macs(bytes, now.steady);
  actions.emplace_back(SendHandshake{std::move(bytes)});
}

Duration Session::State::repeat_wait() {
  const std::size_t sent = attempt->sent++;
  if (!is_stock() && sent < kQuickRepeats.size()) return kQuickRepeats[sent];
  return kRekeyTimeout + jitter();
}

void Session::State::end_attempt() {
  attempt.reset();
  drop_pending();
  timers.on_initiation_settled();
}

void Session::State::drop_pending() {
  if (!pending) return;
  indices.release(pending->local_index);
  pending.reset();
}

// ---- agreeing ----

void Session::State::derive(const KeypairMaterial& material, SteadyTime now) {
  derived = now;
  timers.on_session_derived(now);
  actions.emplace_back(InstallKeypair{material});
}

void Session::State::prove(SteadyTime created, SteadyTime now) {
  proven = created;
  last_handshake = now;
  unconfirmed.reset();
}

void Session::State::send_keepalive(SteadyTime now) {
  timers.on_sent(now);
  actions.emplace_back(SendKeepalive{});
}

void Session::State::on_due(Timer timer, Now now) {
  switch (timer) {
    case Timer::repeat_initiation:
      if (!attempt) return;
      if (now.steady - attempt->since >= kRekeyAttemptTime) {
        end_attempt();
        timers.on_gave_up(now.steady);
        actions.emplace_back(HandshakeGaveUp{});
      } else {
        send_initiation(now);
      }
      return;
    case Timer::passive_keepalive:
      send_keepalive(now.steady);
      return;
    case Timer::peer_silent:
      silence_jitter = jitter();
      start_attempt(now);
      return;
    case Timer::erase_keys:
      derived.reset();
      proven.reset();
      unconfirmed.reset();
      if (!attempt) drop_pending();
      actions.emplace_back(EraseKeypairs{});
      return;
    case Timer::persistent_keepalive:
      if (proven && now.steady - *proven < kRejectAfterTime) {
        send_keepalive(now.steady);
      } else {
        start_attempt(now);
      }
      return;
  }
}

// ---- the interface ----

Session::Session(const LocalKeys& local, const crypto::SessionPublicKey& remote,
                 const crypto::PresharedKey& preshared, TimestampSource& timestamps, IndexAllocator& indices,
                 RandomSource& random, Options options)
    : state_(std::make_unique<State>(local, remote, preshared, timestamps, indices, random, options)) {}

Session::~Session() { state_->drop_pending(); }

void Session::request(Now now) {
  auto& s = *state_;
  if (s.proven && now.steady - *s.proven < kRekeyAfterTime) return;
  s.start_attempt(now);
}

void Session::renew(Now now) { state_->start_attempt(now); }

void Session::on_path_available(Now now) {
  auto& s = *state_;
  if (!s.attempt || s.is_stock()) return;
  // A handshake that the peer began is about to be confirmed: ours would only compete with it.
  if (s.unconfirmed && now.steady - s.unconfirmed->created < kConfirmationWait) return;
  const SteadyTime earliest = s.initiation_sent ? *s.initiation_sent + kQuickestRepeat : now.steady;
  if (earliest > now.steady) {
    s.timers.start(Timer::repeat_initiation, earliest);
  } else {
    s.send_initiation(now);
  }
}

bool Session::on_initiation(const ReceivedInitiation& initiation, Now now) {
  auto& s = *state_;
  if (initiation.remote != s.remote || initiation.timestamp <= s.newest_timestamp) return false;
  if (s.initiation_received && now.steady - *s.initiation_received < kInitiationInterval) return false;

  const auto ephemeral = crypto::generate_session_keys(s.random);
  wire::Response message;
  message.receiver_index = initiation.sender_index;
  message.ephemeral = ephemeral.public_key.bytes;
  const auto keys = ikpsk2::write_message2(initiation.noise, initiation.remote, initiation.remote_ephemeral,
                                           ephemeral, s.preshared, {}, message.sealed_nothing);
  if (!keys) return false;
  s.newest_timestamp = initiation.timestamp;
  s.initiation_received = now.steady;
  message.sender_index = s.indices.allocate(s.options.loop);
  s.unconfirmed = State::Unconfirmed{message.sender_index, now.steady};
  if (s.attempt && s.yields()) {
    s.drop_pending();
    s.timers.start(Timer::repeat_initiation, now.steady + kConfirmationWait);
  }

  // The keypair first: the initiator's confirmation may be as quick as our response.
  s.derive({message.sender_index, initiation.sender_index, keys->from_responder, keys->from_initiator, false,
            now.steady},
           now.steady);
  Bytes bytes = wire::encode(message);
  s.macs.write_macs(bytes, now.steady);
  s.actions.emplace_back(SendHandshake{std::move(bytes)});
  return true;
}

bool Session::on_response(ByteView message, Now now) {
  auto& s = *state_;
  const auto response = wire::parse_response(message);
  if (!response || !s.pending || response->receiver_index != s.pending->local_index) return false;
  const auto keys = ikpsk2::read_message2(s.pending->noise, s.local, s.pending->ephemeral,
                                          crypto::SessionPublicKey{response->ephemeral}, s.preshared,
                                          response->sealed_nothing, {});
  if (!keys) return false;

  const std::uint32_t local_index = s.pending->local_index;
  s.pending.reset();  // its index goes on as the keypair's
  s.end_attempt();
  s.derive(
      {local_index, response->sender_index, keys->from_initiator, keys->from_responder, true, now.steady},
      now.steady);
  s.prove(now.steady, now.steady);
  // The responder may not send before it has heard from us under the new key.
  s.send_keepalive(now.steady);
  return true;
}

bool Session::on_cookie_reply(ByteView message, Now now) {
  return state_->macs.consume_reply(message, now.steady);
}

void Session::on_traffic(const TrafficSnapshot& traffic, Now now) {
  auto& s = *state_;
  s.timers.on_traffic(traffic, s.silence_jitter);
  // The wish may be older than the newest keypair.
  const bool is_fresh = s.derived && now.steady - *s.derived < kRekeyAfterTime;
  if (traffic.wants_rekey && !is_fresh) s.start_attempt(now);
}

void Session::on_keypair_confirmed(std::uint32_t local_index, Now now) {
  auto& s = *state_;
  if (!s.unconfirmed || s.unconfirmed->local_index != local_index) return;
  s.prove(s.unconfirmed->created, now.steady);
  s.end_attempt();
}

void Session::reset(Now) {
  auto& s = *state_;
  s.end_attempt();
  s.unconfirmed.reset();
  s.derived.reset();
  s.proven.reset();
  for (const Timer timer :
       {Timer::passive_keepalive, Timer::peer_silent, Timer::erase_keys, Timer::persistent_keepalive})
    s.timers.stop(timer);
}

void Session::on_timeout(Now now) {
  while (const auto timer = state_->timers.take_due(now.steady))
    state_->on_due(*timer, now);
}

std::optional<SteadyTime> Session::next_timeout() const { return state_->timers.next(); }

bool Session::is_established(SteadyTime now) const {
  return state_->proven && now - *state_->proven < kRejectAfterTime;
}

std::optional<SteadyTime> Session::last_handshake() const { return state_->last_handshake; }

bool Session::is_initiating() const { return state_->attempt.has_value(); }

bool Session::owns_handshake_index(std::uint32_t index) const {
  return (state_->pending && state_->pending->local_index == index) ||
         (state_->unconfirmed && state_->unconfirmed->local_index == index);
}

std::optional<SessionAction> Session::poll_action() {
  auto& actions = state_->actions;
  if (actions.empty()) return std::nullopt;
  SessionAction action = std::move(actions.front());
  actions.pop_front();
  return action;
}

}  // namespace causeway::session
