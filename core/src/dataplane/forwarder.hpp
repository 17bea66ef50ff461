#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "dataplane/carrier.hpp"
#include "dataplane/drop_reason.hpp"
#include "dataplane/event_sink.hpp"
#include "dataplane/flat_table.hpp"
#include "dataplane/forwarding_table.hpp"
#include "dataplane/handover.hpp"
#include "dataplane/messages.hpp"
#include "dataplane/peer.hpp"
#include "dataplane/pieces.hpp"
#include "dataplane/send_run.hpp"
#include "dataplane/stage.hpp"
#include "dataplane/tun_writer.hpp"
#include "dataplane/unresolved.hpp"
#include "packet/coalescer.hpp"
#include "packet/icmp.hpp"
#include "packet/segmenter.hpp"
#include "tun/tun_device.hpp"

namespace causeway::dataplane {

/// The data plane's decisions, without its threads and sockets: packets from the TUN are sealed for the peer
/// that owns their destination, datagrams from the network are opened and written to the TUN. It knows
/// keypairs, paths and addresses as it is told by commands; it chooses none of them. Owned by one data loop
/// and used by its thread alone; everything given to the constructor is borrowed and outlives it.
///
/// The way out is in send.cpp, the way in in receive.cpp; commands and time are in forwarder.cpp, what goes
/// to other loops in hand_over.cpp. In steady state nothing here allocates.
class Forwarder {
 public:
  struct Options {
    std::size_t most_staged_bytes = 16u << 20;  ///< of all stages together
    std::size_t most_unresolved = 256;          ///< destinations that nobody has yet
  };
  Forwarder(tun::TunDevice& tun, EventSink& events, DropCounters& drops);
  /// `handover`: how to reach the other loops; null when there are none.
  Forwarder(tun::TunDevice& tun, EventSink& events, DropCounters& drops, const Options& options,
            Handover* handover = nullptr);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  void apply(Command&& command, Now now);

  enum class TunState : std::uint8_t {
    drained,  ///< wait until it is readable
    more,     ///< kMostFramesPerBurst were read: see to the sockets, then call again
    closed,   ///< the device is gone
  };
  static constexpr int kMostFramesPerBurst = 64;
  /// Reads, seals and sends; nothing is held back when it returns.
  TunState on_tun_readable(Now now);

  /// A frame that another loop read, whose destination is a peer of this loop; used up. May be held until
  /// flush().
  void on_foreign_frame(const tun::VnetHeader& header, MutableByteView frame, Now now);

  /// One receive of a data socket, or what another loop received for a session of this one. Opened packets
  /// may be held until flush().
  void on_received(const ReceivedBatch& batch, Now now);
  /// Writes and sends what on_received() and on_foreign_frame() hold: at the end of each burst, before the
  /// loop sleeps.
  void flush(Now now);

  void on_timeout(Now now);
  std::optional<SteadyTime> next_timeout() const;

  /// How often the event queue was full when something was to be said.
  std::uint64_t events_refused() const { return events_refused_; }

 private:
  static constexpr Duration kSayAgain = 1s;
  static constexpr Duration kEventRetry = 50ms;
  static constexpr Duration kGiveAwayRetry = 5ms;
  static constexpr std::size_t kReadHeadroom = 64;  ///< in front of what is read, for longer headers
  static constexpr std::size_t kMostControlBytes = 1500;

  // ---- forwarder.cpp: commands ----
  void handle(AddBase&& command, Now now);
  void handle(RemoveBase&& command, Now now);
  void handle(AddPeer&& command, Now now);
  void handle(RemovePeer&& command, Now now);
  void handle(SetForwarding&& command, Now now);
  void handle(InstallPeerKeypair&& command, Now now);
  void handle(ErasePeerKeypairs&& command, Now now);
  void handle(SetPath&& command, Now now);
  void handle(SendPathMessage&& command, Now now);
  void handle(SendPeerKeepalive&& command, Now now);
  void handle(RefuseDestination&& command, Now now);
  /// Compact messages carry no more of an index; bit 24 keeps the key from being 0.
  static constexpr std::uint32_t index_key(std::uint32_t index) {
    return (index & session::kCompactIndexMask) | (session::kCompactIndexMask + 1);
  }
  Peer* find_peer(PeerId id);
  Carrier* carrier_of(const Peer& peer);
  session::Keypair* sender_of(Peer& peer, Now now);
  void forget_keypair(Peer& peer, std::uint32_t local_index);
  void forget_keypairs(Peer& peer);
  void adopt_unresolved(Now now);
  void check_implied(Peer& peer);
  void set_mtu(Peer& peer, std::uint16_t mtu);

  // ---- forwarder.cpp: what is said to the control thread ----
  bool offer(Event&& event);
  void say(Event&& event, Now now);
  void say_again(Now now);
  void want_session(Peer& peer, Now now);

  // ---- send.cpp: who gets it; seal.cpp: in which form ----
  enum class Origin : std::uint8_t { own_queue, another_loop };
  void on_frame(const tun::VnetHeader& header, MutableByteView frame, Origin origin, Now now);
  bool may_leave(const packet::IpView& view);
  void stage_unresolved(const packet::IpView& view, packet::Segmenter& segmenter, Now now);
  void stage_for(Peer& peer, packet::Segmenter& segmenter, Now now);
  void drain_stage(Peer& peer, Now now);
  void expect_expiry(SteadyTime since);
  void send_frame(Peer& peer, session::Keypair& keypair, MutableByteView frame, const packet::IpView& view,
                  packet::Segmenter& segmenter, Now now);
  void send_stock(Peer& peer, session::Keypair& keypair, MutableByteView packet, std::uint8_t ecn, Now now);
  void send_compact(Peer& peer, session::Keypair& keypair, packet::CompactHeader& header,
                    packet::Segmenter& segmenter, std::uint8_t ecn, Now now);
  void send_whole(Peer& peer, session::Keypair& keypair, MutableByteView packet, std::uint8_t ecn, Now now);
  void send_oversized(Peer& peer, session::Keypair& keypair, MutableByteView packet, std::size_t limit,
                      std::uint8_t ecn, Now now);
  bool send_in_pieces(Peer& peer, session::Keypair& keypair, MutableByteView packet, std::uint8_t ecn,
                      Now now);
  void seal_stock(Peer& peer, session::Keypair& keypair, ByteView plaintext, std::uint8_t ecn, Now now);
  void seal_compact(Peer& peer, session::Keypair& keypair, ByteView plaintext, std::uint8_t ecn, Now now);
  MutableByteView begin_datagram(Peer& peer, std::size_t bytes, std::uint8_t ecn, Now now);
  void end_datagram(const session::Keypair& keypair, std::size_t bytes, std::uint8_t ecn, bool has_content,
                    Now now);
  void flush_run(Now now);
  void send_also(Peer& peer, const SendBatch& batch);
  void send_singly(Peer& peer, Carrier& carrier, const SendBatch& batch, std::size_t already_sent, Now now);
  void on_send_failed(Peer& peer, const SendOutcome& outcome, std::size_t packets, Now now);
  void account_sent(Peer& peer, std::size_t packets, std::size_t bytes, Now now);
  void tell_unreachable(const packet::IpView& view, Now now);
  void tell_too_big(const packet::IpView& view, std::size_t mtu, Now now);

  // ---- hand_over.cpp ----
  /// The loop that owns the peer of this address, if it is another one.
  std::optional<unsigned> other_owner(const packet::AddressKey& address) const;
  void on_absent_peer(const tun::VnetHeader& header, MutableByteView frame, Origin origin,
                      const packet::IpView& view, packet::Segmenter& segmenter, Now now);
  /// True when all of it is on its way to another loop, or was already.
  bool give_away_stage(Unresolved::Destination& destination, Now now);
  void on_unknown_index(const ReceivedBatch& batch, ByteView message, std::uint32_t index);

  // ---- receive.cpp ----
  void on_control_datagram(ControlDatagram::Class kind, const ReceivedBatch& batch, ByteView datagram);
  void on_data(const ReceivedBatch& batch, ByteView message, Now now);
  void on_compact(const ReceivedBatch& batch, ByteView message, Now now);
  void on_compact_plaintext(Peer& peer, const session::Opened& opened, std::uint32_t local_index,
                            MutableByteView plaintext, std::uint8_t ecn, Now now);
  void on_path_message(Peer& peer, const ReceivedBatch& batch, ByteView plaintext);
  void on_piece(Peer& peer, const session::Opened& opened, std::uint32_t local_index, bool is_second,
                ByteView half, std::uint8_t ecn, Now now);
  void on_rebuilt_packet(Peer& peer, const packet::CompactForm& form, MutableByteView plaintext,
                         std::uint8_t ecn);
  void deliver(Peer& peer, MutableByteView packet, const packet::IpView& view, std::uint8_t ecn,
               bool is_partial);
  void on_authentic(Peer& peer, std::uint32_t local_index, std::size_t message_bytes, bool has_content,
                    Now now);
  void on_inner_packet(Peer& peer, MutableByteView plaintext, std::uint8_t ecn);
  void account_received(const ReceivedBatch& batch, Now now);
  void notice_move(Peer& peer, const ReceivedBatch& batch);

  tun::TunDevice& tun_;
  EventSink& events_;
  DropCounters& drops_;
  Handover* handover_;
  TunWriter writer_;
  packet::Coalescer coalescer_;
  packet::IcmpLimiter icmp_limiter_;

  StageBudget stage_budget_;  // before everything that holds a Stage
  Unresolved unresolved_;
  FlatTable<std::unique_ptr<Peer>> peers_;        ///< by PeerId
  FlatTable<Peer*> indices_;                      ///< by the low 24 bits of our receiver index, never 0
  FlatTable<std::shared_ptr<Carrier>> carriers_;  ///< by BaseId
  ForwardingTable table_;
  Pieces pieces_;
  std::optional<SteadyTime> next_expiry_;         ///< no staged packet expires before it
  std::optional<SteadyTime> give_away_again_at_;  ///< a queue to another loop was full

  std::vector<std::uint8_t> read_buffer_;
  std::vector<std::uint8_t> icmp_buffer_;
  SendRun run_;
  Peer* run_peer_ = nullptr;  ///< of a run that is not empty
  bool run_has_content_ = false;
  std::uint32_t run_index_ = 0;  ///< local index of the keypair that sealed the run's last datagram

  /// What came from one peer in the batch at hand.
  struct Arrivals {
    Peer* peer = nullptr;
    std::uint32_t local_index = 0;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    bool has_content = false;
  };
  Arrivals arrivals_;

  std::deque<Event>
      unsaid_;  ///< must be heard; waits for room in the queue. Bounded by the keypairs installed
  std::optional<SteadyTime> say_again_at_;
  std::uint64_t events_refused_ = 0;
};

}  // namespace causeway::dataplane
