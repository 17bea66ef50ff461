#include "replay/trace_reader.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/json.hpp"
#include "replay/member_reader.hpp"
#include "replay/trace_words.hpp"
#include "replay/trace_writer.hpp"

namespace causeway::replay {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kBlockBytes = 64 * 1024;
constexpr std::size_t kMaxConfigurationBytes = 16 * 1024;
constexpr std::size_t kMaxStateBytes = 1024 * 1024 + 64;  // a state of 1 MiB in its envelope
constexpr std::size_t kMaxTextBytes = 255;
constexpr Duration kMostDelay = 1h;  // of a round trip
constexpr Duration kLongTime{MemberReader::kMostNanoseconds};
/// Steps that passed different queues of a daemon may change places.
constexpr Duration kMostDisorder = 1min;
constexpr Duration kMostTime = 24h * 31;
constexpr double kMostCount = 1e15;
constexpr std::uint32_t kMostPlace = 1000;

constexpr protocol::JsonLimits kStepLimits{.bytes = TraceReader::kMaxLineBytes,
                                           .depth = 6,
                                           .values = 16'000,
                                           .string_bytes = kMaxTextBytes,
                                           .body_bytes = kMaxTextBytes};
constexpr protocol::JsonLimits kHeadLimits{.bytes = TraceReader::kMaxLayerBytes,
                                           .depth = 2,
                                           .values = 64,
                                           .string_bytes = TraceReader::kMaxLayerBytes,
                                           .body_bytes = kMaxTextBytes};

std::optional<net::Endpoint> parse_endpoint(std::string_view text) { return net::Endpoint::parse(text); }
template <class Enum, std::size_t count>
auto words(const std::array<std::string_view, count>& known) {
  return [&known](std::string_view text) { return from_word<Enum>(known, text); };
}
std::optional<path::SwitchReason> parse_reason(std::string_view text) {
  for (auto i = 0u; i <= static_cast<unsigned>(path::SwitchReason::all_lost); ++i) {
    const auto reason = static_cast<path::SwitchReason>(i);
    if (path::to_string(reason) == text) return reason;
  }
  return std::nullopt;
}
std::optional<path::History::Scope> parse_scope(std::string_view text) {
  if (text == "same") return path::History::Scope::same;
  if (text == "near") return path::History::Scope::near;
  return std::nullopt;
}

WallTime read_wall(const MemberReader& in, const char* key) {
  std::int64_t wall = 0;
  in.need(key);
  in.read(key, wall, -MemberReader::kMostNanoseconds, 4 * (MemberReader::kMostNanoseconds - 1));
  return WallTime(Duration(wall));
}

ice::Candidate read_candidate(const Json& json, const std::string& where) {
  const MemberReader in(json, where);
  ice::Candidate candidate;
  in.need("type");
  in.need("address");
  in.read_word("type", candidate.type, ice::parse_candidate_type);
  in.read_word("protocol", candidate.protocol, words<ice::TransportProtocol>(kProtocolWords));
  in.read_word("address", candidate.address, parse_endpoint);
  in.read_word("base_address", candidate.base_address, parse_endpoint);
  std::uint32_t base = 0;
  in.read("base", base);
  candidate.base = net::BaseId{base};
  in.read("priority", candidate.priority, ice::kMaxPriority);
  in.read("foundation", candidate.foundation, kMaxTextBytes);
  in.read("source", candidate.source, kMaxTextBytes);
  return candidate;
}

void read_measured(const Json& json, const std::string& where, path::Measurements& measured) {
  const MemberReader in(json, where);
  in.read_optional("rtt", measured.rtt, kMostDelay);
  in.read_optional("jitter", measured.jitter, kMostDelay);
  in.read("loss", measured.loss, 1.0);
  in.read("probes", measured.probes);
  in.read("disconnects", measured.disconnects);
  in.read_optional("rate", measured.rate_bytes_per_s);
}

path::History read_history(const Json& json, const std::string& where) {
  const MemberReader in(json, where);
  path::History history;
  in.read_word("scope", history.scope, parse_scope);
  in.read_optional("rtt", history.rtt, kMostDelay);
  in.read_optional("jitter", history.jitter, kMostDelay);
  in.read_optional("loss", history.loss, 1.0);
  in.read_optional("rate", history.rate_bytes_per_s);
  in.read("samples", history.samples, kMostCount);
  in.read("successes", history.successes, kMostCount);
  in.read("failures", history.failures, kMostCount);
  in.read("disconnects", history.disconnects, kMostCount);
  in.read("working_time", history.working_time, kLongTime);
  in.read("last_used_ago", history.last_used_ago, kLongTime);
  return history;
}

path::Hint read_hint(const Json& json, const std::string& where) {
  const MemberReader in(json, where);
  path::Hint hint;
  in.read("score", hint.score, 0, 1'000'000);
  in.read("confidence", hint.confidence, 1000);
  return hint;
}

Truth read_truth(const Json& json, const std::string& where) {
  const MemberReader in(json, where);
  Truth truth;
  in.read("valid", truth.is_valid);
  in.read("rtt", truth.rtt, kMostDelay);
  in.read("jitter", truth.jitter, kMostDelay);
  in.read("loss", truth.loss, 1.0);
  return truth;
}

/// `view`: as the list before had it; `is_new`: there was none.
void read_view(const MemberReader& in, const std::string& where, path::PathView& view, bool is_new) {
  if (is_new) {
    in.need("local");
    in.need("remote");
  }
  if (const Json* local = in.object("local")) view.local = read_candidate(*local, where + "local.");
  if (const Json* remote = in.object("remote")) view.remote = read_candidate(*remote, where + "remote.");
  in.read("priority", view.pair_priority);
  if (const Json* measured = in.object("measured"))
    read_measured(*measured, where + "measured.", view.measured);
  in.read("since", view.since);
  if (in.is_null("history")) {
    view.history.reset();
  } else if (const Json* history = in.object("history")) {
    view.history = read_history(*history, where + "history.");
  }
  if (in.is_null("hint")) {
    view.hint.reset();
  } else if (const Json* hint = in.object("hint")) {
    view.hint = read_hint(*hint, where + "hint.");
  }
}

void read_facts(const MemberReader& in, const std::string& where, Pair& pair) {
  in.read("warm", pair.is_warm);
  in.read("dead", pair.is_dead);
  in.read("lost", pair.losses_in_a_row);
  in.read_optional("not_before", pair.not_before);
  in.read_optional("peer_place", pair.peer_place, kMostPlace);
  in.read("peer_vetoed", pair.peer_vetoed);
  in.read("peer_withdrew", pair.peer_withdrew);
  in.read("score", pair.score, 0, 2'000'000);
  in.read("vetoed", pair.vetoed);
  if (const Json* truth = in.object("truth")) pair.truth = read_truth(*truth, where + "truth.");
}

void read_standing(const MemberReader& in, path::PathChooser::Standing& standing) {
  in.read_optional("selected", standing.selected);
  in.read_optional("selected_since", standing.selected_since);
  if (const Json* order = in.array("order", TraceReader::kMaxPairs)) {
    for (const Json& id : *order) {
      const auto given = protocol::as_integer(id, 0, UINT32_MAX);
      if (!given) in.fail("order", "a list of pairs");
      standing.order.push_back(static_cast<std::uint32_t>(*given));
    }
  }
}

Step read_step(const MemberReader& in) {
  Step step;
  in.need("step");
  in.need("at");
  in.read_word("step", step.kind, words<StepKind>(kStepWords));
  in.read("peer", step.peer, kMaxTextBytes);
  in.read("at", step.now.steady);
  step.now.wall = read_wall(in, "wall");
  in.read("seed", step.seed);
  in.read_word("tier", step.tier, words<plugin::FriendTier>(kTierWords));
  in.read_word("role", step.role, words<ice::Role>(kRoleWords));
  in.read_optional("nominated", step.nominated);
  in.read_optional("connected_since", step.connected_since);
  in.read("watched", step.is_watched);
  in.read("by", step.scored_by, kMaxTextBytes);
  if (const Json* chosen = in.object("chosen")) {
    const MemberReader its(*chosen, "chosen.");
    step.chosen.emplace();
    its.read_optional("path", step.chosen->path);
    its.read_word("reason", step.chosen->reason, parse_reason);
  }
  read_standing(in, step.standing);
  return step;
}

/// Takes BadMember for what it is.
template <class Call>
auto guarded(Call call) -> Result<decltype(call())> {
  try {
    return protocol::success(call());
  } catch (const BadMember& bad) {
    return Error{bad.text};
  }
}

}  // namespace

TraceReader::TraceReader(std::unique_ptr<std::istream> stream) : stream_(std::move(stream)) {}

Result<TraceReader> TraceReader::open(std::unique_ptr<std::istream> stream) {
  TraceReader reader(std::move(stream));
  if (const auto done = reader.read_head(); !done) return reader.at_line(done.error());
  return reader;
}

Error TraceReader::at_line(const Error& error) const {
  return {"line " + std::to_string(line_) + " of the trace: " + error.message};
}

Result<std::optional<std::string>> TraceReader::next_line() {
  std::string block;
  while (true) {
    if (auto line = lines_.next()) {
      ++line_;
      return std::optional{std::move(*line)};
    }
    if (lines_.failed()) {
      ++line_;
      return Error{"it is too long"};
    }
    block.resize(kBlockBytes);
    stream_->read(block.data(), kBlockBytes);
    const auto got = static_cast<std::size_t>(stream_->gcount());
    if (got == 0) {
      is_cut_off_ = lines_.has_partial_line();
      return std::optional<std::string>();
    }
    bytes_ += got;
    if (bytes_ > kMaxBytes) return Error{"traces of more than 1 GiB are not read: record for a shorter time"};
    lines_.append(as_bytes({block.data(), got}));
  }
}

Result<void> TraceReader::read_head() {
  auto first = next_line();
  if (!first) return first.error();
  const auto json = protocol::parse_json(first->value_or(""), kHeadLimits);
  if (!json || !json->is_object() || !json->contains("causeway_trace"))
    return Error{"not a trace of Causeway: it begins with {\"causeway_trace\": …"};
  std::uint32_t layers = 0;
  const auto head = guarded([&] {
    const MemberReader in(*json, "");
    std::uint32_t version = 0;
    in.read("causeway_trace", version);
    if (version != kTraceVersion) in.fail("causeway_trace", "1: this trace is of another version");
    in.read_word("origin", header_.origin, words<Header::Origin>(kOriginWords));
    in.read("title", header_.title, kMaxTextBytes);
    header_.begun = read_wall(in, "begun");
    in.read("last_step", header_.last_step, Duration(1h));
    in.read("layers", layers, kMaxLayers);
    return true;
  });
  if (!head) return head.error();
  for (; layers > 0; --layers) {
    auto line = next_line();
    if (!line) return line.error();
    if (!*line) return Error{"it ends before its layers"};
    const auto given = protocol::parse_json(**line, kHeadLimits);
    if (!given) return given.error();
    auto layer = guarded([&] {
      const MemberReader in(*given, "");
      Layer made;
      in.need("layer");
      in.read("layer", made.name, kMaxTextBytes);
      in.read("version", made.version, kMaxTextBytes);
      in.read("sha256", made.sha256, 64);
      in.read("weight", made.weight_per_mille, 1000);
      in.read("configuration", made.configuration, kMaxConfigurationBytes);
      std::string state;
      in.read("state", state, kMaxLayerBytes);
      const auto bytes = from_base64(state);
      if (!bytes || bytes->size() > kMaxStateBytes) in.fail("state", "base64 of at most 1 MiB");
      made.state = *bytes;
      return made;
    });
    if (!layer) return layer.error();
    header_.stack.push_back(std::move(*layer));
  }
  lines_.set_limit(kMaxLineBytes);
  return {};
}

Result<std::optional<Step>> TraceReader::next() {
  auto line = next_line();
  if (!line) return at_line(line.error());
  if (!*line) return std::optional<Step>();
  const auto json = protocol::parse_json(**line, kStepLimits);
  if (!json) return at_line(json.error());
  auto step = guarded([&] {
    const MemberReader in(*json, "");
    Step made = read_step(in);
    const SteadyTime at = made.now.steady;
    if (!first_at_) first_at_ = newest_at_ = at;
    if (at < newest_at_ - kMostDisorder || at > *first_at_ + kMostTime)
      in.fail("at", "in the order of time, and within a month of the first step");
    newest_at_ = std::max(newest_at_, at);
    if (!known_.contains(made.peer) && known_.size() >= kMaxPeers)
      in.fail("peer", "one of " + std::to_string(kMaxPeers) + " at most");
    const KnownPairs before = std::exchange(known_[made.peer], {});
    KnownPairs& known = known_[made.peer];
    if (!lists_pairs(made.kind)) {
      if (made.kind == StepKind::scored) known = before;
      return made;
    }
    const Json* rows = in.array("pairs", kMaxPairs);
    for (std::size_t i = 0; rows != nullptr && i < rows->size(); ++i) {
      const std::string where = "pairs[" + std::to_string(i) + "].";
      const MemberReader row((*rows)[i], where);
      Pair pair;
      row.need("id");
      row.read("id", pair.view.id);
      if (!known.empty() && known.rbegin()->first >= pair.view.id) row.fail("id", "above the one before");
      const auto told = before.find(pair.view.id);
      if (told != before.end()) {
        pair.view = told->second.view;
        pair.interface = told->second.interface;
      }
      read_view(row, where, pair.view, told == before.end());
      row.read("interface", pair.interface, 64);
      read_facts(row, where, pair);
      known.emplace(pair.view.id, Known{pair.view, pair.interface});
      made.pairs.push_back(std::move(pair));
    }
    return made;
  });
  if (!step) return at_line(step.error());
  return std::optional{std::move(*step)};
}

}  // namespace causeway::replay
