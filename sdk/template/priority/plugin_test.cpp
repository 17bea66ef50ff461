#include <causeway/cpp/test_host.hpp>

using namespace causeway_sdk;

int main() {
  TestHost host;
  TestInstance plugin(host);

  TestPairs pairs;
  auto& fast = pairs.add(1);
  fast.statistics.known = CW_KNOWN_RTT;
  fast.statistics.rtt_ns = 10'000'000;
  auto& slow = pairs.add(2);
  slow.statistics.known = CW_KNOWN_RTT;
  slow.statistics.rtt_ns = 80'000'000;
  pairs.add(3);  // nothing is known of it

  CAUSEWAY_CHECK(pairs.ask(plugin) == CW_OK);
  CAUSEWAY_CHECK(pairs.scores[0].score == 990'000);
  CAUSEWAY_CHECK(pairs.scores[0].score > pairs.scores[1].score);
  CAUSEWAY_CHECK(pairs.scores[1].score > pairs.scores[2].score);
  CAUSEWAY_CHECK(pairs.reason(0) == "10 ms there and back");
  CAUSEWAY_CHECK(pairs.reason(2) == "not measured yet");
}
