// server_load memory COUNT
//   memory of a server per idle node: its own, and the kernel's for its end of the connection
// server_load registrations COUNT
//   new nodes: connect, authenticate, register, durable; per second, and how long one takes
// server_load reconnects COUNT
//   the same for known nodes
// server_load oracle COUNT
//   time to refuse an unknown identity, and a known one with a bad signature
//
// A server of its own on loopback; one source address per node.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "protocol/rpc.hpp"
#include "server_process.hpp"

using namespace causeway;
using namespace causeway::server_test;

namespace {

constexpr std::size_t kThreads = 16;  // so many nodes at once: enough that commits share a write to the disk

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

/// CPU seconds of a process so far.
double cpu_seconds(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid, &clock) != 0) return 0;
  ::clock_gettime(clock, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

/// What the kernel holds and cannot drop, of the whole machine: sockets above all.
std::size_t kernel_kib() {
  std::ifstream lines("/proc/meminfo");
  for (std::string word; lines >> word;) {
    std::size_t kib = 0;
    if (word == "SUnreclaim:" && lines >> kib) return kib;
  }
  return 0;
}

void measure_memory(ServerProcess& server, std::size_t count) {
  const std::string secret = server.token();
  SystemRandom random;
  std::vector<std::unique_ptr<LineClient>> clients;
  const auto add = [&](std::size_t number) {
    ScriptedNode node(random, "node" + std::to_string(number));
    auto client = server.connect();
    if (!client || !node.join(*client, secret)) std::printf("node %zu does not join\n", number);
    clients.push_back(std::move(client));
  };
  for (std::size_t index = 0; index < 100; ++index)  // what is allocated once, and is no node's
    add(index);
  const std::size_t before = server.resident_kib();
  const std::size_t kernel_before = kernel_kib();
  for (std::size_t index = 0; index < count; ++index)
    add(100 + index);
  const std::size_t after = server.resident_kib();
  const std::size_t kernel_after = kernel_kib();
  const auto nodes = static_cast<double>(count);
  const double own = static_cast<double>(after - before) / nodes;
  // Both ends of each connection are on this machine.
  const double kernel = (static_cast<double>(kernel_after) - static_cast<double>(kernel_before)) / nodes / 2;
  std::printf(
      "%zu idle nodes: %.1f KiB each: %.1f resident (%zu -> %zu KiB), %.1f in the kernel; online %s\n", count,
      own + kernel, own, before, after, kernel, server.ask({"stats"})["online"].dump().c_str());
}

/// Connects, authenticates and registers each of `nodes` once; prints the rate.
void run_all(ServerProcess& server, const char* what, std::vector<ScriptedNode>& nodes,
             const std::optional<std::string>& secret) {
  std::vector<std::vector<Duration>> latencies(kThreads);
  std::vector<std::thread> threads;
  std::vector<net::IpAddress> sources;
  for (std::size_t index = 0; index < nodes.size(); ++index)
    sources.push_back(server.fresh_source());
  const double cpu_before = cpu_seconds(server.pid());
  const SteadyTime begun = read_clocks().steady;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t at = thread; at < nodes.size(); at += kThreads) {
        const SteadyTime start = read_clocks().steady;
        const auto client = server.connect(sources[at]);
        if (!client || code_of(nodes[at].authenticate(*client, secret)) != 0 ||
            code_of(nodes[at].register_node(*client)) != 0) {
          continue;
        }
        latencies[thread].push_back(read_clocks().steady - start);
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  const double seconds = std::chrono::duration<double>(read_clocks().steady - begun).count();
  const double cpu = cpu_seconds(server.pid()) - cpu_before;
  std::vector<Duration> all;
  for (const auto& part : latencies)
    all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end());
  const auto done = static_cast<double>(all.size());
  std::printf(
      "%s: %zu of %zu in %.1f s, %.0f/s; server CPU %.0f%% of a core, %.0f/s per core of its own; "
      "p50 %.1f ms, p99 %.1f ms\n",
      what, all.size(), nodes.size(), seconds, done / seconds, 100 * cpu / seconds, done / cpu,
      milliseconds(all[all.size() / 2]), milliseconds(all[all.size() * 99 / 100]));
}

void measure_oracle(ServerProcess& server, std::size_t count) {
  const std::string secret = server.token();
  SystemRandom random;
  ScriptedNode known(random, "known");
  const auto first = server.connect();
  known.join(*first, secret);
  double sum[2] = {}, squares[2] = {};
  for (std::size_t index = 0; index < 2 * count; ++index) {
    const bool is_known = index % 2 == 0;
    const ScriptedNode stranger(random, "x");  // both times: what we do before must not tell, either
    const auto client = server.connect();
    protocol::AuthenticateParams params;
    params.network = "home";
    params.identity = (is_known ? known : stranger).keys.public_key;
    random.fill(params.signature);
    params.signature.back() &= 0x0f;  // a canonical one, so that it is really computed
    params.version = "test";
    const SteadyTime begun = read_clocks().steady;
    client->call("authenticate", params.to_json());
    const double took = milliseconds(read_clocks().steady - begun) * 1000;
    sum[is_known] += took;
    squares[is_known] += took * took;
  }
  const auto n = static_cast<double>(count);
  double mean[2], variance[2];
  for (const int kind : {0, 1}) {
    mean[kind] = sum[kind] / n;
    variance[kind] = squares[kind] / n - mean[kind] * mean[kind];
  }
  std::printf(
      "refusal: unknown identity %.1f us, known with a bad signature %.1f us; Welch's t = %.2f (4.5 tells "
      "them apart)\n",
      mean[0], mean[1], (mean[0] - mean[1]) / std::sqrt((variance[0] + variance[1]) / n));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::atoi(argv[2]) < 1) {
    std::fprintf(stderr, "usage: server_load memory|registrations|reconnects|oracle COUNT\n");
    return 2;
  }
  const std::string_view what = argv[1];
  const auto count = static_cast<std::size_t>(std::atoi(argv[2]));
  const TemporaryFolder folder;
  ServerProcess server(folder.path(), {});
  server.start();
  if (what == "memory") {
    measure_memory(server, count);
  } else if (what == "oracle") {
    measure_oracle(server, count);
  } else {
    SystemRandom random;
    std::vector<ScriptedNode> nodes;
    for (std::size_t index = 0; index < count; ++index)
      nodes.emplace_back(random, "node" + std::to_string(index));
    run_all(server, "registrations", nodes, server.token());
    if (what == "reconnects") run_all(server, "reconnects", nodes, {});
  }
  return 0;
}
