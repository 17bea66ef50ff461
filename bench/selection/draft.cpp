#include "selection/draft.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace causeway::selection {
namespace {

/// 2026-01-05, a Monday, 00:00 UTC.
constexpr std::int64_t kFirstDay = 1'767'571'200;
/// So many of all pasts are of a network that has changed since.
constexpr double kMovedOn = 0.12;

net::Endpoint endpoint(std::uint32_t address, std::uint16_t port) {
  return {net::IpAddress::v4(address), port};
}

ice::Candidate candidate(ice::CandidateType type, const net::Endpoint& address, unsigned base) {
  ice::Candidate c;
  c.type = type;
  c.address = address;
  c.priority = ice::recommended_priority(type, static_cast<std::uint16_t>(65535 - base));
  c.foundation = std::to_string(10 * static_cast<unsigned>(type) + base);
  return c;
}

double mean_cost(const World& world, const Route& route) {
  double sum = 0;
  for (const Second& second : route.seconds) {
    sum += second.is_up ? second.rtt_ms + 4 * second.jitter_ms + 2000 * loss_of_traffic(world, second) : 1000;
  }
  return sum;
}

}  // namespace

Draft::Draft(WorldClass world_class, std::uint64_t seed, const Dice& dice) : dice_(dice) {
  world_.world_class = world_class;
  world_.seed = seed;
  world_.share_out = dice_.between(0.2, 0.8);
  set_begin(dice_.between(7, 24));
}

void Draft::set_begin(double hour) {
  hour_ = hour;
  world_.begin =
      WallTime(std::chrono::seconds(kFirstDay + 86'400 * static_cast<std::int64_t>(world_.seed % 28) +
                                    static_cast<std::int64_t>(hour * 3600)));
}

void Draft::add(const Ends& ends, const Climate& climate, const Weather& weather,
                const std::optional<Past>& past) {
  Route route;
  const auto number = static_cast<std::uint32_t>(world_.routes.size());
  const bool is_relayed = ends.kind == Kind::relayed;
  const net::Endpoint local = endpoint(0xc0a80002 + 256 * ends.base, 41641);
  route.local = candidate(is_relayed ? ice::CandidateType::relayed : ice::CandidateType::host,
                          is_relayed ? endpoint(0xcb007105 + number, 50'000) : local, ends.base);
  route.local.base = net::BaseId{1 + ends.base + (is_relayed ? 16 + number : 0)};
  route.local.base_address = is_relayed ? route.local.address : local;
  route.local.source = is_relayed ? "transport-turn" : "host";
  // Each of the peer's candidates is another one of its NICs, or of its ways out.
  route.remote = candidate(ice::CandidateType::server_reflexive, endpoint(0xc6336407 + number, 41641), 0);
  route.pair_priority = ice::pair_priority(route.local.priority, route.remote.priority);
  route.seconds = make_seconds(climate, length_, weather, dice_.fork(100 + number));
  if (past) route.past = remember(*past, world_.begin, hour_, dice_.fork(200 + number));
  world_.routes.push_back(std::move(route));
}

Past Draft::steady_past(const Climate& climate) {
  const Dice own = dice_.fork(dice_.next());
  Past past;
  Dice dice = own;
  past.days = dice.whole(1, 14);
  past.sessions = dice.between(0.4, 1.6);
  past.ended_days_ago = dice.chance(0.2) ? dice.whole(1, 30) : 0;
  Climate then = climate;
  if (dice.chance(kMovedOn)) {
    then.rtt_ms *= dice.log_between(0.4, 2.5);
    then.jitter_ms *= dice.log_between(0.4, 2.5);
    then.loss_out = dice.between(0, 0.06);
    then.loss_in = then.loss_out * dice.unit();
  }
  past.session = [then, own](int days_ago, double hour) {
    Dice day = own.fork(static_cast<std::uint64_t>(days_ago * 100) + static_cast<std::uint64_t>(hour));
    const double loss = day.log_between(0.5, 2);
    return Second{then.rtt_ms * day.between(0.95, 1.1), then.jitter_ms * day.log_between(0.6, 1.6),
                  std::min(1.0, then.loss_out * loss), std::min(1.0, then.loss_in * loss), true};
  };
  return past;
}

World Draft::finish() {
  // Ids, and so the order of the views, say nothing.
  for (std::size_t i = world_.routes.size(); i > 1; --i)
    std::swap(world_.routes[i - 1], world_.routes[dice_.next() % i]);
  return std::move(world_);
}

World Draft::finish_with_wrong_hints() {
  std::vector<std::size_t> order(world_.routes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return mean_cost(world_, world_.routes[a]) < mean_cost(world_, world_.routes[b]);
  });
  const auto confidence = static_cast<std::uint32_t>(dice_.whole(300, 1000));
  for (std::size_t place = 0; place < order.size(); ++place) {
    const auto score = static_cast<std::int64_t>(1'000'000 * (place + 1) / order.size());
    world_.routes[order[place]].hint = path::Hint{score, confidence};
  }
  return finish();
}

}  // namespace causeway::selection
