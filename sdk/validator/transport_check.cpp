#include <fmt/format.h>

#include <array>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "causeway/ext/transport.h"
#include "plugin/link_codec.hpp"
#include "plugin/text.hpp"
#include "plugin/transport_adapter.hpp"
#include "sdk/validator/contract_checks.hpp"
#include "sdk/validator/made_up_life.hpp"

namespace causeway::validator {

namespace {

constexpr int kSteps = 400;
constexpr int kStepsBesideThreads = 120;
constexpr std::size_t kPacketsPerCall = 8;
constexpr std::size_t kMostMessage = 1'472;

constexpr const char* kServers[] = {
    R"({"turn_servers":[{"uri":"turn:relay.example:3478?transport=udp","addresses":["198.51.100.9:3478"],)"
    R"("username":"u","password":"p","expires":0}],"turn_tls_verify":false})",
    R"({"turn_servers":[{"uri":"turn:relay.example:3478?transport=udp","addresses":["198.51.100.9:3478"],)"
    R"("username":"u","password":"p","expires":0},{"uri":"turn:relay.example:3478?transport=tcp",)"
    R"("addresses":["198.51.100.9:3478","[2001:db8::9]:3478"],"username":"u","password":"p","expires":1900000000},)"
    R"({"uri":"turns:relay.example:5349","addresses":["198.51.100.9:5349"],"username":"u2","password":"p2",)"
    R"("expires":0}],"turn_tls_verify":true})",
    R"({"turn_servers":[],"turn_tls_verify":false,"key-of-another-transport":[{}]})"};

class TransportLife final : public MadeUpLife {
 public:
  TransportLife(Stage& stage, plugin::Instance& instance, std::uint64_t seed, std::uint32_t extra)
      : MadeUpLife(stage, instance, seed, extra), table_(instance.table<cw_transport>()) {}

  void run() {
    configure();
    change_bases();
    steps(kSteps, "");
    judge_data();
  }

  /// Data threads know of links what the host tells them; here: that these two are open, whatever they are.
  void run_beside_threads() {
    if (has_failed() || stage_.errors() > 0) return;
    std::atomic<bool> is_over = false;
    const auto work = [&](std::uint32_t link, std::uint64_t seed) {
      plugin::InstanceCodec codec(table_, instance_.get(), link, use_);
      Random random(seed);
      Bytes room(CW_PACKET_HEADROOM + kMostMessage + CW_PACKET_TAILROOM);
      while (!is_over) {
        for (std::uint8_t& byte : std::span(room).first(256))
          byte = random.byte();
        if (random.chance(60)) room[CW_PACKET_HEADROOM] = random.pick<std::uint8_t>({0x40, 0x01, 0x00});
        cw_packet packet = {sizeof(cw_packet), static_cast<std::uint32_t>(random.below(kMostMessage)),
                            room.data() + CW_PACKET_HEADROOM, plugin::to_c(peer(random)), CW_PACKET_DROP};
        if (random.chance(50)) {
          codec.wrap(std::span(&packet, 1));
        } else {
          codec.unwrap(std::span(&packet, 1));
        }
      }
    };
    std::thread one(work, 0, stage_.seed()), two(work, 1, stage_.seed() + 1);
    steps(kStepsBesideThreads, ", two data threads at work");
    is_over = true;
    one.join();
    two.join();
    judge_data();
  }

 private:
  struct Link {
    plugin::LinkName name;
    std::uint32_t base = 0;
    bool is_open = false, is_allocated = false;
    Bytes last_sent;
  };

  void steps(int count, const char* beside) {
    beside_ = beside;
    for (int step = 0; step < count && !has_failed(); ++step) {
      const auto what = random_.below(100);
      if (what < 25) {
        advance(std::chrono::milliseconds(random_.below(20'000)));
      } else if (what < 75) {
        with_link();
      } else if (what < 92) {
        change_bases();
      } else {
        configure();
      }
    }
  }

  std::string about(std::string detail) const { return detail + beside_; }

  void configure() {
    const auto which = random_.below(std::size(kServers));
    const cw_string given = text(kServers[which]);
    call("configure", about(fmt::format("servers {}", which)),
         [&] { return table_.configure(instance_.get(), given.data, given.size); });
  }
  void change_bases() {
    present_ = make_bases();
    for (auto at = links_.begin(); at != links_.end();) {
      if (knows(at->second.base)) {
        ++at;
      } else {
        instance_.services().forget_link(at->first);
        at = links_.erase(at);
      }
    }
    const cw_array array = bases(present_);
    call("set_bases", about(fmt::format("{} bases", present_.size())),
         [&] { return table_.set_bases(instance_.get(), &array); });
  }

  void with_link() {
    if (links_.empty()) return advance(std::chrono::seconds(30));
    auto at = links_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(links_.size())));
    const std::uint32_t serial = at->first;
    Link& link = at->second;
    if (!link.is_open) {
      if (random_.chance(20)) return close(serial, "connection refused");
      link.is_open = true;
      return call("on_link", about("open"), [&] { return plugin::tell_link_open(instance_, link.name); });
    }
    const auto what = random_.below(100);
    if (what < 5) return close(serial, "the server ended it");
    if (what < 60) return receive(link);
    if (what < 75) return message(link, make_answer(random_, link.last_sent));
    if (!link.is_allocated) return receive(link);
    const plugin::LinkName name = link.name;
    if (what < 85) {
      const net::Endpoint whom = peer(random_);
      wanted_.insert({serial, whom});
      call("want_peer", about(whom.to_string()), [&] { return plugin::want_peer(instance_, name, whom); });
      return;
    }
    if (what < 90) {
      const net::Endpoint whom = peer(random_);
      if (wanted_.erase({serial, whom}) == 0) return;
      call("drop_peer", about(whom.to_string()), [&] { return plugin::drop_peer(instance_, name, whom); });
      return;
    }
    send_out(link);
  }
  void close(std::uint32_t serial, const char* reason) {
    const plugin::LinkName name = links_[serial].name;
    links_.erase(serial);
    call("on_link", about("closed"), [&] { return plugin::tell_link_closed(instance_, name, reason); });
  }
  void message(const Link& link, const Bytes& given) {
    if (given.empty()) return;
    const plugin::LinkName name = link.name;
    const std::uint8_t* const data = bytes(given);
    call("on_message", about(fmt::format("{} bytes", given.size())), [&] {
      return plugin::give_message(instance_, name, {data, given.size()});
    });
  }

  /// What came on the socket: through unwrap first, as the host does it.
  void receive(const Link& link) {
    const Bytes given = make_answer(random_, link.last_sent);
    frames(given);
    std::array<cw_packet, kPacketsPerCall> packets{};
    lay_out(packets, given);
    plugin::InstanceCodec codec(table_, instance_.get(), link.name.link, use_);
    stage_.call("unwrap", about(fmt::format("{} bytes", given.size())), [&] {
      codec.unwrap(packets);
      return 0;
    });
    const bool is_message = packets[0].verdict == CW_PACKET_CONTROL;
    write_down(fmt::format("unwrap {} {}", packets[0].verdict, packets[0].size));
    data_.reset();
    if (is_message) message(link, given);
  }
  void send_out(const Link& link) {
    Bytes given(random_.below(kMostMessage));
    for (std::uint8_t& byte : given)
      byte = random_.byte();
    std::array<cw_packet, kPacketsPerCall> packets{};
    lay_out(packets, given);
    for (cw_packet& packet : packets)
      packet.peer = plugin::to_c(peer(random_));
    plugin::InstanceCodec codec(table_, instance_.get(), link.name.link, use_);
    stage_.call("wrap", about(fmt::format("{} bytes", given.size())), [&] {
      codec.wrap(packets);
      return 0;
    });
    write_down(fmt::format("wrap {} {}", packets[0].verdict, packets[0].size));
    data_.reset();
  }
  /// Each packet in room of its own; the first one's ends where memory ends.
  void lay_out(std::span<cw_packet> packets, const Bytes& given) {
    for (cw_packet& packet : packets) {
      auto* const room =
          static_cast<std::uint8_t*>(data_.place(CW_PACKET_HEADROOM + given.size() + CW_PACKET_TAILROOM));
      std::copy(given.begin(), given.end(), room + CW_PACKET_HEADROOM);
      packet = {sizeof(cw_packet),
                static_cast<std::uint32_t>(given.size()),
                room + CW_PACKET_HEADROOM,
                {},
                CW_PACKET_DROP};
    }
  }

  /// What frame says of a stream must not change when more of it arrives.
  void frames(const Bytes& stream) {
    if (table_.frame == nullptr) return;
    const auto ask = [&](std::size_t size) {
      const std::uint8_t* const data = bytes(ByteView(stream).first(size));
      const std::int64_t length = stage_.call("frame", fmt::format("{} bytes", size),
                                              [&] { return table_.frame(instance_.get(), data, size); });
      return length;
    };
    const std::int64_t whole = ask(stream.size());
    if (whole > static_cast<std::int64_t>(stream.size()) &&
        whole <= static_cast<std::int64_t>(CW_MAX_STREAM_MESSAGE)) {
      stage_.error("contract",
                   fmt::format("frame says {} of {} bytes that there are: 0 means that not all of it is "
                               "there yet",
                               whole, stream.size()));
    }
    const std::size_t less = random_.below(stream.size() + 1);
    const std::int64_t part = ask(less);
    if (part > 0 && part != whole) {
      stage_.error("contract",
                   fmt::format("frame says {} for {} bytes and {} when {} are there: it must depend on the "
                               "bytes alone",
                               part, less, whole, stream.size()));
    }
  }

  void judge_data() {
    if (use_->failures > 0) {
      stage_.error("contract",
                   fmt::format("wrap or unwrap failed {} times: give packets that cannot be carried the "
                               "verdict CW_PACKET_DROP and return CW_OK",
                               use_->failures.load()));
    }
    if (use_->breaches > 0) {
      stage_.error(
          "contract",
          fmt::format("wrap or unwrap put {} packets where they may not be: at most {} bytes in front and {} "
                      "behind in wrap, within what there was in unwrap, a peer and a known verdict",
                      use_->breaches.load(), CW_PACKET_HEADROOM, CW_PACKET_TAILROOM));
    }
  }

  static net::Endpoint peer(Random& random) {
    static const std::array<net::Endpoint, 4> all = {
        *net::Endpoint::parse("203.0.113.20:40000"), *net::Endpoint::parse("203.0.113.20:40001"),
        *net::Endpoint::parse("203.0.113.21:7"), *net::Endpoint::parse("[2001:db8::20]:40000")};
    return all[random.below(all.size())];
  }

  cw_status fire(std::uint32_t timer) override { return plugin::fire_transport_timer(instance_, timer); }
  void carry_out(plugin::Request& request) override {
    if (auto* open = std::get_if<plugin::request::OpenLink>(&request)) {
      const auto base = static_cast<std::uint32_t>(open->base);
      write_down(fmt::format("open {} from {} to {} kind {}", open->link, base, open->server.to_string(),
                             open->kind));
      if (!knows(base)) {
        stage_.warning(
            "contract",
            fmt::format("opens a link from base {}, which is not among those of the last set_bases", base));
      }
      links_[open->serial] = {{open->link, open->serial}, base, false, false, {}};
    } else if (const auto* close = std::get_if<plugin::request::CloseLink>(&request)) {
      write_down(fmt::format("close {}", close->serial));
      links_.erase(close->serial);
    } else if (auto* send = std::get_if<plugin::request::SendOnLink>(&request)) {
      write_down(fmt::format("send on {} {}", send->serial, to_hex(send->bytes)));
      const auto at = links_.find(send->serial);
      if (at == links_.end()) return;
      if (!at->second.is_open) {
        stage_.warning("contract",
                       "sends on a link before on_link told that it is open: such messages are lost");
      }
      at->second.last_sent = std::move(send->bytes);
    } else if (const auto* allocated = std::get_if<plugin::request::Allocated>(&request)) {
      write_down(fmt::format("allocated {} {}", allocated->serial, allocated->relayed.to_string()));
      const auto at = links_.find(allocated->serial);
      if (at != links_.end()) at->second.is_allocated = true;
    } else if (const auto* lost = std::get_if<plugin::request::AllocationLost>(&request)) {
      write_down(fmt::format("lost {}", lost->serial));
      const auto at = links_.find(lost->serial);
      if (at != links_.end()) at->second.is_allocated = false;
    } else if (std::holds_alternative<plugin::request::Done>(request)) {
      write_down("done");
    }
  }

  cw_transport table_;
  std::shared_ptr<plugin::DataUse> use_ = std::make_shared<plugin::DataUse>();
  std::map<std::uint32_t, Link> links_;  ///< by serial number
  std::set<std::pair<std::uint32_t, net::Endpoint>> wanted_;
  const char* beside_ = "";
  Guarded data_{"the room of a packet", 32 * 1024};
};

std::string live(Stage& stage, const LibraryPtr& library, std::uint32_t extra, bool with_threads) {
  const InstancePtr instance = make_instance(stage, library, 42);
  if (!instance) return {};
  std::string record;
  {
    TransportLife life(stage, *instance, stage.seed(), extra);
    life.run();
    record = life.record();
    if (with_threads) life.run_beside_threads();
  }
  end_instance(stage, instance);
  return record;
}

}  // namespace

void check_transport(Stage& stage, const LibraryPtr& library) {
  const std::string plain = live(stage, library, 0, false);
  const Slowest first = stage.take_slowest();
  if (stage.errors() > 0) return;
  const std::string grown = live(stage, library, 24, false);
  judge_times(stage, first, stage.take_slowest());
  if (plain != grown) {
    if (plain == live(stage, library, 0, false)) {
      stage.error("contract",
                  "acts otherwise when cw_base_view is longer: index arrays by `stride`, never by sizeof");
    } else {
      stage.warning(
          "contract",
          "the same life went two ways: a simulation cannot replay it; take time and chance from the host "
          "(causeway.host.clock, causeway.host.random)");
    }
  }
  live(stage, library, 0, true);
}

}  // namespace causeway::validator
