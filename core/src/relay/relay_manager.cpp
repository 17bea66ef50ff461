#include "relay/relay_manager.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.hpp"
#include "causeway/ext/transport.h"
#include "relay/stream_link.hpp"
#include "relay/udp_link.hpp"

namespace causeway::relay {

namespace asio = boost::asio;
using plugin::LinkId;
using plugin::LinkKind;

namespace {

/// Apart from the numbers of NICs' bases, and as they never used again.
constexpr std::uint32_t kFirstBase = 0x40000000;
constexpr Duration kSweepEvery = 1s;
/// What Ethernet carries: on the far side of a stream a datagram travels by itself again.
constexpr int kFarSideMtu = 1500;

int ip_header_bytes(const net::Endpoint& endpoint) { return endpoint.address.is_v4() ? 20 : 40; }

std::string_view text_of(LinkKind kind) {
  switch (kind) {
    case LinkKind::udp:
      return "udp";
    case LinkKind::tcp:
      return "tcp";
    case LinkKind::tls:
      return "tls";
  }
  return "udp";
}

}  // namespace

struct RelayManager::State : std::enable_shared_from_this<RelayManager::State> {
  struct Link {
    LinkId id = LinkId::none;
    std::string transport;
    LinkKind kind = LinkKind::udp;
    net::BaseId nic = net::BaseId::none;
    net::Endpoint server;
    std::shared_ptr<UdpLink> udp;
    std::unique_ptr<StreamLink> stream;
    std::shared_ptr<LinkCarrier> carrier;
    net::BaseId base = net::BaseId::none;  ///< as which the data plane knows it
    std::string label;
    std::map<net::Endpoint, SteadyTime> peers;  ///< let in, and when last sent to

    net::Endpoint local() const { return udp ? udp->local() : stream->local(); }
  };

  State(asio::io_context& c, plugin::Host& h, const peer::LocalBases& n, Options o, Callbacks cb)
      : context(c), host(h), nics(n), options(o), callbacks(std::move(cb)), messages(c), sweep_timer(c) {}

  void open(plugin::LinkRequest&& request);
  void open_udp(plugin::LinkRequest&& request, const peer::LocalBase& nic);
  void open_stream(plugin::LinkRequest&& request, const peer::LocalBase& nic);
  void close(LinkId id);
  void refuse(LinkId id, const std::string& reason);
  void enter(Link& link);
  void wait_for_messages();
  void take_messages();
  void on_allocated(LinkId id, const plugin::LinkAllocation& allocation);
  void on_allocation_lost(LinkId id, const std::string& reason);
  bool withdraw(Link& link);
  bool let_in(Link& link, const net::Endpoint& peer, SteadyTime now);
  void sweep_soon();
  void sweep();
  void end_refused();
  std::uint16_t mtu_of(const Link& link, const plugin::LinkAllocation& allocation) const;

  asio::io_context& context;
  plugin::Host& host;
  const peer::LocalBases& nics;
  Options options;
  Callbacks callbacks;
  std::map<LinkId, Link> links;
  std::map<net::BaseId, LinkId> link_of_base;
  peer::LocalBases bases;
  std::uint32_t next_base = kFirstBase;
  std::shared_ptr<dataplane::WakeUp> wake_up = std::make_shared<dataplane::WakeUp>();
  asio::posix::stream_descriptor messages;  ///< the wake-up's descriptor
  asio::steady_timer sweep_timer;
  bool is_sweeping = false;
};

// ---- links ----

void RelayManager::State::open(plugin::LinkRequest&& request) {
  const auto nic = nics.find(request.base);
  if (nic == nics.end()) return refuse(request.id, "the base is gone");
  if (nic->second.address.address.family() != request.server.address.family())
    return refuse(request.id, "the base and the server are of different families");
  if (request.kind == LinkKind::udp) return open_udp(std::move(request), nic->second);
  open_stream(std::move(request), nic->second);
}

void RelayManager::State::refuse(LinkId id, const std::string& reason) {
  // Posted: the host is in the middle of carrying out the plugin's wishes.
  asio::post(context, [weak = weak_from_this(), id, reason] {
    if (const auto state = weak.lock()) state->host.on_link_closed(id, reason, state->callbacks.now());
  });
}

void RelayManager::State::open_udp(plugin::LinkRequest&& request, const peer::LocalBase& nic) {
  auto socket = net::UdpSocket::open({.address = nic.address.address,
                                      .device = nic.interface,
                                      .use_gso = options.use_gso,
                                      .use_gro = options.use_gro});
  if (!socket) return refuse(request.id, socket.error().message);
  if (const auto connected = socket->connect(request.server); !connected)
    return refuse(request.id, connected.error().message);
  auto udp = std::make_shared<UdpLink>(std::move(*socket), std::move(request.codec), wake_up);
  Link& link = links[request.id];
  link = {.id = request.id,
          .transport = std::move(request.transport),
          .kind = request.kind,
          .nic = request.base,
          .server = request.server,
          .udp = udp,
          .stream = nullptr,
          .carrier = udp,
          .label = {},
          .peers = {}};
  enter(link);
  sweep_soon();
  asio::post(context, [weak = weak_from_this(), id = request.id] {
    if (const auto state = weak.lock()) state->host.on_link_open(id, state->callbacks.now());
  });
}

void RelayManager::State::open_stream(plugin::LinkRequest&& request, const peer::LocalBase& nic) {
  const std::weak_ptr<State> weak = weak_from_this();
  const LinkId id = request.id;
  StreamOptions stream_options{.local = nic.address.address,
                               .device = nic.interface,
                               .server = request.server,
                               .is_tls = request.kind == LinkKind::tls,
                               .server_name = std::move(request.server_name),
                               .verify = request.verify};
  auto stream = std::make_unique<StreamLink>(
      context, std::move(stream_options), std::move(request.codec),
      StreamLink::Callbacks{.on_open =
                                [weak, id] {
                                  const auto state = weak.lock();
                                  if (!state || !state->links.contains(id)) return;
                                  state->enter(state->links[id]);
                                  state->host.on_link_open(id, state->callbacks.now());
                                },
                            .on_closed =
                                [weak, id](const std::string& reason) {
                                  const auto state = weak.lock();
                                  if (!state || !state->links.contains(id)) return;
                                  state->close(id);
                                  state->host.on_link_closed(id, reason, state->callbacks.now());
                                },
                            .on_message =
                                [weak, id](ByteView message) {
                                  const auto state = weak.lock();
                                  if (state) state->host.on_link_message(id, message, state->callbacks.now());
                                }});
  const auto carrier = stream->carrier();
  links[id] = {.id = id,
               .transport = std::move(request.transport),
               .kind = request.kind,
               .nic = request.base,
               .server = request.server,
               .udp = nullptr,
               .stream = std::move(stream),
               .carrier = carrier,
               .label = {},
               .peers = {}};
  links[id].stream->start();
}

/// From here on the data loop reads what comes on it.
void RelayManager::State::enter(Link& link) {
  link.base = net::BaseId{next_base++};
  link.carrier->set_base(link.base);
  link_of_base[link.base] = link.id;
  callbacks.add_carrier(link.base, link.carrier);
}

void RelayManager::State::close(LinkId id) {
  auto node = links.extract(id);
  if (node.empty()) return;
  Link& link = node.mapped();
  const bool was_allocated = withdraw(link);
  if (link.base != net::BaseId::none) {
    link_of_base.erase(link.base);
    callbacks.remove_carrier(link.base);
  }
  if (link.stream) link.stream->close();
  if (was_allocated) callbacks.bases_changed();
}

void RelayManager::State::wait_for_messages() {
  messages.async_wait(asio::posix::stream_descriptor::wait_read,
                      [weak = weak_from_this()](boost::system::error_code error) {
                        const auto state = weak.lock();
                        if (error || !state) return;
                        state->take_messages();
                        state->wait_for_messages();
                      });
}

void RelayManager::State::take_messages() {
  wake_up->awake();
  wake_up->clear();
  // The host's answers may close links: by id, and none is held meanwhile.
  std::vector<std::pair<LinkId, Bytes>> taken;
  for (auto& [id, link] : links) {
    if (!link.udp) continue;
    for (std::size_t i = 0; i < UdpLink::kMostMessages; ++i) {
      auto message = link.udp->take_message();
      if (!message) break;
      taken.emplace_back(id, std::move(*message));
    }
  }
  for (const auto& [id, message] : taken)
    host.on_link_message(id, message, callbacks.now());
  wake_up->announce_sleep();
  const bool has_more = std::any_of(links.begin(), links.end(), [](const auto& item) {
    return item.second.udp && item.second.udp->has_messages();
  });
  if (has_more) wake_up->signal();
}

// ---- allocations ----

std::uint16_t RelayManager::State::mtu_of(const Link& link, const plugin::LinkAllocation& allocation) const {
  if (link.kind != LinkKind::udp) return kFarSideMtu;
  const auto nic = nics.find(link.nic);
  const int room = nic == nics.end() ? kFarSideMtu : nic->second.mtu;
  // What is left for the datagram itself, and then as the data plane counts: with an IP and a UDP header of
  // the relayed address's family, which is the peers'.
  const int datagram = room - ip_header_bytes(link.server) - static_cast<int>(allocation.overhead);
  return static_cast<std::uint16_t>(std::clamp(datagram + ip_header_bytes(allocation.relayed), 576, 65535));
}

void RelayManager::State::on_allocated(LinkId id, const plugin::LinkAllocation& allocation) {
  const auto at = links.find(id);
  if (at == links.end() || at->second.base == net::BaseId::none) return;
  Link& link = at->second;
  const auto known = bases.find(link.base);
  if (known != bases.end() && known->second.address == allocation.relayed &&
      known->second.mtu == mtu_of(link, allocation) && link.label == allocation.label) {
    return;  // told again
  }
  if (known != bases.end() && known->second.address != allocation.relayed) {
    // Another address is another base to the agents.
    withdraw(link);
    link_of_base.erase(link.base);
    callbacks.remove_carrier(link.base);
    enter(link);
  }
  link.label = allocation.label;
  const net::Endpoint nic = link.local();
  const auto device = nics.find(link.nic);
  peer::LocalBase base{.base = link.base,
                       .address = allocation.relayed,
                       .interface = device == nics.end() ? "" : device->second.interface,
                       .mtu = mtu_of(link, allocation),
                       .on_link = {},
                       .has_default_route = false,
                       .relay = peer::Relay{.source = link.transport,
                                            .transport = allocation.label,
                                            .nic = nic,
                                            .mapped = allocation.mapped.value_or(nic)}};
  log::info("relay", "{}: peers reach us at {} by {} ({})", link.transport, allocation.relayed.to_string(),
            link.server.to_string(), allocation.label);
  bases[link.base] = std::move(base);
  link.carrier->set_allocated(true);
  callbacks.bases_changed();
}

void RelayManager::State::on_allocation_lost(LinkId id, const std::string& reason) {
  const auto at = links.find(id);
  if (at == links.end() || !withdraw(at->second)) return;
  log::info("relay", "{}: {} is lost: {}", at->second.transport, at->second.server.to_string(), reason);
  // The next allocation is another base, also at the same address: agents have forgotten this one.
  Link& link = at->second;
  link_of_base.erase(link.base);
  callbacks.remove_carrier(link.base);
  enter(link);
  callbacks.bases_changed();
}

/// True if it was allocated.
bool RelayManager::State::withdraw(Link& link) {
  link.carrier->set_allocated(false);
  link.peers.clear();
  return bases.erase(link.base) > 0;
}

// ---- peers ----

bool RelayManager::State::let_in(Link& link, const net::Endpoint& peer, SteadyTime now) {
  if (const auto known = link.peers.find(peer); known != link.peers.end()) {
    known->second = now;
    return true;
  }
  if (link.peers.size() >= CW_MAX_PEERS_PER_LINK) {
    const auto oldest = std::min_element(link.peers.begin(), link.peers.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (now - oldest->second < kPeerSpare) return false;
    const net::Endpoint gone = oldest->first;
    link.peers.erase(oldest);
    host.drop_peer(link.id, gone, callbacks.now());
  }
  link.peers.emplace(peer, now);
  host.want_peer(link.id, peer, callbacks.now());
  sweep_soon();
  return true;
}

void RelayManager::State::sweep_soon() {
  if (std::exchange(is_sweeping, true)) return;
  sweep_timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(kSweepEvery));
  sweep_timer.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto state = weak.lock();
    if (error || !state) return;
    state->is_sweeping = false;
    state->sweep();
  });
}

/// A relay that was stopped: its machine says so at once, while requests would wait for half a minute.
void RelayManager::State::end_refused() {
  std::vector<LinkId> refused;
  for (const auto& [id, link] : links) {
    if (link.udp && link.udp->is_refused()) refused.push_back(id);
  }
  for (const LinkId id : refused) {
    close(id);
    host.on_link_closed(id, "nobody listens there any more", callbacks.now());
  }
}

void RelayManager::State::sweep() {
  end_refused();
  const Now now = callbacks.now();
  std::vector<std::pair<LinkId, net::Endpoint>> idle;
  bool goes_on = false;
  for (auto& [id, link] : links) {
    for (const auto& [peer, last] : link.peers) {
      if (now.steady - last >= kPeerIdle) idle.emplace_back(id, peer);
    }
    goes_on = goes_on || link.udp || !link.peers.empty();
  }
  for (const auto& [id, peer] : idle) {
    links[id].peers.erase(peer);
    host.drop_peer(id, peer, now);
  }
  if (goes_on) sweep_soon();
}

// ---- the face ----

RelayManager::RelayManager(asio::io_context& context, plugin::Host& host, const peer::LocalBases& nics,
                           Options options, Callbacks callbacks)
    : state_(std::make_shared<State>(context, host, nics, options, std::move(callbacks))) {
  state_->messages.assign(::dup(state_->wake_up->descriptor()));
  state_->wake_up->announce_sleep();
  state_->wait_for_messages();
}

RelayManager::~RelayManager() {
  for (auto& [id, link] : state_->links) {
    if (link.stream) link.stream->close();
  }
}

void RelayManager::open(plugin::LinkRequest request) { state_->open(std::move(request)); }
void RelayManager::close(LinkId id) { state_->close(id); }

void RelayManager::send(LinkId id, ByteView message) {
  const auto at = state_->links.find(id);
  if (at == state_->links.end()) return;
  // Lost like any datagram when there is no room: transports repeat what matters.
  if (at->second.udp) {
    at->second.udp->send_message(message);
  } else {
    at->second.stream->send(message);
  }
}

void RelayManager::on_allocated(LinkId id, const plugin::LinkAllocation& allocation) {
  state_->on_allocated(id, allocation);
}
void RelayManager::on_allocation_lost(LinkId id, const std::string& reason) {
  state_->on_allocation_lost(id, reason);
}
void RelayManager::on_allocation_ending(LinkId id) {
  const auto at = state_->links.find(id);
  if (at != state_->links.end() && state_->bases.erase(at->second.base) > 0)
    state_->callbacks.bases_changed();
}
const peer::LocalBases& RelayManager::bases() const { return state_->bases; }

std::optional<dataplane::SendOutcome> RelayManager::send_datagram(net::BaseId base, const net::Endpoint& to,
                                                                  ByteView bytes) {
  const auto id = state_->link_of_base.find(base);
  if (id == state_->link_of_base.end()) return std::nullopt;
  State::Link& link = state_->links.at(id->second);
  if (!state_->bases.contains(base)) return dataplane::SendOutcome{dataplane::SendStatus::unreachable, 0, 0};
  // A list that is full of peers in use: this one is not sent to, as if the relay had refused it.
  if (!state_->let_in(link, to, state_->callbacks.now().steady))
    return dataplane::SendOutcome{dataplane::SendStatus::would_block, 0, 0};
  return link.carrier->send(to, {bytes, static_cast<std::uint16_t>(bytes.size())});
}

std::vector<LinkView> RelayManager::links() const {
  std::vector<LinkView> views;
  for (const auto& [id, link] : state_->links) {
    const LinkCounters& counters = link.carrier->counters();
    const auto base = state_->bases.find(link.base);
    views.push_back(
        {.transport = link.transport,
         .label = link.label,
         .kind = std::string(text_of(link.kind)),
         .nic = link.local(),
         .server = link.server,
         .relayed = base == state_->bases.end() ? std::nullopt : std::optional(base->second.address),
         .peers = link.peers.size(),
         .sent = counters.sent,
         .received = counters.received,
         .dropped_by_wrap = counters.dropped_by_wrap,
         .dropped_by_unwrap = counters.dropped_by_unwrap,
         .dropped_queue_full = counters.dropped_queue_full,
         .messages = counters.messages});
  }
  return views;
}

}  // namespace causeway::relay
