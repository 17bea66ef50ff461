// The daemon obeys its node.
#include "base/log.hpp"
#include "base/overloaded.hpp"
#include "daemon/running_daemon.hpp"

namespace causeway::daemon {

namespace {

constexpr const char* kHostsFile = "/etc/hosts";
/// Handshakes that wait for the disk; the oldest goes, its session repeats it.
constexpr std::size_t kMostHeld = 256;

}  // namespace

void Daemon::pump() {
  if (is_pumping_) return;
  is_pumping_ = true;
  while (auto action = node_.poll_action())
    obey(*action);
  is_pumping_ = false;
  arm_timer();
}

void Daemon::obey(node::NodeAction& action) {
  const auto complain = [](const Result<void>& done) {
    if (!done) log::error("daemon", "{}", done.error().message);
  };
  std::visit(
      Overloaded{
          [&](peer::SendDatagram& send) {
            if (std::exchange(holds_next_handshake_, false)) return hold_handshake(std::move(send));
            send_datagram(send);
          },
          [&](dataplane::Command& command) { data_.send(std::move(command)); },
          [&](link::OpenConnection& open) {
            held_lines_.clear();
            link_.open(open.host, open.port, *node_.enrolment());
          },
          [&](link::SendLine& line) { send_line(std::move(line.line)); },
          [&](link::CloseConnection&) {
            held_lines_.clear();
            link_.close();
          },
          [&](node::ConfigureInterface& configure) {
            const auto done = nic_.configure(configure.address, configure.on_link, monitor_.interfaces());
            if (!done && is_joining_) {
              exit_code_ = fail(done.error());
              context_.stop();
            }
            complain(done);
            if (done)
              complain(nic_.configure6(configure.address6, configure.on_link6, monitor_.interfaces()));
            is_joining_ = false;
          },
          [&](node::ClearInterface&) { nic_.clear(); },
          [&](node::AddRoute& route) { complain(nic_.add_route(route.destination, route.mtu)); },
          [&](node::PublishNames& names) {
            std::vector<HostName> list;
            for (auto& [name, address] : names.names)
              list.push_back({address, std::move(name)});
            if (options_.config.hosts_file) publish_names(list);
          },
          [&](node::UpdateSources& update) {
            sources_.stun_servers = std::move(update.stun_servers);
            plugins_.set_configuration(sources_, now());
          },
          [&](node::UpdateRelays&) { publish_turn_servers(); },
          [&](node::RankCandidates& rank) {
            plugins_.rank_candidates(
                std::move(rank.candidates), now(),
                [this, generation = rank.generation](const std::vector<std::uint32_t>& priorities) {
                  node_.on_candidates_ranked(generation, priorities, now());
                  pump();
                });
          },
          [&](node::ScorePeerPaths& score) {
            const Now at = now();
            const auto seed = recorder_.on_scores_asked(score, at);
            plugins_.score_paths(
                {score.name, score.tier, seed}, std::move(score.paths), at,
                [this, peer = score.peer, round = score.round](const plugin::Host::PairRanking& ranking) {
                  node_.on_paths_scored(peer, round, ranking, now());
                  pump();
                });
          },
          [&](node::TellChoice& told) { recorder_.on_choice(told); },
          [&](node::OfferToSources& offer) {
            plugins_.on_datagram(offer.base, offer.from, offer.bytes, now());
          },
          [&](node::SaveState& save) { keeper_.save(std::move(save.state)); },
          [&](node::CoverTimestamp& cover) {
            holds_next_handshake_ = !keeper_.cover(cover.stamp, now().wall);
          },
          [&](node::SaveFriends& save) { keeper_.save(std::move(save.friends)); },
          [&](node::SaveKnownPeers& save) { keeper_.save(std::move(save.peers)); },
          [&](node::SaveHistory& save) { keeper_.save(std::move(save.history)); },
          [&](node::FriendAnswered& answer) {
            auto waiting = friend_waiters_.extract(answer.ticket);
            if (waiting.empty()) return;
            keeper_.when_stored(
                [answer, done = std::move(waiting.mapped())](const Result<void>& stored) mutable {
                  if (!stored && answer.error.empty()) {
                    answer.error =
                        "the server has it, and this node could not store it: " + stored.error().message;
                  }
                  done(answer);
                });
          },
          [&](node::JoinRefused& refused) {
            log::error("link", "{}", refused.reason);
            if (!is_joining_) return;
            exit_code_ = fail({refused.reason});
            context_.stop();
          },
          [&](node::Left&) {
            for (auto& done : std::exchange(left_, {}))
              keeper_.when_stored(std::move(done));
          },
      },
      action);
}

/// The stamp in it may not be used again after a crash.
void Daemon::hold_handshake(peer::SendDatagram&& send) {
  if (held_handshakes_.size() >= kMostHeld) held_handshakes_.pop_front();
  held_handshakes_.push_back(std::move(send));
  release_when_stored();
}

/// The server is told nothing that a crash could make us forget.
void Daemon::send_line(std::string&& line) {
  if (held_lines_.empty() && !keeper_.is_behind()) return link_.send(std::move(line));
  held_lines_.push_back(std::move(line));
  release_when_stored();
}

void Daemon::release_when_stored() {
  if (std::exchange(is_releasing_, true)) return;
  keeper_.when_stored([this](const Result<void>&) {
    is_releasing_ = false;
    if (keeper_.is_behind()) return release_when_stored();  // there is something newer to be stored
    for (const peer::SendDatagram& held : std::exchange(held_handshakes_, {}))
      send_datagram(held);
    for (std::string& held : std::exchange(held_lines_, {}))
      link_.send(std::move(held));
    pump();
  });
}

void Daemon::send_datagram(const peer::SendDatagram& send) {
  if (const auto relayed = relays_.send_datagram(send.base, send.to, send.bytes)) {
    if (relayed->status == dataplane::SendStatus::unreachable)
      node_.on_send_failed(send.base, send.to, now());
    return;
  }
  dataplane::UdpBase* base = bases_.find(send.base);
  if (!base) return;
  const auto outcome = base->send(send.to, {send.bytes, static_cast<std::uint16_t>(send.bytes.size())});
  if (outcome.status == dataplane::SendStatus::unreachable) node_.on_send_failed(send.base, send.to, now());
}

void Daemon::publish_names(const std::vector<HostName>& names) {
  if (const auto done = update_hosts_file(kHostsFile, state_.path().string(), names); !done) {
    log::warning("daemon", "{}", done.error().message);
  }
}

}  // namespace causeway::daemon
