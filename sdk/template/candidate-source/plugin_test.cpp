#include <causeway/cpp/test_host.hpp>

using namespace causeway_sdk;

namespace {

const auto& source = TestInstance::table<cw_candidate_source>(CW_EXT_CANDIDATE_SOURCE);

void configure(const TestInstance& plugin, const std::string& json) {
  CAUSEWAY_CHECK(source.configure(plugin.get(), json.data(), json.size()) == CW_OK);
}

void set_base(const TestInstance& plugin, std::uint32_t id) {
  cw_base_view base = cw_base_view();
  base.struct_size = sizeof base;
  base.id = id;
  base.address = ipv4("192.168.0.100", 41641);
  const cw_array bases = {&base, 1, sizeof base};
  CAUSEWAY_CHECK(source.set_bases(plugin.get(), &bases) == CW_OK);
}

/// A binding success response to `request` that says 203.0.113.9:4000 (RFC 8489 §14.2).
std::string answer_to(const std::string& request) {
  std::string answer = request;
  answer[0] = 0x01;
  answer[3] = 12;
  const unsigned char attribute[] = {0x00,        0x20,        0,          8,        0,          1,
                                     0x0f ^ 0x21, 0xa0 ^ 0x12, 203 ^ 0x21, 0 ^ 0x12, 113 ^ 0xa4, 9 ^ 0x42};
  answer.append(reinterpret_cast<const char*>(attribute), sizeof attribute);
  return answer;
}

void receive(const TestInstance& plugin, const std::string& bytes) {
  const cw_address from = ipv4("198.51.100.7", 3478);
  CAUSEWAY_CHECK(source.on_datagram(plugin.get(), 1, &from,
                                    reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                    bytes.size()) == CW_OK);
}

}  // namespace

int main() {
  TestHost host;
  TestInstance plugin(host);
  std::uint32_t timer = 0;

  configure(plugin, R"({"stun_servers":["198.51.100.7:3478"]})");
  set_base(plugin, 1);
  CAUSEWAY_CHECK(host.sent.size() == 1);
  CAUSEWAY_CHECK(equal(host.sent[0].to, ipv4("198.51.100.7", 3478)));

  receive(plugin, "noise");
  std::string forged = answer_to(host.sent[0].bytes);
  forged[10] ^= 1;  // of another transaction
  receive(plugin, forged);
  CAUSEWAY_CHECK(host.found.empty());

  receive(plugin, answer_to(host.sent[0].bytes));
  CAUSEWAY_CHECK(host.found.size() == 1);
  CAUSEWAY_CHECK(equal(host.found[0].address, ipv4("203.0.113.9", 4000)));

  const unsigned done_before = host.done;
  CAUSEWAY_CHECK(host.next_timer(timer) && source.on_timer(plugin.get(), timer) == CW_OK);
  CAUSEWAY_CHECK(host.done == done_before + 1);
  CAUSEWAY_CHECK(host.next_timer(timer) && source.on_timer(plugin.get(), timer) == CW_OK);
  CAUSEWAY_CHECK(host.sent.size() == 2);  // asked again, to keep the mapping

  configure(plugin, R"({"stun_servers":[]})");
  CAUSEWAY_CHECK(host.sent.size() == 2 && host.done == done_before + 2);
}
