#include "netcheck/nat_probe.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "base/random.hpp"
#include "input.hpp"

// STUN servers that say anything, and anybody's datagrams: the probe ends in time, and no address that a
// server names gets more than a few small datagrams.
CAUSEWAY_FUZZ_TARGET(nat_probe) {
  using namespace netcheck;
  using std::chrono::milliseconds;
  constexpr std::size_t kMostToAnyone = 9;    // three times: its two ports, a hairpin
  constexpr std::size_t kMostToAServer = 21;  // and: who am I, control, two changes
  constexpr std::size_t kStunHeaderBytes = 20;
  static const auto endpoint = [](std::uint32_t address, std::uint16_t port) {
    return net::Endpoint{net::IpAddress::v4(address), port};
  };
  static const std::vector<net::Endpoint> servers{endpoint(0xc0000201, 3478), endpoint(0xc0000202, 3478),
                                                  endpoint(0xc6336409, 3479)};
  SeededRandom random(1);
  NatProbe probe(endpoint(0x0a000002, 4000), endpoint(0x0a000002, 4001), servers, random);
  const SteadyTime begun{std::chrono::seconds(1)};
  SteadyTime now = begun;
  std::vector<NatProbe::Send> asked;
  std::map<net::IpAddress, std::size_t> sent;
  const auto collect = [&] {
    while (auto send = probe.poll_send()) {
      require(send->bytes.size() <= 64, "a request is small");
      ++sent[send->to.address];
      asked.push_back(std::move(*send));
    }
    require(!probe.next_timeout() || *probe.next_timeout() > now, "wants to be called in the past");
  };
  const auto pass_until = [&](SteadyTime end) {
    while (probe.next_timeout() && *probe.next_timeout() <= end) {
      now = *probe.next_timeout();
      probe.on_timeout(now);
      collect();
    }
    now = std::max(now, end);
  };
  probe.start(now);
  collect();
  while (!input.is_empty()) {
    const std::uint8_t what = input.byte();
    const NatProbe::Send& request = asked[input.below(asked.size())];
    switch (what % 4) {
      case 0:  // bytes of anybody
        probe.on_datagram((what & 4) != 0 ? NatProbe::Socket::first : NatProbe::Socket::second,
                          endpoint(0xcb007100u + input.byte(), 3478), input.take(input.byte()), now);
        break;
      case 1: {  // what we sent comes to the other socket, as over a hairpin
        probe.on_datagram(NatProbe::Socket::first, endpoint(0xcb007100u, input.u16()), request.bytes, now);
        break;
      }
      case 2: {  // an answer, from there or elsewhere, with any attributes
        Bytes answer(request.bytes.begin(), request.bytes.begin() + kStunHeaderBytes);
        answer[0] |= 1;
        if ((what & 4) != 0) answer[1] |= 0x10;
        const ByteView attributes = input.take(input.byte() & 0xfcu);
        answer.insert(answer.end(), attributes.begin(), attributes.end());
        answer[2] = static_cast<std::uint8_t>((answer.size() - kStunHeaderBytes) >> 8);
        answer[3] = static_cast<std::uint8_t>(answer.size() - kStunHeaderBytes);
        const net::Endpoint from =
            (what & 8) != 0 ? endpoint(0xcb007100u + input.byte(), input.u16()) : request.to;
        probe.on_datagram(request.socket, from, answer, now);
        break;
      }
      default:
        pass_until(now + milliseconds(input.byte() * 4));
    }
    collect();
  }
  pass_until(begun + NatProbe::kLongest);
  require(probe.is_done(), "takes too long");
  for (const auto& [address, datagrams] : sent) {
    const bool is_server =
        std::any_of(servers.begin(), servers.end(),
                    [&address = address](const net::Endpoint& server) { return server.address == address; });
    require(datagrams <= (is_server ? kMostToAServer : kMostToAnyone), "too much for one address");
  }
  const NatReport report = probe.report();
  require(report.servers.size() == servers.size(), "a server is missing in the report");
  require(report.mapped.size() <= servers.size() * 4, "more addresses than answers");
}
