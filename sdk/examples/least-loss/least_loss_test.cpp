#include <causeway/cpp/test_host.hpp>

using namespace causeway_sdk;

int main() {
  TestHost host;
  TestInstance plugin(host);
  TestPairs pairs;
  const auto add = [&](std::uint32_t id, std::uint32_t loss_ppm, std::int64_t rtt_ms) {
    auto& pair = pairs.add(id);
    pair.statistics.known = CW_KNOWN_LOSS | CW_KNOWN_RTT;
    pair.statistics.loss_ppm = loss_ppm;
    pair.statistics.rtt_ns = rtt_ms * 1'000'000;
  };
  add(1, 80'000, 5);     // 8 % lost, near
  add(2, 0, 90);         // clean, far
  add(3, 0, 40);         // clean, nearer
  add(4, 1'000'000, 1);  // nothing arrives
  pairs.add(5);          // nothing is known
  CAUSEWAY_CHECK(pairs.ask(plugin) == CW_OK);
  CAUSEWAY_CHECK(pairs.scores[2].score > pairs.scores[1].score);
  CAUSEWAY_CHECK(pairs.scores[1].score > pairs.scores[0].score);
  CAUSEWAY_CHECK(pairs.scores[4].score > pairs.scores[3].score);
  CAUSEWAY_CHECK(pairs.reason(0) == "8.0 % lost");
  CAUSEWAY_CHECK(pairs.reason(4) == "not measured yet");
}
