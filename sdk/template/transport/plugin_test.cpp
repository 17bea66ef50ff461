#include <causeway/cpp/test_host.hpp>

using namespace causeway_sdk;

namespace {

const auto& transport = TestInstance::table<cw_transport>(CW_EXT_TRANSPORT);

void set_bases(const TestInstance& plugin, std::uint32_t count) {
  cw_base_view base = cw_base_view();
  base.struct_size = sizeof base;
  base.id = 1;
  base.address = ipv4("192.168.0.100", 41641);
  const cw_array bases = {&base, count, sizeof base};
  CAUSEWAY_CHECK(transport.set_bases(plugin.get(), &bases) == CW_OK);
}

/// One packet with the room that a host gives it.
struct Room {
  std::uint8_t bytes[CW_PACKET_HEADROOM + 100 + CW_PACKET_TAILROOM] = {};
  cw_packet packet = {sizeof(cw_packet), 0, bytes + CW_PACKET_HEADROOM, {}, CW_PACKET_DROP};
  cw_mutable_array array = {&packet, 1, sizeof packet};
  explicit Room(const std::string& content) {
    std::memcpy(packet.bytes, content.data(), content.size());
    packet.size = static_cast<std::uint32_t>(content.size());
  }
  std::string content() const {
    return std::string(reinterpret_cast<const char*>(packet.bytes), packet.size);
  }
};

}  // namespace

int main() {
  TestHost host;
  TestInstance plugin(host);
  const std::string json =
      R"({"turn_servers":[{"uri":"turn:relay.example:3478","addresses":["198.51.100.9:3478"]}]})";
  CAUSEWAY_CHECK(transport.configure(plugin.get(), json.data(), json.size()) == CW_OK);
  set_bases(plugin, 1);
  CAUSEWAY_CHECK(host.links.size() == 1 && equal(host.links[0].server, ipv4("198.51.100.9", 3478)));

  const cw_string none = {nullptr, 0};
  CAUSEWAY_CHECK(transport.on_link(plugin.get(), 0, CW_LINK_OPEN, &none) == CW_OK);
  CAUSEWAY_CHECK(host.links[0].sent == std::vector<std::string>{std::string(1, '\0')});

  // The server tells where peers reach us: 203.0.113.9:4000.
  const std::uint8_t reached_at[] = {1, 203, 0, 113, 9, 0x0f, 0xa0};
  CAUSEWAY_CHECK(transport.on_message(plugin.get(), 0, reached_at, sizeof reached_at) == CW_OK);
  CAUSEWAY_CHECK(host.links[0].is_allocated && equal(host.links[0].relayed, ipv4("203.0.113.9", 4000)));
  CAUSEWAY_CHECK(transport.on_message(plugin.get(), 0, reached_at, 3) == CW_OK);  // noise is no failure

  // It says every 10 seconds that it is there.
  std::uint32_t timer = 0;
  for (std::size_t times = 2; times < 4; ++times) {
    CAUSEWAY_CHECK(host.next_timer(timer) && transport.on_timer(plugin.get(), timer) == CW_OK);
    CAUSEWAY_CHECK(host.links[0].sent.size() == times);
  }

  // Out and in again.
  Room room("hello");
  room.packet.peer = ipv4("203.0.113.20", 5000);
  CAUSEWAY_CHECK(transport.wrap(plugin.get(), 0, &room.array) == CW_OK);
  CAUSEWAY_CHECK(room.packet.verdict == CW_PACKET_PASS && room.packet.size == 12);
  Room back(room.content());
  CAUSEWAY_CHECK(transport.unwrap(plugin.get(), 0, &back.array) == CW_OK);
  CAUSEWAY_CHECK(back.packet.verdict == CW_PACKET_PASS && back.content() == "hello");
  CAUSEWAY_CHECK(equal(back.packet.peer, ipv4("203.0.113.20", 5000)));
  Room noise("noise");
  CAUSEWAY_CHECK(transport.unwrap(plugin.get(), 0, &noise.array) == CW_OK);
  CAUSEWAY_CHECK(noise.packet.verdict == CW_PACKET_DROP);

  set_bases(plugin, 0);
}
