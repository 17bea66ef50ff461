#include "selection/classes.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace causeway::selection {
namespace {

using enum Draft::Kind;

double direct_rtt(Dice& dice) { return dice.log_between(5, 150); }

/// A relay is a detour, now and then a short cut.
double relayed_rtt(double direct_ms, Dice& dice) {
  return direct_ms * dice.between(0.9, 1.8) + dice.log_between(2, 40);
}

/// Over TCP or TLS, with its queues and repetitions.
Climate stream_relay(const Climate& relay, Dice& dice) {
  Climate climate = relay;
  climate.rtt_ms = relay.rtt_ms * dice.between(1.0, 1.4) + dice.between(1, 10);
  climate.jitter_ms = relay.jitter_ms * dice.between(1.2, 3);
  climate.loss_out = climate.loss_in = 0;
  return climate;
}

/// Loss comes in bouts: calm for some seconds, then much for some.
Weather lossy(std::size_t count, double loss_out, double loss_in, Dice& dice) {
  const auto bouts = alternate(count, dice.between(5, 30), dice.between(2, 12), dice);
  const double calm = dice.between(0.3, 0.9), bad = dice.between(1.2, 2.5);
  return [=](std::size_t i, Second& state) {
    const double factor = bouts[i] ? bad : calm;
    state.loss_out += loss_out * factor;
    state.loss_in += loss_in * factor;
  };
}

std::optional<Past> maybe_past(Draft& draft, bool is_remembered, const Climate& climate) {
  const Past past = draft.steady_past(climate);
  return is_remembered ? std::optional{past} : std::nullopt;
}

struct Losses {
  double out, in;
};
/// Mostly one direction is worse than the other.
Losses draw_losses(double most, Dice& dice) {
  const double other = most * dice.unit();
  return dice.chance(0.5) ? Losses{most, other} : Losses{other, most};
}

/// 0 … 1 … 0 over the hours of the day.
double congestion(double hour, double begins, double ends, double edge_h) {
  const auto rise = [&](double x) { return 1 / (1 + std::exp(-x / edge_h)); };
  return rise(hour - begins) * rise(ends - hour);
}

/// From 0 to 1 over a world, by one of three ways.
Weather drifting(std::size_t count, double rtt_factor, double loss, Dice& dice) {
  std::vector<double> way(count);
  const int kind = dice.whole(0, 2);
  const double middle = dice.between(0.2, 0.8), steepness = dice.log_between(8, 40);
  double walk = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i) / static_cast<double>(count);
    walk = std::clamp(walk + dice.normal() * 0.03, 0.0, 1.0);
    way[i] = kind == 0 ? x : kind == 1 ? 1 / (1 + std::exp(-(x - middle) * steepness)) : walk;
  }
  return [=](std::size_t i, Second& state) {
    state.rtt_ms *= 1 + (rtt_factor - 1) * way[i];
    state.jitter_ms *= 1 + (rtt_factor - 1) * way[i];
    state.loss_out += loss * way[i];
    state.loss_in += loss * way[i] * 0.5;
  };
}

}  // namespace

void draft_lossy_direct(Draft& draft) {
  Dice& dice = draft.dice();
  draft.set_length(600);
  const bool is_remembered = draft.is_remembered(0.5);
  const auto add_lossy = [&](const Climate& climate, const Draft::Ends& ends, double most) {
    const Losses losses = draw_losses(most, dice);
    Climate usual = climate;
    usual.loss_out += losses.out;
    usual.loss_in += losses.in;
    draft.add(ends, climate, lossy(draft.length(), losses.out, losses.in, dice),
              maybe_past(draft, is_remembered, usual));
  };
  const double rtt = direct_rtt(dice);
  add_lossy(calm_climate(rtt, dice), {direct, 0}, dice.log_between(0.005, 0.12));
  const Climate relay = calm_climate(relayed_rtt(rtt, dice), dice);
  draft.add({relayed, 0}, relay, nullptr, maybe_past(draft, is_remembered, relay));
  if (dice.chance(0.4)) {
    add_lossy(calm_climate(rtt * dice.between(0.9, 2) + dice.between(0, 30), dice), {direct, 1},
              dice.log_between(0.001, 0.08));
  }
  if (dice.chance(0.4)) {
    const Climate stream = stream_relay(relay, dice);
    draft.add({relayed, 0}, stream, nullptr, maybe_past(draft, is_remembered, stream));
  }
}

void draft_flapping_wifi(Draft& draft) {
  Dice& dice = draft.dice();
  draft.set_length(900);
  const bool is_remembered = draft.is_remembered(0.6);
  const unsigned wifi = dice.chance(0.8) ? 0 : 1;
  const double rtt = dice.log_between(5, 60);
  const double good_s = dice.log_between(8, 180), bad_s = dice.log_between(2, 45);
  // All paths over the wireless NIC suffer at the same times.
  const auto bad = alternate(draft.length(), good_s, bad_s, dice);
  const double more_rtt = dice.log_between(5, 150), more_jitter = dice.log_between(5, 60);
  const Losses losses = draw_losses(dice.between(0.05, 0.5), dice);
  const double outages = dice.between(0, 0.5);
  const std::uint64_t episodes = dice.next();
  const Weather weather = [=](std::size_t i, Second& state) {
    if (!bad[i]) return;
    std::size_t begin = i;
    while (begin > 0 && bad[begin - 1])
      --begin;
    Dice episode(mix(episodes, begin));
    state.is_up = !episode.chance(outages);
    const double strength = episode.between(0.3, 1.3);
    state.rtt_ms += more_rtt * strength;
    state.jitter_ms += more_jitter * strength;
    state.loss_out += losses.out * strength;
    state.loss_in += losses.in * strength;
  };
  const double share_bad = bad_s / (good_s + bad_s);
  const auto wifi_past = [&](const Climate& climate) {
    Climate usual = climate;
    usual.rtt_ms += share_bad * more_rtt;
    usual.jitter_ms += share_bad * more_jitter;
    usual.loss_out += share_bad * (losses.out * (1 - outages) + outages);
    usual.loss_in += share_bad * (losses.in * (1 - outages) + outages);
    auto past = maybe_past(draft, is_remembered, usual);
    if (past) past->disconnects_per_session = outages * 3600 / (good_s + bad_s);
    return past;
  };
  const Climate air = calm_climate(rtt, dice);
  draft.add({direct, wifi}, air, weather, wifi_past(air));
  Climate cable = calm_climate(rtt * dice.between(0.9, 1.5) + dice.log_between(3, 60), dice);
  cable.jitter_ms += dice.log_between(0.5, 12);  // cellular, often
  draft.add({direct, 1 - wifi}, cable, nullptr, maybe_past(draft, is_remembered, cable));
  if (dice.chance(0.5)) {
    const Climate relay = calm_climate(relayed_rtt(rtt, dice), dice);
    draft.add({relayed, wifi}, relay, weather, wifi_past(relay));
  }
  if (dice.chance(0.4)) {
    const Climate relay = calm_climate(relayed_rtt(cable.rtt_ms, dice), dice);
    draft.add({relayed, 1 - wifi}, relay, nullptr, maybe_past(draft, is_remembered, relay));
  }
}

void draft_evening_congestion(Draft& draft) {
  Dice& dice = draft.dice();
  draft.set_length(1200);
  draft.set_begin(dice.between(15, 23.5));
  const double begins = dice.between(17, 20.5), ends = begins + dice.between(1, 4);
  const double edge_h = dice.log_between(0.03, 0.25);
  const double more_rtt = dice.log_between(15, 200), most_loss = dice.log_between(0.003, 0.08);
  const Losses losses = draw_losses(most_loss, dice);
  const double more_jitter = more_rtt * dice.between(0.1, 0.4);
  const Dice days = dice.fork(7);
  const auto day = [=](int days_ago) {  // evenings differ
    Dice of_day = days.fork(static_cast<std::uint64_t>(days_ago));
    return of_day.chance(0.85) ? of_day.between(0.6, 1.4) : 0.1;
  };
  const auto congest = [=](Second& state, double level) {
    state.rtt_ms += more_rtt * level;
    state.jitter_ms += more_jitter * level;
    state.loss_out += losses.out * level * level;
    state.loss_in += losses.in * level * level;
  };
  const double now = draft.hour();
  const auto add = [&](const Draft::Ends& path, const Climate& climate, double share) {
    const Weather weather = [=](std::size_t i, Second& state) {
      congest(state, share * day(0) * congestion(now + static_cast<double>(i) / 3600, begins, ends, edge_h));
    };
    Past past = draft.steady_past(climate);
    past.days = std::max(past.days, 3);
    past.hour_from = 16;
    const auto usual = past.session;
    past.session = [=](int days_ago, double hour) {
      Second state = usual(days_ago, hour);
      congest(state, share * day(days_ago) * congestion(hour + 0.5, begins, ends, edge_h));
      return state;
    };
    draft.add(path, climate, weather, past);
  };
  const double rtt = direct_rtt(dice);
  const Climate straight = calm_climate(rtt, dice);
  const Climate relay = calm_climate(relayed_rtt(rtt, dice), dice);
  // Mostly the direct way is the crowded one; the other may share a part of it.
  const bool is_direct_crowded = dice.chance(0.75);
  const double other_share = dice.chance(0.5) ? 0 : dice.between(0, 0.4);
  add({direct, 0}, straight, is_direct_crowded ? 1 : other_share);
  add({relayed, 0}, relay, is_direct_crowded ? other_share : 1);
  if (dice.chance(0.35)) {
    add({direct, 1}, calm_climate(rtt * dice.between(0.9, 2) + dice.between(5, 50), dice), 0);
  }
  if (dice.chance(0.3)) add({relayed, 0}, stream_relay(relay, dice), is_direct_crowded ? other_share : 1);
}

void draft_asymmetric_loss(Draft& draft) {
  Dice& dice = draft.dice();
  draft.set_length(600);
  const bool is_remembered = draft.is_remembered(0.5);
  draft.set_share_out(dice.chance(0.5) ? dice.between(0.03, 0.15) : dice.between(0.85, 0.97));
  const auto add_one_sided = [&](const Climate& climate, const Draft::Ends& ends, double most) {
    const Losses losses = dice.chance(0.5) ? Losses{most, 0} : Losses{0, most};
    Climate usual = climate;
    usual.loss_out += losses.out;
    usual.loss_in += losses.in;
    draft.add(ends, climate, lossy(draft.length(), losses.out, losses.in, dice),
              maybe_past(draft, is_remembered, usual));
  };
  const double rtt = direct_rtt(dice);
  add_one_sided(calm_climate(rtt, dice), {direct, 0}, dice.log_between(0.01, 0.15));
  const Climate relay = calm_climate(relayed_rtt(rtt, dice), dice);
  const double relay_loss = dice.chance(0.3) ? dice.log_between(0.005, 0.08) : 0;
  add_one_sided(relay, {relayed, 0}, relay_loss);
  if (dice.chance(0.4)) {
    add_one_sided(calm_climate(rtt * dice.between(0.9, 2) + dice.between(0, 30), dice), {direct, 1},
                  dice.chance(0.5) ? dice.log_between(0.005, 0.1) : 0);
  }
}

void draft_slow_drift(Draft& draft) {
  Dice& dice = draft.dice();
  draft.set_length(1200);
  const bool is_remembered = draft.is_remembered(0.5);
  const auto add = [&](const Draft::Ends& ends, const Climate& climate) {
    const double factor = dice.chance(0.7) ? dice.log_between(0.6, 4) : 1;
    const double loss = dice.chance(0.4) ? dice.log_between(0.002, 0.06) : 0;
    draft.add(ends, climate, drifting(draft.length(), factor, loss, dice),
              maybe_past(draft, is_remembered, climate));
  };
  const double rtt = direct_rtt(dice);
  add({direct, 0}, calm_climate(rtt, dice));
  add({relayed, 0}, calm_climate(relayed_rtt(rtt, dice), dice));
  if (dice.chance(0.5)) add({direct, 1}, calm_climate(rtt * dice.between(0.7, 2.2), dice));
  if (dice.chance(0.3)) add({relayed, 1}, calm_climate(relayed_rtt(rtt, dice), dice));
}

void draft_honest_baseline(Draft& draft) {
  Dice& dice = draft.dice();
  draft.set_length(600);
  const bool is_remembered = draft.is_remembered(0.5);
  // From ICE's first choice on, each is worse than the one before it.
  constexpr std::array<Draft::Ends, 5> kInIceOrder{
      {{direct, 0}, {direct, 1}, {direct, 2}, {relayed, 0}, {relayed, 1}}};
  const int directs = dice.whole(1, 3), relays = dice.whole(1, 2);
  Climate climate = calm_climate(direct_rtt(dice), dice);
  bool is_first = true;
  for (int i = 0; i < 5; ++i) {
    if (i < 3 ? i >= directs : i - 3 >= relays) continue;
    if (!is_first) {
      climate.rtt_ms = climate.rtt_ms * dice.between(1.1, 1.6) + dice.between(2, 25);
      climate.jitter_ms *= dice.between(1, 1.5);
      climate.loss_out += dice.chance(0.3) ? dice.between(0, 0.003) : 0;
      climate.loss_in += dice.chance(0.3) ? dice.between(0, 0.003) : 0;
    }
    is_first = false;
    const bool is_wavering = dice.chance(0.3);  // nobody is calm all the time
    Climate own = climate;
    own.spikes_per_minute = is_wavering ? dice.log_between(0.5, 2) : dice.log_between(0.03, 0.5);
    draft.add(kInIceOrder[static_cast<std::size_t>(i)], own, nullptr, maybe_past(draft, is_remembered, own));
  }
}

}  // namespace causeway::selection
