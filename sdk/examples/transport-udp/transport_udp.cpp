// transport-udp: datagrams as they are, as on the built-in path: no byte is added, looked at or copied. What
// it needs is a hop, a machine that passes what comes from us to one peer and back (a port forwarding on a
// router, or socat). The hop is the first server of "turn_servers" in the node's configuration; the peer is
// the first that the host wants to reach there. Good for measuring what the interface costs, and as the
// smallest of transports.
#include <causeway/cpp/address.hpp>
#include <causeway/cpp/plugin.hpp>

#include <array>
#include <atomic>

namespace {

using namespace causeway_sdk;

/// Family 0 if there is none.
cw_address first_server(std::string_view json) {
  const std::string_view key = "\"addresses\":[\"";
  const auto at = json.find(key);
  if (at == std::string_view::npos) return cw_address{};
  const std::string_view text = json.substr(at + key.size());
  const auto address = parse_address(text.substr(0, text.find('"')));
  return address && address->family == 4 ? *address : cw_address{};
}

/// An IPv4 address and port in one number, so that data threads read it without a lock; 0: none.
std::uint64_t pack(const cw_address& address) {
  if (address.family != 4) return 0;
  std::uint64_t packed = address.port;
  for (int i = 0; i < 4; ++i)
    packed = packed << 8 | address.octets[i];
  return packed;
}

cw_address unpack(std::uint64_t packed) {
  cw_address address{};
  address.family = 4;
  for (int i = 3; i >= 0; --i, packed >>= 8)
    address.octets[i] = static_cast<std::uint8_t>(packed & 0xff);
  address.port = static_cast<std::uint16_t>(packed);
  return address;
}

class TransportUdp final : public TransportPlugin {
 public:
  using TransportPlugin::TransportPlugin;

  // ---- on the plugin thread, one call at a time ----
  cw_status configure(std::string_view json) override {
    const cw_address hop = first_server(json);
    if (is_same(hop, hop_)) return CW_OK;
    hop_ = hop;
    for (std::uint32_t link = 0; link < CW_MAX_LINKS; ++link) {
      if (links_[link].base == 0) continue;
      host().close_link(link);
      forget(link);
    }
    return open_missing();
  }
  /// The host has closed the links of bases that are missing.
  cw_status set_bases(Items<cw_base_view> bases) override {
    count_ = 0;
    for (std::uint32_t i = 0; i < bases.size() && count_ < bases_.size(); ++i) {
      const cw_base_view base = bases.get(i);
      if (base.address.family == 4) bases_[count_++] = base.id;
    }
    for (std::uint32_t link = 0; link < CW_MAX_LINKS; ++link) {
      if (!is_present(links_[link].base)) forget(link);
    }
    return open_missing();
  }
  cw_status on_link(std::uint32_t link, std::uint32_t state, std::string_view) override {
    if (state != CW_LINK_OPEN) {
      forget(link);
      return host().links_done();
    }
    // The hop is where the peer reaches us: its own address, from the other side.
    host().allocated(link, hop_, hop_, "udp", 0);
    return host().links_done();
  }
  cw_status on_message(std::uint32_t, const std::uint8_t*, std::size_t) override { return CW_OK; }
  cw_status on_timer(std::uint32_t) override { return CW_OK; }
  cw_status want_peer(std::uint32_t link, const cw_address& peer) override {
    if (link >= CW_MAX_LINKS) return CW_ERROR_INVALID_ARGUMENT;
    std::uint64_t none = 0;
    links_[link].peer.compare_exchange_strong(none, pack(peer), std::memory_order_release);
    return CW_OK;
  }
  cw_status drop_peer(std::uint32_t link, const cw_address& peer) override {
    if (link >= CW_MAX_LINKS) return CW_ERROR_INVALID_ARGUMENT;
    std::uint64_t gone = pack(peer);
    links_[link].peer.compare_exchange_strong(gone, 0, std::memory_order_release);
    return CW_OK;
  }

  // ---- on data threads, several at a time ----
  cw_status wrap(std::uint32_t link, Packets packets) override {
    const std::uint64_t peer = peer_of(link);
    for (std::uint32_t i = 0; i < packets.size(); ++i) {
      cw_packet& packet = packets[i];
      const bool fits = packet.size > 0 && peer != 0 && pack(packet.peer) == peer;
      packet.verdict = fits ? CW_PACKET_PASS : CW_PACKET_DROP;
    }
    return CW_OK;
  }
  cw_status unwrap(std::uint32_t link, Packets packets) override {
    const std::uint64_t peer = peer_of(link);
    if (peer == 0) return CW_OK;  // all dropped, as is the default
    const cw_address from = unpack(peer);
    for (std::uint32_t i = 0; i < packets.size(); ++i) {
      packets[i].peer = from;
      packets[i].verdict = CW_PACKET_PASS;
    }
    return CW_OK;
  }

 private:
  struct Link {
    std::uint32_t base = 0;              // 0: not open; plugin thread
    std::atomic<std::uint64_t> peer{0};  // for data threads
  };

  std::uint64_t peer_of(std::uint32_t link) const {
    return link < CW_MAX_LINKS ? links_[link].peer.load(std::memory_order_acquire) : 0;
  }
  bool is_present(std::uint32_t base) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (bases_[i] == base) return true;
    }
    return false;
  }
  bool has_link(std::uint32_t base) const {
    for (const Link& link : links_) {
      if (link.base == base) return true;
    }
    return false;
  }
  void forget(std::uint32_t link) {
    if (link >= CW_MAX_LINKS) return;
    links_[link].base = 0;
    links_[link].peer.store(0, std::memory_order_release);
  }
  cw_status open_missing() {
    if (hop_.family == 0) return host().links_done();
    for (std::size_t i = 0; i < count_; ++i) {
      for (std::uint32_t link = 0; link < CW_MAX_LINKS && !has_link(bases_[i]); ++link) {
        if (links_[link].base != 0) continue;
        if (host().open_link(link, bases_[i], CW_LINK_UDP, hop_, "", false) == CW_OK)
          links_[link].base = bases_[i];
      }
    }
    return CW_OK;
  }

  cw_address hop_{};
  std::array<std::uint32_t, CW_MAX_LINKS> bases_{};
  std::size_t count_ = 0;
  std::array<Link, CW_MAX_LINKS> links_;
};

}  // namespace

CAUSEWAY_PLUGIN(TransportUdp, "transport-udp", "Plain UDP", "1.0.0",
                "Datagrams as they are, through one hop");
