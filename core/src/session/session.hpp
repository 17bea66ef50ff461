#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <variant>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "session/handshake.hpp"
#include "session/keypair.hpp"

namespace causeway::session {

enum class PeerKind : std::uint8_t {
  causeway,   ///< lost initiations are repeated after 250 ms, 500 ms, 1 s, then every 5 s
  wireguard,  ///< stock WireGuard: every REKEY_TIMEOUT (5 s) plus jitter
};

/// What the data loop saw of one peer up to now; all times are when the newest such packet went or came,
/// nullopt: never. Feeding the same snapshot twice changes nothing.
struct TrafficSnapshot {
  std::optional<SteadyTime> data_sent;          ///< a packet with content (not a keepalive)
  std::optional<SteadyTime> anything_sent;      ///< any authenticated packet, keepalives included
  std::optional<SteadyTime> data_received;      ///< authenticated, with content
  std::optional<SteadyTime> anything_received;  ///< authenticated, keepalives included
  bool wants_rekey = false;                     ///< Keypair::wants_rekey_* said so since the last snapshot
};

struct SendHandshake {
  Bytes message;
};  ///< messages 1-3, by whatever path the node thinks best
struct InstallKeypair {
  KeypairMaterial material;
};                          ///< to the data loop that owns this peer
struct EraseKeypairs {};    ///< no new session for 3 x REJECT_AFTER_TIME: wipe them
struct SendKeepalive {};    ///< an empty data packet, by the data loop
struct HandshakeGaveUp {};  ///< 90 s of initiations without an answer: drop what is staged
using SessionAction =
    std::variant<SendHandshake, InstallKeypair, EraseKeypairs, SendKeepalive, HandshakeGaveUp>;

/// One peer's handshakes and timers, WireGuard's protocol to the byte: sans-I/O, control thread, owned by the
/// peer. It decides when to initiate, repeat, confirm, keep alive and give up; it neither knows paths nor
/// sees data.
class Session {
 public:
  struct Options {
    PeerKind kind = PeerKind::causeway;
    std::optional<Duration> persistent_keepalive;
    unsigned loop = 0;  ///< the data loop that owns this peer: its receiver indices say so
  };
  /// `local` and `random` are borrowed and outlive the session. `timestamps` issues strictly growing TAI64N
  /// stamps (shared by all sessions of a node); `indices` issues receiver indices.
  Session(const LocalKeys& local, const crypto::SessionPublicKey& remote,
          const crypto::PresharedKey& preshared, TimestampSource& timestamps, IndexAllocator& indices,
          RandomSource& random, Options options);
  ~Session();

  /// A packet waits, or the peer should be reached again: initiates unless a handshake is under way or the
  /// newest keypair is fresh. Repeating the call is harmless.
  void request(Now now);
  /// As request(), but not held back by a fresh keypair: something that keypairs are bound to has changed.
  void renew(Now now);
  /// A path became usable: repeats the pending initiation at once (or requests one if a packet waits for it).
  void on_path_available(Now now);
  /// An initiation that HandshakeInbox authenticated as from this peer. Replays and floods (older timestamp,
  /// more than one per 20 ms) are refused: false, unchanged.
  bool on_initiation(const ReceivedInitiation& initiation, Now now);
  /// A response or cookie reply that named one of our handshake indices. False: bad packet, unchanged.
  bool on_response(ByteView message, Now now);
  bool on_cookie_reply(ByteView message, Now now);
  void on_traffic(const TrafficSnapshot& traffic, Now now);
  /// The data loop opened the first packet under this keypair (the responder's confirmation).
  void on_keypair_confirmed(std::uint32_t local_index, Now now);
  /// Lets the peer go: forgets the handshake under way and every keypair; nothing happens until request() or
  /// an initiation. The data loop's keypairs are the owner's to erase.
  void reset(Now now);
  void on_timeout(Now now);
  std::optional<SteadyTime> next_timeout() const;

  /// True while a keypair exists that both ends have proven and that is younger than REJECT_AFTER_TIME.
  bool is_established(SteadyTime now) const;
  std::optional<SteadyTime> last_handshake() const;
  /// True from the first initiation on until it is answered or given up.
  bool is_initiating() const;
  /// True if `index` belongs to the handshake that this session has under way.
  bool owns_handshake_index(std::uint32_t index) const;

  std::optional<SessionAction> poll_action();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace causeway::session
