#include <array>
#include <atomic>
#include <utility>

#include "causeway/cpp/plugin.hpp"
#include "framing.hpp"
#include "relay_pool.hpp"
#include "server_list.hpp"
#include "snapshots.hpp"
#include "text.hpp"
#include "turn_times.hpp"

namespace transport_turn {

namespace {

using namespace causeway_sdk;

constexpr std::uint32_t kTimer = 0;
constexpr std::int64_t kTellDropsEvery = kMinute;

class TransportTurn final : public TransportPlugin, private World {
 public:
  explicit TransportTurn(const cw_host* host) : TransportPlugin(host), pool_(*this) {}

  cw_status configure(std::string_view json) override {
    auto list = parse_servers(json);
    if (!list) return CW_ERROR_INVALID_ARGUMENT;
    pool_.set_servers(std::move(*list), now());
    return arm();
  }
  cw_status set_bases(Items<cw_base_view> bases) override {
    std::vector<Base> list;
    for (std::uint32_t i = 0; i < bases.size(); ++i)
      list.push_back({bases.get(i).id, bases.get(i).address});
    pool_.set_bases(std::move(list), now());
    return arm();
  }
  cw_status on_link(std::uint32_t link, std::uint32_t state, std::string_view reason) override {
    pool_.on_link(link, state == CW_LINK_OPEN, reason, now());
    return arm();
  }
  cw_status on_message(std::uint32_t link, const std::uint8_t* bytes, std::size_t size) override {
    pool_.on_message(link, {bytes, size}, now());
    return arm();
  }
  cw_status on_timer(std::uint32_t) override {
    pool_.on_time(now());
    snapshots_.reclaim();
    tell_drops();
    return arm();
  }
  cw_status want_peer(std::uint32_t link, const cw_address& peer) override {
    pool_.want_peer(link, peer, now());
    return arm();
  }
  cw_status drop_peer(std::uint32_t link, const cw_address& peer) override {
    pool_.drop_peer(link, peer, now());
    return arm();
  }
  void on_drain() override { pool_.drain(now()); }

  std::int64_t frame(const std::uint8_t* bytes, std::size_t size) const override {
    return transport_turn::frame(bytes, size);
  }
  cw_status wrap(std::uint32_t link, Packets packets) override {
    const Snapshots::Reader reader(snapshots_);
    const RouteTable* routes = reader.table(link);
    // Only Send indications use the number, and few are sent.
    std::uint64_t id = wraps_.fetch_add(packets.size(), std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < packets.size(); ++i) {
      if (routes != nullptr) {
        transport_turn::wrap(packets[i], *routes, id++, drops_);
      } else {
        packets[i].verdict = CW_PACKET_DROP;
        drops_.count(Drop::not_ours);
      }
    }
    return CW_OK;
  }
  cw_status unwrap(std::uint32_t link, Packets packets) override {
    const Snapshots::Reader reader(snapshots_);
    const RouteTable* routes = reader.table(link);
    // Before there is an allocation, and after it, everything that comes is between the server and us.
    for (std::uint32_t i = 0; i < packets.size(); ++i)
      transport_turn::unwrap(packets[i], routes != nullptr ? *routes : none_, drops_);
    return CW_OK;
  }

 private:
  std::int64_t now() const { return host().now().steady_ns; }
  cw_status arm() {
    const auto next = pool_.next_time();
    return next ? host().set_timer(kTimer, *next) : host().cancel_timer(kTimer);
  }
  /// What data threads dropped since the last line, at most once a minute.
  void tell_drops() {
    if (now() < tell_drops_at_) return;
    std::string text;
    for (std::size_t i = 0; i < kDropKinds; ++i) {
      const std::uint64_t count = drops_.of(static_cast<Drop>(i));
      const std::uint64_t news = count - std::exchange(told_drops_[i], count);
      if (news == 0) continue;
      text += concat({text.empty() ? "" : ", ", std::to_string(news), " ", to_text(static_cast<Drop>(i))});
    }
    if (text.empty()) return;
    tell_drops_at_ = now() + kTellDropsEvery;
    host().log(CW_LOG_INFO, concat({"packets dropped: ", text}));
  }

  bool open(std::uint32_t link, std::uint32_t base, const Server& server, bool verify_tls) override {
    return host().open_link(link, base, server.kind, server.address, server.host, verify_tls) == CW_OK;
  }
  void close(std::uint32_t link) override { host().close_link(link); }
  void send(std::uint32_t link, const Bytes& message) override {
    host().send_on_link(link, message.data(), message.size());  // a lost one is repeated
  }
  void allocated(std::uint32_t link, std::uint32_t kind, const TurnClient::Allocation& allocation) override {
    static constexpr std::string_view kLabels[] = {"turn-udp", "turn-tcp", "turn-tls"};
    host().allocated(link, allocation.relayed, allocation.mapped, kLabels[kind],
                     kind == CW_LINK_UDP ? kChannelHeaderBytes : 0);
  }
  void lost(std::uint32_t link, std::string_view reason) override { host().allocation_lost(link, reason); }
  void done() override { host().links_done(); }
  void random(std::uint8_t* bytes, std::size_t size) override { host().random(bytes, size); }
  void log(std::int32_t level, const std::string& text) override { host().log(level, text); }
  void publish(std::uint32_t link, std::unique_ptr<const RouteTable> routes) override {
    snapshots_.publish(link, std::move(routes));
  }

  Snapshots snapshots_;
  const RouteTable none_{{}, {}, false};
  DropCounters drops_;
  std::atomic<std::uint64_t> wraps_{0};
  std::array<std::uint64_t, kDropKinds> told_drops_{};
  std::int64_t tell_drops_at_ = 0;
  RelayPool pool_;
};

}  // namespace

}  // namespace transport_turn

using transport_turn::TransportTurn;
CAUSEWAY_PLUGIN(
    TransportTurn, "transport-turn", "TURN relays (RFC 8656)", "1.0.0",
    "Gets relayed addresses from TURN servers over UDP, TCP and TLS, and carries packets through them");
