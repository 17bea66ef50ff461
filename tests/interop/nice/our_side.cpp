#include "our_side.hpp"

#include <glib-unix.h>

#include <stdexcept>

#include "stun/message.hpp"

namespace causeway::interop {

OurSide::OurSide(EventLoop& loop, ice::Role role, std::uint64_t tiebreaker, ice::Agent::Options options)
    : loop_(loop),
      agent_(role, tiebreaker, {"ourUfrag01", "ourPassword0123456789ab"}, std::move(options), random_) {
  loop_.on_turn = [this] { return turn(); };
}

OurSide::~OurSide() {
  loop_.on_turn = [] { return std::nullopt; };
  for (auto& [id, base] : bases_) {
    g_source_destroy(base->source);
    g_source_unref(base->source);
  }
}

void OurSide::add_host(const std::string& address) {
  auto socket = net::UdpSocket::open({.address = net::IpAddress::parse(address).value()});
  if (!socket) throw std::runtime_error(socket.error().message);
  const net::BaseId id{static_cast<std::uint32_t>(bases_.size() + 1)};
  auto base = std::make_unique<Base>(Base{this, id, std::move(*socket)});
  base->source = g_unix_fd_source_new(base->socket.descriptor(), G_IO_IN);
  const GUnixFDSourceFunc on_readable = [](gint, GIOCondition, gpointer data) -> gboolean {
    auto& readable = *static_cast<Base*>(data);
    readable.owner->read(readable);
    return G_SOURCE_CONTINUE;
  };
  g_source_set_callback(base->source, G_SOURCE_FUNC(on_readable), base.get(), nullptr);
  g_source_attach(base->source, loop_.context());

  ice::Candidate host;
  host.address = host.base_address = base->socket.local();
  host.base = id;
  host.priority =
      ice::recommended_priority(ice::CandidateType::host, static_cast<std::uint16_t>(65535 - bases_.size()));
  host.source = "host";
  bases_[id] = std::move(base);
  if (!agent_.add_local_candidate(host, read_clocks())) throw std::runtime_error("candidate was refused");
}

void OurSide::send(const std::string& text) {
  const auto pair = selected();
  if (!pair) throw std::runtime_error("no selected pair to send on");
  const ByteView bytes = as_bytes(text);
  bases_.at(pair->local.base)->socket.send(pair->remote.address, bytes, bytes.size());
}

std::optional<ice::PairView> OurSide::selected() const {
  for (const ice::PairView& pair : agent_.pairs()) {
    if (pair.is_nominated && pair.is_valid) return pair;
  }
  return std::nullopt;
}

std::size_t OurSide::valid_pairs() const {
  std::size_t valid = 0;
  for (const ice::PairView& pair : agent_.pairs())
    valid += pair.is_valid;
  return valid;
}

std::optional<SteadyTime> OurSide::turn() {
  const Now now = read_clocks();
  if (const auto next = agent_.next_timeout(); next && *next <= now.steady) agent_.on_timeout(now);
  obey(now);
  return agent_.next_timeout();
}

void OurSide::read(Base& base) {
  Bytes buffer(net::UdpSocket::kReceiveBytes);
  for (;;) {
    const auto got = base.socket.receive(buffer);
    if (got.error != 0) break;
    const std::size_t step = got.segment_bytes == 0 ? got.bytes : got.segment_bytes;
    for (std::size_t at = 0; at < got.bytes; at += step) {
      const ByteView datagram = ByteView{buffer}.subspan(at, std::min(step, got.bytes - at));
      if (stun::peek_header(datagram)) {
        agent_.on_stun(base.id, got.from, datagram, read_clocks());
      } else {
        received.emplace_back(as_text(datagram));
        received_from.push_back(got.from);
      }
    }
  }
  obey(read_clocks());
}

void OurSide::obey(Now now) {
  while (auto action = agent_.poll_action()) {
    if (const auto* send = std::get_if<ice::SendStun>(&*action)) {
      bases_.at(send->base)->socket.send(send->to, send->bytes, send->bytes.size());
    } else if (const auto* changed = std::get_if<ice::StateChanged>(&*action)) {
      states.push_back(changed->state);
    } else if (std::holds_alternative<ice::RoleChanged>(*action)) {
      ++role_changes;
    } else if (std::holds_alternative<ice::PairValidated>(*action)) {
      nominate_first(now);
    }
  }
  // A pair may have turned valid before the role was settled.
  nominate_first(now);
}

void OurSide::nominate_first(Now now) {
  if (!nominates || agent_.role() != ice::Role::controlling || selected()) return;
  for (const ice::PairView& pair : agent_.pairs()) {
    if (!pair.is_valid) continue;
    agent_.nominate(pair.id, now);
    return;
  }
}

}  // namespace causeway::interop
