// One end of a data plane with fixed keys and nothing else: what iperf3 measures through two of these is the
// data plane alone. Runs in a namespace that has eth0 with 192.0.2.NUMBER; dataplane_pair.sh makes two and
// measures.

#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/support/data_loop_node.hpp"

namespace {

using causeway::test::DataLoopNode;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int count, char** words) {
  const int number = count > 1 ? std::atoi(words[1]) : 0;
  if (number != 1 && number != 2) {
    std::fprintf(stderr, "usage: dataplane_pair 1|2 [plain-tun] [plain-udp]\n");
    return 2;
  }
  causeway::test::Offloads offloads;
  for (int i = 2; i < count; ++i) {
    if (std::string_view(words[i]) == "plain-tun") offloads.tun = {};
    if (std::string_view(words[i]) == "plain-udp") offloads.udp = false;
  }
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  sigprocmask(SIG_BLOCK, &ending, nullptr);

  DataLoopNode node(number, offloads);
  const int other = 3 - number;
  node.connect_with(other, {DataLoopNode::real_address(other), causeway::test::kPort});
  int signal = 0;
  sigwait(&ending, &signal);
  node.loop().stop();

  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf("cpu_seconds %.3f\n", seconds(used.ru_utime) + seconds(used.ru_stime));
  for (std::size_t reason = 0; reason < causeway::dataplane::kDropReasons; ++reason) {
    const auto drops = node.drops().get(static_cast<causeway::dataplane::DropReason>(reason));
    if (drops > 0) {
      std::printf("drops %s %llu\n", causeway::dataplane::kDropReasonNames[reason].data(),
                  static_cast<unsigned long long>(drops));
    }
  }
}
