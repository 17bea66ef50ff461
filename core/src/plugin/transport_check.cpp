#include "plugin/transport_check.hpp"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "plugin/instance.hpp"
#include "plugin/link_codec.hpp"
#include "plugin/text.hpp"
#include "plugin/transport_adapter.hpp"

namespace causeway::plugin {

namespace {

const Now kMoment{SteadyTime(1000s), WallTime(1'700'000'000s)};

/// What anybody may send: nothing, bytes without sense, and beginnings of what relays speak.
std::vector<Bytes> rubbish() {
  std::vector<Bytes> all = {{}, {0x00}, {0x40, 0x00, 0xff, 0xff}, {0x40, 0x00, 0x00, 0x00}};
  for (const std::size_t size : {4U, 20U, 21U, 64U, 1500U, 65535U})
    all.emplace_back(size, std::uint8_t{0xa5});
  // A STUN header (RFC 8489 §5) that promises more than there is, and one with an attribute that does.
  Bytes header = {0x01, 0x13, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  all.push_back(header);
  header[2] = 0;
  header[3] = 8;
  header.insert(header.end(), {0x00, 0x12, 0xff, 0xff, 0, 1, 2, 3});
  all.push_back(header);
  return all;
}

class Check {
 public:
  explicit Check(Instance& instance) : instance_(instance) {}

  /// One call into the plugin; fails with its name if it does.
  template <class Call>
  Result<void> step(const char* what, Call call) {
    instance_.services().begin(kMoment);
    const cw_status status = call();
    for (Request& request : instance_.services().take())
      note(request);
    if (status == CW_OK) return {};
    return Error{fmt::format("self-check: {} failed ({})", what, status_text(status))};
  }
  /// As above for what the plugin may refuse, but not by an exception.
  template <class Call>
  Result<void> try_step(const char* what, Call call) {
    return step(what, [&] {
      const cw_status status = call();
      return status == CW_ERROR_EXCEPTION || status == CW_ERROR_NO_MEMORY ? status : CW_OK;
    });
  }
  Result<void> run();

 private:
  void note(Request& request) {
    if (const auto* open = std::get_if<request::OpenLink>(&request))
      opened_.push_back({open->link, open->serial});
  }
  Result<void> data_calls(std::uint32_t link);
  Result<void> frames();

  Instance& instance_;
  std::vector<LinkName> opened_;
};

Result<void> Check::data_calls(std::uint32_t link) {
  const auto use = std::make_shared<DataUse>();
  InstanceCodec codec(instance_.table<cw_transport>(), instance_.get(), link, use);
  const cw_address peer = {4, 0, 40000, {203, 0, 113, 20}};
  for (const Bytes& noise : rubbish()) {
    Bytes room(CW_PACKET_HEADROOM + noise.size() + CW_PACKET_TAILROOM);
    std::copy(noise.begin(), noise.end(), room.begin() + CW_PACKET_HEADROOM);
    std::array<cw_packet, 3> packets{};
    const auto fill = [&] {
      for (cw_packet& packet : packets) {
        packet = {sizeof(cw_packet),
                  static_cast<std::uint32_t>(noise.size()),
                  room.data() + CW_PACKET_HEADROOM,
                  {},
                  CW_PACKET_DROP};
      }
    };
    fill();
    codec.unwrap(packets);
    fill();
    for (cw_packet& packet : packets)
      packet.peer = peer;
    codec.wrap(std::span(packets).first(1));
    codec.unwrap({});
    codec.wrap({});
  }
  if (use->breaches > 0) return Error{"self-check: wrap or unwrap left the room that a packet has"};
  return {};
}

Result<void> Check::frames() {
  const auto table = instance_.table<cw_transport>();
  if (table.frame == nullptr) return {};
  for (const Bytes& noise : rubbish()) {
    const std::int64_t length = table.frame(instance_.get(), noise.data(), noise.size());
    if (length != table.frame(instance_.get(), noise.data(), noise.size()))
      return Error{"self-check: frame gave two answers for the same bytes"};
  }
  return {};
}

Result<void> Check::run() {
  const BaseView base{net::BaseId{1}, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"};
  SourceConfiguration configuration;
  configuration.turn_servers = {{"turn:relay.example:3478?transport=udp",
                                 {*net::Endpoint::parse("198.51.100.9:3478")},
                                 "user",
                                 "secret",
                                 0},
                                {"turn:relay.example:3478?transport=tcp",
                                 {*net::Endpoint::parse("198.51.100.9:3478")},
                                 "user",
                                 "secret",
                                 0},
                                {"turns:relay.example:5349", {}, "user", "secret", 1}};
  if (auto ok = step("configure", [&] { return configure_transport(instance_, configuration); }); !ok)
    return ok;
  if (auto ok = step("set_bases", [&] { return set_transport_bases(instance_, std::span(&base, 1), {}); });
      !ok)
    return ok;
  const std::vector<LinkName> links = opened_;
  const net::Endpoint peer = *net::Endpoint::parse("203.0.113.20:40000");
  for (const LinkName link : links) {
    if (auto ok = step("on_link", [&] { return tell_link_open(instance_, link); }); !ok) return ok;
    for (const Bytes& noise : rubbish()) {
      if (auto ok = step("on_message", [&] { return give_message(instance_, link, noise); }); !ok) return ok;
    }
    const auto wanted = [&] { return want_peer(instance_, link, peer); };
    const auto dropped = [&] { return drop_peer(instance_, link, peer); };
    if (auto ok = try_step("want_peer", wanted); !ok) return ok;
    if (auto ok = data_calls(link.link); !ok) return ok;
    if (auto ok = try_step("drop_peer", dropped); !ok) return ok;
    if (auto ok = try_step("drop_peer", dropped); !ok) return ok;
  }
  const auto table = instance_.table<cw_transport>();
  const cw_address stranger = {6, 0, 1, {0x20, 1, 0xd, 0xb8}};
  if (table.want_peer != nullptr) {
    const auto unknown = [&] { return table.want_peer(instance_.get(), CW_MAX_LINKS - 1, &stranger); };
    if (auto ok = try_step("want_peer for an unknown link", unknown); !ok) return ok;
  }
  if (auto ok = data_calls(CW_MAX_LINKS - 1); !ok) return ok;
  if (auto ok = frames(); !ok) return ok;
  for (const std::uint32_t timer : {0U, 1U, CW_MAX_TIMERS - 1U}) {
    if (auto ok = step("on_timer", [&] { return fire_transport_timer(instance_, timer); }); !ok) return ok;
  }
  for (const LinkName link : links) {
    if (auto ok = step("on_link", [&] { return tell_link_closed(instance_, link, "self-check"); }); !ok)
      return ok;
  }
  instance_.services().run_posted();
  return step("set_bases", [&] { return set_transport_bases(instance_, {}, {}); });
}

}  // namespace

Result<void> check_transport(const std::shared_ptr<PluginLibrary>& library) {
  const auto made = Instance::create(library, 42);
  if (!made) return made.error();
  (*made)->services().mute();
  (*made)->services().set_wake([] {});  // what it posts is run at the end
  return Check(**made).run();
}

}  // namespace causeway::plugin
