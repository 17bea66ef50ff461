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

cw_packet carried(const TestInstance& plugin, bool is_out, std::uint8_t* bytes, const cw_address& peer) {
  cw_packet packet = {sizeof(cw_packet), 5, bytes, peer, CW_PACKET_DROP};
  const cw_mutable_array packets = {&packet, 1, sizeof packet};
  CAUSEWAY_CHECK((is_out ? transport.wrap : transport.unwrap)(plugin.get(), 0, &packets) == CW_OK);
  return packet;
}

}  // namespace

int main() {
  TestHost host;
  TestInstance plugin(host);
  const std::string json =
      R"({"turn_servers":[{"uri":"turn:hop.example","addresses":["198.51.100.9:3478"]}]})";
  CAUSEWAY_CHECK(transport.configure(plugin.get(), json.data(), json.size()) == CW_OK);
  set_bases(plugin, 1);
  const cw_string none = {nullptr, 0};
  CAUSEWAY_CHECK(transport.on_link(plugin.get(), 0, CW_LINK_OPEN, &none) == CW_OK);
  CAUSEWAY_CHECK(host.links[0].is_allocated && equal(host.links[0].relayed, ipv4("198.51.100.9", 3478)));

  std::uint8_t bytes[5] = {'h', 'e', 'l', 'l', 'o'};
  const cw_address peer = ipv4("203.0.113.20", 5000), other = ipv4("203.0.113.21", 5000);
  CAUSEWAY_CHECK(carried(plugin, true, bytes, peer).verdict == CW_PACKET_DROP);  // nobody is wanted yet
  CAUSEWAY_CHECK(transport.want_peer(plugin.get(), 0, &peer) == CW_OK);
  CAUSEWAY_CHECK(transport.want_peer(plugin.get(), 0, &other) == CW_OK);  // the hop leads to one
  const cw_packet out = carried(plugin, true, bytes, peer);
  CAUSEWAY_CHECK(out.verdict == CW_PACKET_PASS && out.bytes == bytes && out.size == 5);
  CAUSEWAY_CHECK(carried(plugin, true, bytes, other).verdict == CW_PACKET_DROP);
  const cw_packet in = carried(plugin, false, bytes, cw_address());
  CAUSEWAY_CHECK(in.verdict == CW_PACKET_PASS && in.bytes == bytes && equal(in.peer, peer));

  CAUSEWAY_CHECK(transport.drop_peer(plugin.get(), 0, &peer) == CW_OK);
  CAUSEWAY_CHECK(carried(plugin, false, bytes, cw_address()).verdict == CW_PACKET_DROP);
  set_bases(plugin, 0);
}
