// One end of a data plane with fixed keys and nothing else, for what is to be tested or measured of the data
// plane alone. Runs in a namespace that has eth0 with 192.0.2.NUMBER; its virtual addresses
// are 10.10.0.NUMBER and fd10::NUMBER.

#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/support/data_loop_node.hpp"

namespace {

using namespace causeway;
using test::DataLoopNode;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

int usage() {
  std::fprintf(stderr,
               "usage: data_end 1|2 type4|aes|aes-openssl|chacha [no-tso] [no-uso] [no-tun-offload] [no-gso] "
               "[no-gro]\n");
  return 2;
}

bool apply(std::string_view word, test::Offloads& offloads, test::Format& format) {
  if (word == "type4") {
    format.reset();
  } else if (word == "aes" || word == "aes-openssl") {
    format = crypto::AeadAlgorithm::aes_256_gcm;
    if (word == "aes-openssl") crypto::set_default_aead_implementation(crypto::AeadImplementation::openssl);
  } else if (word == "chacha") {
    format = crypto::AeadAlgorithm::chacha20_poly1305;
  } else if (word == "no-tso") {
    offloads.tun.tso = offloads.tun.uso = false;
  } else if (word == "no-uso") {
    offloads.tun.uso = false;
  } else if (word == "no-tun-offload") {
    offloads.tun = {};
  } else if (word == "no-gso") {
    offloads.gso = false;
  } else if (word == "no-gro") {
    offloads.gro = false;
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int count, char** words) {
  const int number = count > 2 ? std::atoi(words[1]) : 0;
  if (number != 1 && number != 2) return usage();
  test::Offloads offloads;
  test::Format format;
  for (int i = 2; i < count; ++i) {
    if (!apply(words[i], offloads, format)) return usage();
  }
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  sigprocmask(SIG_BLOCK, &ending, nullptr);

  DataLoopNode node(number, offloads, format);
  const int other = 3 - number;
  node.connect_with(other, {DataLoopNode::real_address(other), test::kPort});
  int signal = 0;
  sigwait(&ending, &signal);
  node.loop().stop();

  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf("cpu_seconds %.3f\n", seconds(used.ru_utime) + seconds(used.ru_stime));
  std::printf("rx_packets %llu\n", static_cast<unsigned long long>(node.counters->rx_packets));
  for (std::size_t reason = 0; reason < dataplane::kDropReasons; ++reason) {
    const auto drops = node.drops().get(static_cast<dataplane::DropReason>(reason));
    if (drops > 0) {
      std::printf("drops %s %llu\n", dataplane::kDropReasonNames[reason].data(),
                  static_cast<unsigned long long>(drops));
    }
  }
}
