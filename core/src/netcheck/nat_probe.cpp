#include "netcheck/nat_probe.hpp"

#include <algorithm>

namespace causeway::netcheck {
namespace {

// Three requests, 250 ms and 500 ms apart, then a wait: 1.75 s in which an answer may come. Two rounds of
// that, as the behaviour tests follow the first answer, and the first answer may be a late one.
constexpr unsigned kTransmissions = 3;
constexpr Duration kRto = std::chrono::milliseconds(250);
constexpr Duration kLastWait = std::chrono::milliseconds(1000);

}  // namespace

std::string_view to_string(Dependence dependence) {
  switch (dependence) {
    case Dependence::endpoint_independent:
      return "endpoint-independent";
    case Dependence::address_dependent:
      return "address-dependent";
    case Dependence::address_and_port_dependent:
      break;
  }
  return "address-and-port-dependent";
}

std::string_view to_string(ServerAnswer::Verdict verdict) {
  switch (verdict) {
    case ServerAnswer::Verdict::silent:
      return "silent";
    case ServerAnswer::Verdict::refused:
      return "refused";
    case ServerAnswer::Verdict::answered:
      return "answered";
    case ServerAnswer::Verdict::bogus:
      return "bogus";
    case ServerAnswer::Verdict::disagrees:
      break;
  }
  return "disagrees";
}

NatProbe::NatProbe(net::Endpoint first, net::Endpoint second, const std::vector<net::Endpoint>& servers,
                   RandomSource& random)
    : first_(first), second_(second), random_(random) {
  for (const net::Endpoint& server : servers) {
    if (server.address.family() == first.address.family() && servers_.size() < kMaxServers)
      servers_.push_back(server);
  }
}

void NatProbe::start(SteadyTime now) {
  for (const net::Endpoint& server : servers_)
    ask(Question::who_am_i, Socket::first, server, now);
}

// ---- asking ----

void NatProbe::ask(Question question, Socket socket, const net::Endpoint& to, SteadyTime now) {
  Transaction made{.question = question, .socket = socket, .to = to};
  made.id = stun::make_transaction_id(random_);
  made.begun = now;
  transactions_.push_back(made);
  transmit(transactions_.back(), now);
}

void NatProbe::transmit(Transaction& transaction, SteadyTime now) {
  stun::ChangeRequest change;
  if (transaction.question == Question::change_both) change = {true, true};
  if (transaction.question == Question::change_port) change = {false, true};
  const Duration wait = transaction.sent + 1 == kTransmissions ? kLastWait : kRto * (1u << transaction.sent);
  ++transaction.sent;
  transaction.next = now + wait;
  sends_.push_back(
      {transaction.socket, transaction.to, stun::encode_discovery_request(transaction.id, change)});
}

void NatProbe::on_timeout(SteadyTime now) {
  for (Transaction& transaction : transactions_) {
    if (transaction.is_over || transaction.next > now) continue;
    if (transaction.sent == kTransmissions) {
      transaction.is_over = true;
    } else {
      transmit(transaction, now);
    }
  }
}

std::optional<SteadyTime> NatProbe::next_timeout() const {
  std::optional<SteadyTime> next;
  for (const Transaction& transaction : transactions_) {
    if (!transaction.is_over && (!next || transaction.next < *next)) next = transaction.next;
  }
  return next;
}

std::optional<NatProbe::Send> NatProbe::poll_send() {
  if (sends_.empty()) return std::nullopt;
  Send send = std::move(sends_.front());
  sends_.pop_front();
  return send;
}

// ---- answers ----

void NatProbe::on_datagram(Socket socket, const net::Endpoint& from, ByteView bytes, SteadyTime now) {
  const auto header = stun::peek_header(bytes);
  if (!header) return;
  const auto found = std::find_if(transactions_.begin(), transactions_.end(), [&](const Transaction& known) {
    return !known.is_over && known.id == header->transaction;
  });
  if (found == transactions_.end()) return;
  if (found->question == Question::hairpin) {
    // Our own request, at the other socket: no answer is made.
    if (header->message_class != stun::MessageClass::request || socket != Socket::first) return;
    found->is_over = found->is_answered = true;
    return;
  }
  if (socket != found->socket) return;
  if (const auto response = stun::parse_discovery_response(bytes)) accept(*found, from, *response, now);
}

void NatProbe::accept(Transaction& transaction, const net::Endpoint& from,
                      const stun::DiscoveryResponse& response, SteadyTime now) {
  const bool wants_change =
      transaction.question == Question::change_both || transaction.question == Question::change_port;
  if (from != transaction.to && !wants_change) return;  // RFC 8489 §6.3.1: not from where it was sent to
  const bool is_other_address = from.address != transaction.to.address;
  transaction.is_unchanged = wants_change && (transaction.question == Question::change_both
                                                  ? !is_other_address
                                                  : is_other_address || from.port == transaction.to.port);
  transaction.is_over = transaction.is_answered = true;
  transaction.rtt = now - transaction.begun;
  transaction.error = response.binding.error;
  transaction.mapped = response.binding.mapped;
  if (transaction.question != Question::who_am_i || !transaction.mapped ||
      !is_believable(*transaction.mapped))
    return;
  const net::Endpoint server = transaction.to;
  // The references above die here: both calls below make transactions.
  if (!find(Question::hairpin) && *transaction.mapped != first_)
    ask(Question::hairpin, Socket::second, *response.binding.mapped, now);
  if (!examiner_ && response.other_address) begin_behaviour_tests(server, *response.other_address, now);
}

void NatProbe::begin_behaviour_tests(const net::Endpoint& server, const net::Endpoint& other,
                                     SteadyTime now) {
  // §6: a server without a second address and port cannot help; one that names a wild one is not obeyed.
  if (!is_believable(other) || other.address == server.address || other.port == server.port) return;
  examiner_ = server;
  ask(Question::other_address, Socket::first, {other.address, server.port}, now);
  ask(Question::other_both, Socket::first, other, now);
  ask(Question::control, Socket::second, server, now);
  ask(Question::change_both, Socket::second, server, now);
  ask(Question::change_port, Socket::second, server, now);
}

const NatProbe::Transaction* NatProbe::find(Question question) const {
  const auto found = std::find_if(transactions_.begin(), transactions_.end(),
                                  [&](const Transaction& known) { return known.question == question; });
  return found == transactions_.end() ? nullptr : &*found;
}

bool NatProbe::is_believable(const net::Endpoint& mapped) const {
  return mapped.port != 0 && mapped.address.family() == first_.address.family() &&
         mapped.address.is_usable_unicast() && !mapped.address.is_link_local();
}

// ---- what it means ----

NatReport NatProbe::report() const {
  NatReport report;
  for (const Transaction& asked : transactions_) {
    if (asked.question != Question::who_am_i) continue;
    ServerAnswer answer{asked.to, ServerAnswer::Verdict::silent, asked.rtt, asked.mapped, ""};
    if (!asked.is_answered) {
      answer.note = "it does not answer: the server is down, or UDP to it is blocked";
    } else if (asked.error || !asked.mapped) {
      answer.verdict = ServerAnswer::Verdict::refused;
      answer.note =
          "it answers with an error" + (asked.error ? " (" + std::to_string(*asked.error) + ")" : "");
    } else if (!is_believable(*asked.mapped)) {
      answer.verdict = ServerAnswer::Verdict::bogus;
      answer.note =
          "it says we are " + asked.mapped->to_string() + ", where nobody can be: use another server";
    } else {
      answer.verdict = ServerAnswer::Verdict::answered;
      if (asked.mapped->address.is_private() && !asked.to.address.is_private() && *asked.mapped != first_)
        answer.note = "it says we have a private address: it stands inside this network, or lies";
    }
    report.servers.push_back(std::move(answer));
  }
  judge(report.servers);
  if (!report.servers.empty()) {
    report.udp = std::any_of(report.servers.begin(), report.servers.end(),
                             [](const ServerAnswer& answer) { return answer.rtt.has_value(); });
  }
  for (const ServerAnswer& answer : report.servers) {
    if (answer.verdict != ServerAnswer::Verdict::answered) continue;
    if (std::find(report.mapped.begin(), report.mapped.end(), *answer.mapped) == report.mapped.end())
      report.mapped.push_back(*answer.mapped);
  }
  if (!report.mapped.empty()) report.nat = report.mapped.front() != first_ || report.mapped.size() > 1;
  classify_mapping(report);
  classify_filtering(report);
  const Transaction* hairpin = find(Question::hairpin);
  if (hairpin && report.nat == true) report.hairpin = hairpin->is_answered;
  return report;
}

/// More than half of the servers agree on our IP address: who names another one is left out of account.
void NatProbe::judge(std::vector<ServerAnswer>& servers) const {
  const auto says = [](const ServerAnswer& answer, const net::IpAddress& address) {
    return answer.verdict == ServerAnswer::Verdict::answered && answer.mapped->address == address;
  };
  const auto answered = std::count_if(servers.begin(), servers.end(), [](const ServerAnswer& answer) {
    return answer.verdict == ServerAnswer::Verdict::answered;
  });
  for (const ServerAnswer& candidate : servers) {
    if (candidate.verdict != ServerAnswer::Verdict::answered) continue;
    const net::IpAddress address = candidate.mapped->address;
    const auto agree = std::count_if(servers.begin(), servers.end(),
                                     [&](const ServerAnswer& other) { return says(other, address); });
    if (agree * 2 <= answered || agree == answered) continue;
    for (ServerAnswer& other : servers) {
      if (other.verdict != ServerAnswer::Verdict::answered || says(other, address)) continue;
      other.verdict = ServerAnswer::Verdict::disagrees;
      other.note = "it says we are " + other.mapped->to_string() + ", most others say " +
                   address.to_string() + ": it lies, or this network has several ways out";
    }
    return;
  }
}

void NatProbe::classify_mapping(NatReport& report) const {
  if (report.nat == false) {
    report.mapping = Dependence::endpoint_independent;
    return;
  }
  const auto mapped_by = [&](Question question) {
    const Transaction* asked = find(question);
    return asked ? asked->mapped : std::nullopt;
  };
  std::optional<net::Endpoint> first;
  for (const ServerAnswer& answer : report.servers) {
    if (examiner_ == answer.server && answer.verdict == ServerAnswer::Verdict::answered)
      first = answer.mapped;
  }
  const auto second = mapped_by(Question::other_address), third = mapped_by(Question::other_both);
  if (first && second) {  // §4.3
    if (first == second) {
      report.mapping = Dependence::endpoint_independent;
    } else if (third) {
      report.mapping =
          second == third ? Dependence::address_dependent : Dependence::address_and_port_dependent;
    }
    if (report.mapping) return;
  }
  // Without such a server: what several of them, at different addresses, see.
  std::vector<const ServerAnswer*> views;
  for (const ServerAnswer& answer : report.servers) {
    const bool is_new_address = std::none_of(views.begin(), views.end(), [&](const ServerAnswer* view) {
      return view->server.address == answer.server.address;
    });
    if (answer.verdict == ServerAnswer::Verdict::answered && is_new_address) views.push_back(&answer);
  }
  if (views.size() < 2) return;
  report.mapping_is_compared = true;
  report.mapping =
      report.mapped.size() == 1 ? Dependence::endpoint_independent : Dependence::address_dependent;
}

void NatProbe::classify_filtering(NatReport& report) const {
  const Transaction *control = find(Question::control), *both = find(Question::change_both),
                    *port = find(Question::change_port);
  if (!control || !control->is_answered || both->is_unchanged || port->is_unchanged) return;
  report.filtering = both->is_answered   ? Dependence::endpoint_independent  // §4.4
                     : port->is_answered ? Dependence::address_dependent
                                         : Dependence::address_and_port_dependent;
}

}  // namespace causeway::netcheck
