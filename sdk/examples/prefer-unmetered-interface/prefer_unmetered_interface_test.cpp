#include <causeway/cpp/test_host.hpp>

using namespace causeway_sdk;

int main() {
  TestHost host;
  TestInstance plugin(host);
  TestPairs pairs;
  const auto add = [&](std::uint32_t id, std::string_view nic, std::uint64_t priority) {
    auto& pair = pairs.add(id);
    pair.local.interface_name = {nic.data(), nic.size()};
    pair.view.pair_priority = priority;
  };
  add(1, "wwan0", 900);
  add(2, "eth0", 500);
  add(3, "wlan0", 600);
  add(4, "", 100);

  CAUSEWAY_CHECK(pairs.ask(plugin) == CW_OK);
  CAUSEWAY_CHECK(pairs.scores[2].score > pairs.scores[1].score);  // ICE's order among the unmetered
  CAUSEWAY_CHECK(pairs.scores[1].score > pairs.scores[3].score);
  CAUSEWAY_CHECK(pairs.scores[3].score > pairs.scores[0].score);
  CAUSEWAY_CHECK(pairs.reason(0) == "wwan0 is metered");
  CAUSEWAY_CHECK(pairs.reason(1) == "eth0 is not metered");

  // The configuration says otherwise, and then the guess by name is off.
  CAUSEWAY_CHECK(pairs.ask(plugin, R"({"metered": ["wlan0", "wlan1"]})") == CW_OK);
  CAUSEWAY_CHECK(pairs.scores[0].score > pairs.scores[1].score);
  CAUSEWAY_CHECK(pairs.scores[2].score < pairs.scores[3].score);
  CAUSEWAY_CHECK(pairs.ask(plugin, R"({"metered": []})") == CW_OK);
  CAUSEWAY_CHECK(pairs.scores[0].score > pairs.scores[2].score);
}
