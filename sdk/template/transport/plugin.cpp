// template-plugin: a relay protocol of the simplest kind, over UDP. Kinds of messages, by their first byte:
//   0 client → server  "I am here", every 10 seconds
//   1 server → client  "peers reach you at": 4 bytes of IPv4, 2 of the port
//   2 either way       a peer's datagram: 4 bytes of IPv4, 2 of the port, then the datagram
// The server is the first UDP one of "turn_servers" in the node's configuration.
#include <causeway/cpp/address.hpp>
#include <causeway/cpp/plugin.hpp>

#include <map>
#include <set>

namespace {

using namespace causeway_sdk;

constexpr std::uint32_t kTimer = 0;
constexpr std::int64_t kPeriod = 10'000'000'000;
constexpr std::uint32_t kHeader = 7;  // in front of each datagram of a peer
enum : std::uint8_t { kHere = 0, kReachedAt = 1, kDatagram = 2 };

/// The first "a.b.c.d:port" of the list "addresses"; family 0 if there is none.
cw_address first_server(std::string_view json) {
  const std::string_view key = "\"addresses\":[\"";
  const auto at = json.find(key);
  if (at == std::string_view::npos) return cw_address{};
  const std::string_view text = json.substr(at + key.size());
  const auto address = parse_address(text.substr(0, text.find('"')));
  return address && address->family == 4 ? *address : cw_address{};
}

cw_address read_address(const std::uint8_t* bytes) {
  cw_address address{};
  address.family = 4;
  std::memcpy(address.octets, bytes, 4);
  address.port = static_cast<std::uint16_t>(bytes[4] << 8 | bytes[5]);
  return address;
}

class TemplatePlugin final : public TransportPlugin {
 public:
  using TransportPlugin::TransportPlugin;

  // ---- on the plugin thread, one call at a time ----
  cw_status configure(std::string_view json) override {
    const cw_address server = first_server(json);
    if (std::memcmp(&server, &server_, sizeof server) == 0) return CW_OK;
    server_ = server;
    for (const auto& entry : links_)
      host().close_link(entry.second);
    links_.clear();
    open_.clear();
    return open_missing();
  }
  /// The host has closed the links of bases that are missing here.
  cw_status set_bases(Items<cw_base_view> bases) override {
    std::map<std::uint32_t, std::uint32_t> kept;
    bases_.clear();
    for (std::uint32_t i = 0; i < bases.size(); ++i) {
      const cw_base_view base = bases.get(i);
      if (base.address.family != 4) continue;
      bases_[base.id] = true;
      const auto link = links_.find(base.id);
      if (link != links_.end()) kept.insert(*link);
    }
    for (const auto& link : links_) {
      if (kept.count(link.first) == 0) open_.erase(link.second);
    }
    links_ = kept;
    return open_missing();
  }
  cw_status on_link(std::uint32_t link, std::uint32_t state, std::string_view) override {
    if (state == CW_LINK_OPEN) {
      open_.insert(link);
      say_hello(link);
      return host().set_timer(kTimer, host().now().steady_ns + kPeriod);
    }
    // Gone: tried again when the timer comes.
    open_.erase(link);
    for (auto at = links_.begin(); at != links_.end(); ++at) {
      if (at->second != link) continue;
      links_.erase(at);
      break;
    }
    return host().set_timer(kTimer, host().now().steady_ns + kPeriod);
  }
  /// Of the server, or of whoever forged its address: bad bytes are no failure.
  cw_status on_message(std::uint32_t link, const std::uint8_t* bytes, std::size_t size) override {
    if (size != 7 || bytes[0] != kReachedAt) return CW_OK;
    const cw_address relayed = read_address(bytes + 1);
    host().allocated(link, relayed, relayed, "template-plugin", kHeader);
    host().links_done();
    return CW_OK;
  }
  cw_status on_timer(std::uint32_t) override {
    for (const std::uint32_t link : open_)
      say_hello(link);
    open_missing();
    return host().set_timer(kTimer, host().now().steady_ns + kPeriod);
  }
  /// A relay that asks for no permissions has nothing to do here.
  cw_status want_peer(std::uint32_t, const cw_address&) override { return CW_OK; }
  cw_status drop_peer(std::uint32_t, const cw_address&) override { return CW_OK; }

  // ---- on data threads, several at a time: nothing of the above may be touched ----
  cw_status wrap(std::uint32_t, Packets packets) override {
    for (std::uint32_t i = 0; i < packets.size(); ++i) {
      cw_packet& packet = packets[i];
      if (packet.peer.family != 4) continue;  // dropped, as is the default
      packet.bytes -= kHeader;
      packet.size += kHeader;
      packet.bytes[0] = kDatagram;
      std::memcpy(packet.bytes + 1, packet.peer.octets, 4);
      packet.bytes[5] = static_cast<std::uint8_t>(packet.peer.port >> 8);
      packet.bytes[6] = static_cast<std::uint8_t>(packet.peer.port & 0xff);
      packet.verdict = CW_PACKET_PASS;
    }
    return CW_OK;
  }
  cw_status unwrap(std::uint32_t, Packets packets) override {
    for (std::uint32_t i = 0; i < packets.size(); ++i) {
      cw_packet& packet = packets[i];
      if (packet.size == 7 && packet.bytes[0] == kReachedAt) packet.verdict = CW_PACKET_CONTROL;
      if (packet.size <= kHeader || packet.bytes[0] != kDatagram) continue;
      packet.peer = read_address(packet.bytes + 1);
      if (packet.peer.port == 0) continue;
      packet.bytes += kHeader;
      packet.size -= kHeader;
      packet.verdict = CW_PACKET_PASS;
    }
    return CW_OK;
  }

 private:
  void say_hello(std::uint32_t link) {
    const std::uint8_t here = kHere;
    host().send_on_link(link, &here, 1);
  }
  cw_status open_missing() {
    if (server_.family == 0) return host().links_done();
    for (const auto& base : bases_) {
      if (links_.count(base.first) != 0) continue;
      for (std::uint32_t link = 0; link < CW_MAX_LINKS; ++link) {
        if (host().open_link(link, base.first, CW_LINK_UDP, server_, "", false) != CW_OK) continue;
        links_[base.first] = link;
        break;
      }
    }
    return CW_OK;
  }

  cw_address server_{};
  std::map<std::uint32_t, bool> bases_;           // those with an IPv4 address
  std::map<std::uint32_t, std::uint32_t> links_;  // by base
  std::set<std::uint32_t> open_;                  // of those, what can be sent on
};

}  // namespace

CAUSEWAY_PLUGIN(TemplatePlugin, "template-plugin", "Simple relay", "0.1.0",
                "A relay protocol of three messages");
