#include "tests/sim/network.hpp"

#include <algorithm>
#include <utility>

namespace causeway::sim {

Nat& Network::add_nat(Realm inside, Realm beyond, net::IpAddress outside, Nat::Options options) {
  return *nats_.emplace_back(std::make_unique<Nat>(inside, beyond, outside, options));
}

Nat* Network::gateway(Realm realm) const {
  const auto at =
      std::find_if(nats_.begin(), nats_.end(), [&](const auto& nat) { return nat->inside() == realm; });
  return at == nats_.end() ? nullptr : at->get();
}

std::vector<const Nat*> Network::way_out(Realm realm) const {
  std::vector<const Nat*> way;
  for (const Nat* nat = gateway(realm); nat; nat = gateway(nat->beyond()))
    way.push_back(nat);
  return way;
}

PlugId Network::plug_in(Realm realm, const net::Endpoint& address, std::string owner, Receive receive) {
  const PlugId id{next_plug_++};
  plugs_.emplace(id, Plug{realm, address, std::move(owner), std::move(receive)});
  return id;
}

void Network::unplug(PlugId plug) { plugs_.erase(plug); }

void Network::set_cut(PlugId plug, bool is_cut) {
  if (const auto at = plugs_.find(plug); at != plugs_.end()) at->second.is_cut = is_cut;
}

void Network::set_most_out(PlugId plug, std::size_t bytes) {
  if (const auto at = plugs_.find(plug); at != plugs_.end()) at->second.most_out = bytes;
}

void Network::set_most_in(PlugId plug, std::size_t bytes) {
  if (const auto at = plugs_.find(plug); at != plugs_.end()) at->second.most_in = bytes;
}

bool Network::is_live(PlugId plug) const {
  const auto at = plugs_.find(plug);
  return at != plugs_.end() && !at->second.is_cut;
}

net::IpAddress Network::seen_address(PlugId plug) const {
  const Plug& from = plugs_.at(plug);
  const auto way = way_out(from.realm);
  return way.empty() ? from.address.address : way.back()->outside();
}

bool Network::chance(double share) {
  return share > 0 && static_cast<double>(random_.below(1'000'000)) < share * 1e6;
}

void Network::set_trouble(PlugId plug, double loss, Duration delay) {
  if (const auto at = plugs_.find(plug); at != plugs_.end()) {
    at->second.loss = loss;
    at->second.delay = delay;
  }
}

Duration Network::travel_time() {
  const auto jitter = static_cast<std::uint64_t>(weather.jitter.count());
  return weather.delay +
         (jitter > 0 ? Duration(static_cast<std::int64_t>(random_.below(jitter))) : Duration{});
}

bool Network::is_known_here(Realm realm, const net::IpAddress& address) const {
  const auto is_plug = [&](const auto& item) {
    return item.second.realm == realm && item.second.address.address == address;
  };
  const auto is_outside = [&](const auto& nat) {
    return nat->beyond() == realm && nat->outside() == address;
  };
  return std::any_of(plugs_.begin(), plugs_.end(), is_plug) ||
         std::any_of(nats_.begin(), nats_.end(), is_outside);
}

void Network::send(PlugId plug, const net::Endpoint& to, Bytes bytes) {
  const auto at = plugs_.find(plug);
  if (at == plugs_.end()) return;
  const Plug& sender = at->second;
  ++counters_.sent;
  if (on_sent) on_sent(sender.owner, bytes);
  const auto is_lost = [&](std::string_view why) { narration_.dropped(sender.owner, to, bytes, why); };
  if (sender.is_cut || bytes.size() > sender.most_out) {
    ++counters_.lost;
    return is_lost(sender.is_cut ? "link cut" : "too long for the link");
  }
  // Up through the NATs, until somebody has this address.
  Realm realm = sender.realm;
  net::Endpoint source = sender.address;
  const Nat* passed = nullptr;
  while (!is_known_here(realm, to.address)) {
    Nat* nat = gateway(realm);
    if (!nat) {
      ++counters_.unroutable;
      return is_lost("no route");
    }
    source = nat->translate_out(source, to, schedule_.now());
    realm = nat->beyond();
    passed = nat;
  }
  if (passed && passed->outside() == to.address && !passed->options().hairpins) {
    ++counters_.unroutable;
    return is_lost("no hairpinning");
  }
  if (chance(weather.loss) || (sender.loss > 0 && chance(sender.loss))) {
    ++counters_.lost;
    return is_lost("lost");
  }
  for (int copies = chance(weather.duplicate) ? 2 : 1; copies > 0; --copies) {
    schedule_.after(travel_time() + sender.delay, [this, realm, owner = sender.owner, source, to, bytes] {
      arrive(realm, owner, source, to, bytes);
    });
  }
}

// Down through the NATs, to whoever listens.
void Network::arrive(Realm realm, const std::string& sender, const net::Endpoint& from, net::Endpoint to,
                     Bytes bytes) {
  const net::Endpoint called = to;
  while (true) {
    for (auto& [id, plug] : plugs_) {
      if (plug.realm != realm || plug.address != to) continue;
      if (plug.is_cut || bytes.size() > plug.most_in) {
        ++counters_.lost;
        return narration_.dropped(sender, called, bytes, plug.is_cut ? "link cut" : "too long for the link");
      }
      ++counters_.delivered;
      narration_.delivered(sender, plug.owner, from, called, bytes);
      const Receive receive = plug.receive;  // the plug may go while it is called
      return receive(from, std::move(bytes));
    }
    const auto nat = std::find_if(nats_.begin(), nats_.end(), [&](const auto& candidate) {
      return candidate->beyond() == realm && candidate->outside() == to.address;
    });
    const auto inside =
        nat == nats_.end() ? std::nullopt : (*nat)->translate_in(to.port, from, schedule_.now());
    if (!inside) {
      ++counters_.filtered;
      return narration_.dropped(sender, called, bytes,
                                nat == nats_.end() ? "nobody there" : "filtered by the NAT");
    }
    realm = (*nat)->inside();
    to = *inside;
  }
}

}  // namespace causeway::sim
