#include "dataplane/forwarder.hpp"

#include <cstring>
#include <vector>

#include "input.hpp"
#include "support/fake_carrier.hpp"
#include "support/fake_tun.hpp"
#include "support/packet_builder.hpp"
#include "support/recording_event_sink.hpp"

namespace causeway::fuzz {
namespace {

using causeway::testing::PacketSpec;
using dataplane::PeerId;

constexpr net::BaseId kBase{7};

/// What the checks compare with, read once.
struct KnownAddresses {
  net::IpAddress own_v4 = *net::IpAddress::parse("10.10.0.101");
  net::IpAddress own_v6 = *net::IpAddress::parse("fd00::101");
  net::IpAddress friend_v4 = *net::IpAddress::parse("10.10.0.102");
  net::IpAddress hostile_v4 = *net::IpAddress::parse("10.10.0.103");
  net::IpAddress hostile_v6 = *net::IpAddress::parse("fd00::103");
  net::Prefix hostile_net = *net::Prefix::parse("10.30.0.0/24");

  bool is_hostile(const net::IpAddress& address) const {
    return address == hostile_v4 || address == hostile_v6 || hostile_net.contains(address);
  }
};
const KnownAddresses kKnown;

/// The other end of a session of ours: friendly, or hostile under its own right key.
struct FarEnd {
  PeerId id;
  std::string address;
  net::Endpoint at;
  session::KeypairMaterial ours, theirs;
  std::unique_ptr<session::Keypair> keypair;

  FarEnd(std::uint32_t number, std::string inner) : id(PeerId{number}), address(std::move(inner)) {
    at = {net::IpAddress::v4(0xc0000200u + number), 1000};
    install(number);
  }
  void install(std::uint32_t number) {
    ours.local_index = 0x100 + number;
    ours.remote_index = 0x200 + number;
    ours.is_initiator = number % 2 == 0;
    ours.created = SteadyTime{std::chrono::seconds(1000)};
    ours.send_key.bytes.fill(static_cast<std::uint8_t>(number));
    ours.receive_key.bytes.fill(static_cast<std::uint8_t>(number + 1));
    ours.compact = crypto::AeadAlgorithm::aes_256_gcm;
    theirs = ours;
    std::swap(theirs.local_index, theirs.remote_index);
    theirs.send_key = ours.receive_key;
    theirs.receive_key = ours.send_key;
    theirs.is_initiator = !ours.is_initiator;
    keypair = std::make_unique<session::Keypair>(theirs);
  }
  Bytes seal(ByteView plain, bool compact) {
    Bytes message(compact ? session::Keypair::compact_bytes(plain.size())
                          : session::Keypair::sealed_bytes(plain.size()));
    if (compact) {
      keypair->seal_compact(plain, message);
    } else {
      keypair->seal(plain, message);
    }
    return message;
  }
};

/// Our forwarder with a friend (…102), a hostile peer (…103 and 10.30.0.0/24), and everybody else.
class Household {
 public:
  Household() {
    tell(dataplane::AddBase{kBase, carrier_});
    for (FarEnd* peer : {&friend_, &hostile_}) {
      tell(dataplane::AddPeer{peer->id, session::PeerKind::causeway,
                              std::make_shared<dataplane::PeerCounters>()});
      install_at_ours(*peer);
      set_path(*peer, 1500);
    }
    static const auto table = forwarding();
    tell(dataplane::SetForwarding{table});
  }

  void act(Input& input) {
    const std::uint8_t what = input.byte();
    switch (what % 16) {
      case 0: {  // the kernel hands us anything at all
        causeway::testing::SuperFrame frame;
        const ByteView header = input.take(sizeof frame.header);
        if (!header.empty()) std::memcpy(&frame.header, header.data(), header.size());
        const ByteView packet = input.piece();
        frame.packet.assign(packet.begin(), packet.end());
        tun_.put(std::move(frame));
        break;
      }
      case 1:
      case 2: {
        const PacketSpec spec = packet_to(input);
        if ((what & 16) != 0) {
          // At most 64 segments: more are only slower.
          const std::size_t segment = std::max<std::size_t>(1 + input.byte() * 8u, spec.payload.size() / 64);
          tun_.put(causeway::testing::build_super_frame(spec, static_cast<std::uint16_t>(segment)));
        } else {
          tun_.put(causeway::testing::build(spec));
        }
        break;
      }
      case 3:
      case 4:
        receive_from(hostile_, input.piece(), (what & 16) != 0);
        break;
      case 5:
      case 6: {  // inner-source spoofing
        static constexpr const char* kSources[] = {"10.10.0.102", "10.10.0.101", "10.10.0.103", "10.30.0.9",
                                                   "8.8.8.8"};
        PacketSpec spec;
        spec.source = kSources[input.below(5)];
        spec.destination = (what & 16) != 0 ? "10.10.0.101" : "10.10.0.102";
        spec.sequence = input.u16();
        spec.payload.assign(input.byte(), 'h');
        receive_from(hostile_, whole(causeway::testing::build(spec), (what & 32) != 0), (what & 32) != 0);
        break;
      }
      case 7: {
        PacketSpec spec;
        spec.source = "10.10.0.102";
        spec.destination = "10.10.0.101";
        spec.payload.assign(input.byte(), 'f');
        receive_from(friend_, whole(causeway::testing::build(spec), (what & 16) != 0), (what & 16) != 0);
        break;
      }
      case 8: {
        const std::uint16_t segment = input.u16();
        const ByteView raw = input.piece();
        receive(Bytes(raw.begin(), raw.end()), segment, true);
        break;
      }
      case 9:
        if (!sealed_.empty()) receive(sealed_[input.byte() % sealed_.size()], 0, true);
        break;
      case 10:
        if (!sealed_.empty()) {
          Bytes forged = sealed_[input.byte() % sealed_.size()];
          forged[input.byte() % forged.size()] ^= input.byte();
          receive(std::move(forged), input.u16() % 64, true);
        }
        break;
      case 11:
        command(input);
        break;
      case 12:
        now_.steady += std::chrono::milliseconds(input.u16());
        forwarder_.on_timeout(now_);
        break;
      case 13:
        events_.is_full = (what & 16) != 0;
        break;
      case 14:
        carrier_->outcome.status = static_cast<dataplane::SendStatus>(input.below(5));
        carrier_->most_datagram_bytes =
            (what & 16) != 0 ? std::optional<std::size_t>(input.u16() % 1600) : std::nullopt;
        break;
      default:
        tun_.super_frame_error = (what & 16) != 0 ? 22 : 0;
        tun_.write_error = (what & 32) != 0 ? 5 : 0;
    }
    forwarder_.on_tun_readable(now_);
    forwarder_.flush(now_);
    check_written(nullptr);
    check_sent();
    events_.events.clear();
  }

 private:
  std::shared_ptr<const dataplane::ForwardingSnapshot> forwarding() const {
    dataplane::ForwardingSnapshot table;
    table.local_addresses = {kKnown.own_v4, kKnown.own_v6};
    table.on_link = {*net::Prefix::parse("10.10.0.0/24"), *net::Prefix::parse("fd00::/64")};
    table.entries = {{*net::Prefix::parse("10.10.0.102/32"), friend_.id},
                     {*net::Prefix::parse("10.10.0.103/32"), hostile_.id},
                     {kKnown.hostile_net, hostile_.id},
                     {*net::Prefix::parse("fd00::103/128"), hostile_.id}};
    return std::make_shared<const dataplane::ForwardingSnapshot>(table);
  }
  void tell(dataplane::Command command) { forwarder_.apply(std::move(command), now_); }
  void install_at_ours(const FarEnd& peer) {
    const auto remote = *net::IpAddress::parse(peer.address);
    tell(dataplane::InstallPeerKeypair{
        peer.id, peer.ours, dataplane::VirtualPair{kKnown.own_v4, remote},
        &peer == &hostile_ ? std::optional{dataplane::VirtualPair{kKnown.own_v6, kKnown.hostile_v6}}
                           : std::nullopt});
  }
  void set_path(const FarEnd& peer, std::uint16_t mtu) {
    tell(dataplane::SetPath{peer.id, dataplane::DataPath{kBase, peer.at, mtu}});
  }
  PacketSpec packet_to(Input& input) {
    static constexpr const char* kDestinations[] = {"10.10.0.102", "10.10.0.103", "10.30.0.7",
                                                    "10.10.0.104", "10.10.0.255", "8.8.8.8"};
    PacketSpec spec;
    spec.source = input.byte() % 8 == 0 ? "10.10.0.102" : "10.10.0.101";
    spec.destination = kDestinations[input.below(6)];
    spec.tcp = input.flag();
    spec.dont_fragment = input.flag();
    spec.payload.assign(input.u16() % 2048, 'o');
    return spec;
  }
  void command(Input& input) {
    FarEnd& peer = input.flag() ? friend_ : hostile_;
    switch (input.below(9)) {
      case 8: {
        Bytes plaintext(1 + input.u16() % 2000);
        plaintext[0] = packet::kCompactPathMessage;
        return tell(dataplane::SendPathMessage{peer.id, kBase, peer.at, std::move(plaintext)});
      }
      case 0:
        return tell(dataplane::SetPath{peer.id, std::nullopt});
      case 1:
        if (input.flag()) {
          const dataplane::DataPath also{kBase, peer.at, static_cast<std::uint16_t>(68 + input.u16() % 2000)};
          return tell(dataplane::SetPath{peer.id, dataplane::DataPath{kBase, peer.at, 1500}, also});
        }
        return set_path(peer, static_cast<std::uint16_t>(68 + input.u16() % 2000));
      case 2:
        return tell(dataplane::ErasePeerKeypairs{peer.id});
      case 3:
        peer.install(static_cast<std::uint32_t>(peer.id) + 4u * ++installed_);
        return install_at_ours(peer);
      case 4:
        return tell(dataplane::SendPeerKeepalive{peer.id});
      case 5:
        return tell(dataplane::RefuseDestination{net::IpAddress::v4(0x0a0a0068)});
      case 6:
        return tell(dataplane::RemoveBase{kBase});
      default:
        return tell(dataplane::AddBase{kBase, carrier_});
    }
  }
  static Bytes whole(Bytes packet, bool compact) {
    if (compact) packet.insert(packet.begin(), packet::kCompactWhole);
    return packet;
  }
  void receive_from(FarEnd& peer, ByteView plain, bool compact) {
    Bytes message = peer.seal(plain, compact);
    if (sealed_.size() < 64) sealed_.push_back(message);
    receive(std::move(message), 0, false);
    check_written(&peer);
  }
  void receive(Bytes bytes, std::uint16_t segment, bool check) {
    if (bytes.empty()) return;
    if (segment == 0 || segment > bytes.size()) segment = static_cast<std::uint16_t>(bytes.size());
    tun_.written.clear();
    forwarder_.on_received({kBase, hostile_.at, bytes, segment}, now_);
    forwarder_.flush(now_);
    if (check) check_written(nullptr);
  }

  /// Whatever reaches the TUN is for us, and from whom it can be: `from`'s own, or anybody's that we know (an
  /// ICMP of ours stands for the destination that it is about).
  void check_written(const FarEnd* from) {
    for (const auto& frame : std::exchange(tun_.written, {})) {
      const auto view = packet::IpView::parse(frame.packet);
      require(view && view->total_bytes == frame.packet.size(), "the TUN was given what is no packet");
      if (from == nullptr) continue;
      const net::IpAddress source = view->source.address();
      require(from == &friend_ ? source == kKnown.friend_v4 : kKnown.is_hostile(source),
              "a peer spoke as somebody else");
      const net::IpAddress destination = view->destination.address();
      require(destination == kKnown.own_v4 || destination == kKnown.own_v6,
              "a peer was forwarded to somebody else");
    }
  }
  /// What goes to the hostile peer is sealed for it, and holds what is addressed to it.
  void check_sent() {
    for (const auto& batch : std::exchange(carrier_->sent, {})) {
      const bool is_hostile = batch.to == hostile_.at;
      require(is_hostile || batch.to == friend_.at, "sent to where nobody is");
      for (std::size_t at = 0; at < batch.bytes.size(); at += batch.segment_bytes) {
        const ByteView datagram =
            ByteView(batch.bytes)
                .subspan(at, std::min<std::size_t>(batch.segment_bytes, batch.bytes.size() - at));
        FarEnd& receiver = is_hostile ? hostile_ : friend_;
        Bytes plain(datagram.size());
        const bool compact = datagram[0] == session::kCompactType;
        const auto opened = compact ? receiver.keypair->open_compact(datagram, plain, now_.steady)
                                    : receiver.keypair->open(datagram, plain, now_.steady);
        if (opened.error != session::OpenError::none) continue;  // sealed with an older keypair of this peer
        if (opened.length == 0) continue;
        ByteView packet = ByteView(plain).first(opened.length);
        if (compact && packet[0] == packet::kCompactPathMessage) continue;
        if (compact) {
          const auto form = packet::CompactForm::parse(packet);
          require(form.has_value(), "what we sealed begins with no compact header");
          if (form->kind != packet::CompactKind::whole) continue;
          packet = packet.subspan(form->size);
        }
        const auto view = packet::IpView::parse(packet);
        require(view.has_value(), "what we sealed is no packet");
        if (!is_hostile) continue;
        require(kKnown.is_hostile(view->destination.address()),
                "a packet for somebody else went to the hostile peer");
      }
    }
  }

  Now now_{SteadyTime{std::chrono::seconds(1000)}, WallTime{std::chrono::seconds(1'790'000'000)}};
  causeway::testing::FakeTun tun_;
  causeway::testing::RecordingEventSink events_;
  dataplane::DropCounters drops_;
  std::shared_ptr<causeway::testing::FakeCarrier> carrier_ =
      std::make_shared<causeway::testing::FakeCarrier>();
  dataplane::Forwarder forwarder_{tun_, events_, drops_};
  FarEnd friend_{1, "10.10.0.102"}, hostile_{2, "10.10.0.103"};
  std::vector<Bytes> sealed_;
  std::uint32_t installed_ = 0;
};

}  // namespace
}  // namespace causeway::fuzz

CAUSEWAY_FUZZ_TARGET(forwarder) {
  Household household;
  for (int step = 0; step < 64 && !input.is_empty(); ++step)
    household.act(input);
}
