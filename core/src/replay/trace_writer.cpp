#include "replay/trace_writer.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/json.hpp"
#include "replay/trace_words.hpp"

namespace causeway::replay {
namespace {

using Json = nlohmann::json;

std::int64_t number(Duration d) { return d.count(); }
std::int64_t number(SteadyTime t) { return t.time_since_epoch().count(); }
template <class T>
Json number(const std::optional<T>& value) {
  return value ? Json(number(*value)) : Json(nullptr);
}
template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
/// A double that JSON can hold.
double finite(double value) { return std::isfinite(value) ? value : 0; }

Json to_json(const ice::Candidate& candidate) {
  Json json{{"type", ice::to_string(candidate.type)},
            {"address", candidate.address.to_string()},
            {"foundation", candidate.foundation},
            {"priority", candidate.priority}};
  if (candidate.protocol != ice::TransportProtocol::udp)
    json["protocol"] = word(kProtocolWords, candidate.protocol);
  if (!candidate.source.empty()) json["source"] = candidate.source;
  if (candidate.base != net::BaseId::none) {
    json["base"] = static_cast<std::uint32_t>(candidate.base);
    json["base_address"] = candidate.base_address.to_string();
  }
  return json;
}

Json to_json(const path::Measurements& measured) {
  return {{"rtt", number(measured.rtt)},         {"jitter", number(measured.jitter)},
          {"loss", finite(measured.loss)},       {"probes", measured.probes},
          {"disconnects", measured.disconnects}, {"rate", or_null(measured.rate_bytes_per_s)}};
}

bool is_same(const path::Measurements& a, const path::Measurements& b) {
  return a.rtt == b.rtt && a.jitter == b.jitter && a.loss == b.loss && a.probes == b.probes &&
         a.disconnects == b.disconnects && a.rate_bytes_per_s == b.rate_bytes_per_s;
}

Json to_json(const path::History& history) {
  return {{"scope", history.scope == path::History::Scope::same ? "same" : "near"},
          {"rtt", number(history.rtt)},
          {"jitter", number(history.jitter)},
          {"loss", history.loss ? Json(finite(*history.loss)) : Json(nullptr)},
          {"rate", or_null(history.rate_bytes_per_s)},
          {"samples", finite(history.samples)},
          {"successes", finite(history.successes)},
          {"failures", finite(history.failures)},
          {"disconnects", finite(history.disconnects)},
          {"working_time", number(history.working_time)},
          {"last_used_ago", number(history.last_used_ago)}};
}

Json to_json(const Truth& truth) {
  Json json{{"rtt", number(truth.rtt)}, {"jitter", number(truth.jitter)}, {"loss", finite(truth.loss)}};
  if (!truth.is_valid) json["valid"] = false;
  return json;
}

void add_facts(Json& json, const Pair& pair) {
  if (!pair.is_warm) json["warm"] = false;
  if (pair.is_dead) json["dead"] = true;
  if (pair.losses_in_a_row > 0) json["lost"] = pair.losses_in_a_row;
  if (pair.not_before) json["not_before"] = number(*pair.not_before);
  if (pair.peer_place) json["peer_place"] = *pair.peer_place;
  if (pair.peer_vetoed) json["peer_vetoed"] = true;
  if (pair.peer_withdrew) json["peer_withdrew"] = true;
  if (pair.truth) json["truth"] = to_json(*pair.truth);
}

void add_view(Json& json, const path::PathView& view, const path::PathView* before) {
  if (!before || before->local != view.local) json["local"] = to_json(view.local);
  if (!before || before->remote != view.remote) json["remote"] = to_json(view.remote);
  if (!before || before->pair_priority != view.pair_priority) json["priority"] = view.pair_priority;
  const path::PathView nothing;
  const path::PathView& old = before ? *before : nothing;
  if (!is_same(old.measured, view.measured)) json["measured"] = to_json(view.measured);
  if (old.since != view.since) json["since"] = number(view.since);
  if (old.history != view.history) json["history"] = view.history ? to_json(*view.history) : Json(nullptr);
  if (old.hint != view.hint) {
    json["hint"] =
        view.hint ? Json{{"score", view.hint->score}, {"confidence", view.hint->confidence}} : Json(nullptr);
  }
}

}  // namespace

std::string TraceWriter::header(const Header& header) {
  std::string lines = protocol::to_line({{"causeway_trace", kTraceVersion},
                                         {"origin", word(kOriginWords, header.origin)},
                                         {"title", header.title},
                                         {"begun", header.begun.time_since_epoch().count()},
                                         {"last_step", number(header.last_step)},
                                         {"layers", header.stack.size()}});
  lines += '\n';
  for (const Layer& layer : header.stack) {
    Json json{{"layer", layer.name},
              {"version", layer.version},
              {"sha256", layer.sha256},
              {"weight", layer.weight_per_mille}};
    if (!layer.configuration.empty()) json["configuration"] = layer.configuration;
    if (!layer.state.empty()) json["state"] = to_base64(layer.state);
    lines += protocol::to_line(json);
    lines += '\n';
  }
  return lines;
}

Json TraceWriter::pairs_of(const Step& step) {
  Json rows = Json::array();
  const auto before = std::exchange(told_[step.peer], {});
  auto& told = told_[step.peer];
  for (const Pair& pair : step.pairs) {
    const auto known = before.find(pair.view.id);
    const Told* last = known == before.end() ? nullptr : &known->second;
    Json row{{"id", pair.view.id}};
    path::PathView view = pair.view;
    // They fade with every moment, and no choice looks at them but by its scores.
    if (step.kind == StepKind::choose) {
      view.history = last ? last->view.history : std::nullopt;
      view.hint = last ? last->view.hint : std::nullopt;
    }
    add_view(row, view, last ? &last->view : nullptr);
    if ((last ? last->interface : "") != pair.interface) row["interface"] = pair.interface;
    add_facts(row, pair);
    if (step.kind == StepKind::begin) {
      row["score"] = pair.score;
      if (pair.vetoed) row["vetoed"] = true;
    }
    rows.push_back(std::move(row));
    told.insert_or_assign(view.id, Told{view, pair.interface});
  }
  return rows;
}

std::string TraceWriter::step(const Step& step) {
  Json json{{"step", word(kStepWords, step.kind)},
            {"peer", step.peer},
            {"at", number(step.now.steady)},
            {"wall", step.now.wall.time_since_epoch().count()}};
  if (step.kind == StepKind::second || step.kind == StepKind::score) {
    json["seed"] = step.seed;
    if (step.tier != plugin::FriendTier::unknown) json["tier"] = word(kTierWords, step.tier);
  }
  if (step.kind == StepKind::second || step.kind == StepKind::choose || step.kind == StepKind::begin) {
    if (step.role != ice::Role::controlling) json["role"] = word(kRoleWords, step.role);
    if (step.nominated) json["nominated"] = *step.nominated;
    if (step.connected_since) json["connected_since"] = number(*step.connected_since);
    if (step.is_watched) json["watched"] = true;
  }
  if (step.chosen)
    json["chosen"] = {{"path", or_null(step.chosen->path)}, {"reason", path::to_string(step.chosen->reason)}};
  if (!step.scored_by.empty()) json["by"] = step.scored_by;
  if (step.kind == StepKind::begin) {
    json["selected"] = or_null(step.standing.selected);
    json["selected_since"] = number(step.standing.selected_since);
    json["order"] = step.standing.order;
  }
  if (lists_pairs(step.kind)) json["pairs"] = pairs_of(step);
  if (step.kind == StepKind::end) told_.erase(step.peer);
  std::string line = protocol::to_line(json);
  line += '\n';
  return line;
}

}  // namespace causeway::replay
