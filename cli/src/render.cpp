#include "cli/src/render.hpp"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/src/table.hpp"

namespace causeway::cli {
namespace {

using Json = nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

const Json& member(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string text(const Json& value) {
  switch (value.type()) {
    case Json::value_t::string:
      return value.get_ref<const std::string&>().empty() ? "-" : value.get<std::string>();
    case Json::value_t::boolean:
      return value.get<bool>() ? "yes" : "no";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return value.dump();
    default:
      return "-";
  }
}

std::string text(const Json& object, const char* key) { return text(member(object, key)); }

std::string milliseconds(const Json& value) {
  return value.is_number() && std::isfinite(value.get<double>())
             ? fmt::format("{:.1f} ms", value.get<double>())
             : "-";
}

std::string percent(const Json& value) {
  return value.is_number() && std::isfinite(value.get<double>())
             ? fmt::format("{:.1f} %", value.get<double>() * 100)
             : "-";
}

/// "srflx-host over udp"
std::string types(const Json& path) {
  if (!path.is_object()) return "-";
  return fmt::format("{}-{}", text(path, "local_type"), text(path, "remote_type"));
}

std::string ends(const Json& path) {
  if (!path.is_object()) return "-";
  return fmt::format("{} -> {}", text(path, "local"), text(path, "remote"));
}

Rows rows_of(const Json& list, std::vector<std::string> (*row)(const Json&)) {
  Rows rows;
  if (list.is_array()) {
    for (const Json& entry : list)
      rows.push_back(row(entry));
  }
  return rows;
}

std::string table_or(const char* nothing, const std::vector<std::string>& header, const Rows& rows) {
  return rows.empty() ? std::string(nothing) + "\n" : format_table(header, rows);
}

/// The reason of the path, or else of the peer's state.
std::string reason_of(const Json& peer) {
  const std::string reason = text(member(peer, "path"), "reason");
  if (reason != "-") return reason;
  const std::string hint = text(peer, "hint");
  return hint == "-" ? text(peer, "reason") : text(peer, "reason") + ": " + hint;
}

std::string yes_or_blank(const Json& value) { return value.is_boolean() && value.get<bool>() ? "yes" : ""; }

void flatten(const std::string& prefix, const Json& value, Rows& rows, std::string& tables) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items())
      flatten(prefix.empty() ? key : prefix + "." + key, inner, rows, tables);
    return;
  }
  const bool is_table = value.is_array() && !value.empty() && value.front().is_object();
  if (!is_table) {
    rows.push_back({prefix, value.is_array() ? value.dump() : text(value)});
    return;
  }
  std::vector<std::string> header;
  for (const auto& [key, inner] : value.front().items())
    header.push_back(key);
  Rows cells;
  for (const Json& entry : value) {
    std::vector<std::string> row;
    for (const std::string& key : header) {
      const Json& cell = member(entry, key.c_str());
      row.push_back(cell.is_structured() ? cell.dump() : text(cell));
    }
    cells.push_back(std::move(row));
  }
  tables += (prefix.empty() ? "" : "\n" + printable(prefix) + "\n") + format_table(header, cells);
}

}  // namespace

std::string render_peers(const Json& peers) {
  return table_or("no peers yet",
                  {"NAME", "ADDRESS", "KIND", "STATE", "PATH", "TYPE", "VIA", "RTT", "LOSS", "REASON"},
                  rows_of(peers, [](const Json& peer) -> std::vector<std::string> {
                    const Json& path = member(peer, "path");
                    return {text(peer, "name"),
                            text(peer, "virtual_address"),
                            text(peer, "kind"),
                            text(peer, "state"),
                            ends(path),
                            types(path),
                            text(path, "transport"),
                            milliseconds(member(path, "rtt_ms")),
                            percent(member(path, "loss")),
                            reason_of(peer)};
                  }));
}

std::string render_status(const Json& status) {
  const Json& server = member(status, "server");
  std::string server_text = "none";
  if (server.is_object()) {
    server_text = fmt::format("{}, {}", text(server, "address"), text(server, "state"));
    if (text(server, "reason") != "-") server_text += fmt::format(" ({})", text(server, "reason"));
  }
  Rows facts{{"name", text(status, "name")},
             {"virtual address", text(status, "virtual_address")},
             {"state", text(status, "state")},
             {"server", server_text},
             {"interface", fmt::format("{}, MTU {}", text(status, "interface"), text(status, "mtu"))},
             {"public key", text(status, "public_key")},
             {"identity", text(status, "identity")}};
  if (const Json& store = member(status, "store"); text(store, "state") == "failing")
    facts.push_back({"state directory", text(store, "reason")});
  const Json& peers = member(status, "peers");
  std::string table = table_or(
      "no peers yet", {"PEER", "ADDRESS", "STATE", "PATH", "TYPE", "RTT", "REASON"},
      rows_of(peers, [](const Json& peer) -> std::vector<std::string> {
        const Json& path = member(peer, "path");
        return {text(peer, "name"), text(peer, "virtual_address"),        text(peer, "state"), ends(path),
                types(path),        milliseconds(member(path, "rtt_ms")), reason_of(peer)};
      }));
  return format_list(facts) + "\n" + table;
}

std::string render_candidates(const Json& answer) {
  const Json& list = answer.is_array() ? answer : member(answer, "candidates");
  std::string out = table_or("no candidates", {"ADDRESS", "TYPE", "BASE", "SOURCE", "FOUNDATION", "PRIORITY"},
                             rows_of(list, [](const Json& row) -> std::vector<std::string> {
                               return {text(row, "address"), text(row, "type"),       text(row, "base"),
                                       text(row, "source"),  text(row, "foundation"), text(row, "priority")};
                             }));
  const Json& ignored = member(answer, "ignored");
  if (ignored.is_array() && !ignored.empty()) {
    out += "\nignored:\n" + format_table({"ADDRESS", "FROM", "BECAUSE", "TIMES"},
                                         rows_of(ignored, [](const Json& row) -> std::vector<std::string> {
                                           const Json& times = member(row, "count");
                                           const bool is_told = times.is_number() && times != 1;
                                           return {text(row, "address"), text(row, "source"),
                                                   text(row, "reason"), is_told ? text(times) : ""};
                                         }));
  }
  if (const Json& limits = member(answer, "limits"); limits.is_object() && !limits.empty()) {
    std::string line;
    for (const auto& [name, limit] : limits.items()) {
      line += fmt::format("{}{} {} of at most {}", line.empty() ? "" : ", ", printable(name),
                          text(limit, "used"), text(limit, "max"));
    }
    out += "\n" + line + "\n";
  }
  return out;
}

std::string render_mappings(const Json& mappings) {
  return table_or("no mappings: no peer is in use",
                  {"ADDRESS", "PORT", "LOCAL", "REMOTE", "STATE", "CREATED"},
                  rows_of(mappings, [](const Json& row) -> std::vector<std::string> {
                    return {text(row, "virtual_address"), text(row, "port"),  text(row, "local"),
                            text(row, "remote"),          text(row, "state"), text(row, "created")};
                  }));
}

std::string render_checks(const Json& checks) {
  return table_or("no checks", {"PEER", "LOCAL", "REMOTE", "STATE", "PRIORITY", "RTT", "NOMINATED"},
                  rows_of(checks, [](const Json& row) -> std::vector<std::string> {
                    return {text(row, "peer"),
                            text(row, "local"),
                            text(row, "remote"),
                            text(row, "state"),
                            text(row, "priority"),
                            milliseconds(member(row, "rtt_ms")),
                            yes_or_blank(member(row, "nominated"))};
                  }));
}

std::string render_history(const Json& history) {
  const auto count = [](const Json& value, const char* pattern) {
    return value.is_number() && std::isfinite(value.get<double>())
               ? fmt::format(fmt::runtime(pattern), value.get<double>())
               : std::string("-");
  };
  Rows rows;
  for (const Json& row : history.is_array() ? history : Json::array()) {
    const Json& rate = member(row, "rate_bytes_per_s");
    const Json& worked = member(row, "working_s");
    rows.push_back({text(row, "peer"), text(row, "network"), text(row, "remote"), types(row),
                    text(row, "transport"), milliseconds(member(row, "rtt_ms")),
                    milliseconds(member(row, "jitter_ms")), percent(member(row, "loss")),
                    rate.is_number() ? count(rate.get<double>() * 8e-6, "{:.1f} Mbit/s") : "-",
                    worked.is_number() ? count(worked.get<double>() / 60, "{:.0f} min") : "-",
                    count(member(row, "successes"), "{:.1f}"), count(member(row, "failures"), "{:.1f}"),
                    count(member(row, "disconnects"), "{:.1f}"), text(row, "last_used")});
  }
  return table_or("nothing is remembered yet",
                  {"PEER", "NETWORK", "REMOTE", "TYPE", "VIA", "RTT", "JITTER", "LOSS", "RATE", "WORKED",
                   "WORKS", "FAILS", "LOST", "LAST USED"},
                  rows);
}

std::string render_friends(const Json& friends) {
  Rows rows;
  for (const Json& entry : friends.is_array() ? friends : Json::array()) {
    const Json& nodes = member(entry, "nodes");
    std::vector<std::string> row{text(entry, "name"), text(entry, "state")};
    if (!nodes.is_array() || nodes.empty()) {
      rows.push_back(std::move(row));
      continue;
    }
    for (const Json& node : nodes) {
      for (const char* key : {"name", "virtual_address", "state", "pinned", "identity", "reason"})
        row.push_back(text(node, key));
      rows.push_back(std::move(row));
      row = {"", ""};
    }
  }
  return table_or("no friends: add one by `causeway friend add NAME`",
                  {"FRIEND", "LIST", "NODE", "ADDRESS", "STATE", "PINNED", "IDENTITY", "REASON"}, rows);
}

std::string render_plugins(const Json& plugins) {
  return table_or(
      "no plugins",
      {"NAME", "KIND", "VERSION", "ABI", "GENERATION", "STATE", "CALLS", "FAULTS", "FILE", "REASON"},
      rows_of(plugins, [](const Json& row) -> std::vector<std::string> {
        return {text(row, "name"),       text(row, "kind"),  text(row, "version"), text(row, "abi"),
                text(row, "generation"), text(row, "state"), text(row, "calls"),   text(row, "faults"),
                text(row, "file"),       text(row, "reason")};
      }));
}

std::string render_explanation(const Json& explanation) {
  const std::string rule = text(explanation, "rule_text");
  Rows facts{{"peer", fmt::format("{} {}", text(explanation, "peer"), text(explanation, "virtual_address"))},
             {"state", text(explanation, "state")},
             {"role", text(explanation, "role")},
             {"priority stack", text(explanation, "stack")},
             {"reason", rule != "-" ? rule : text(explanation, "reason")},
             {"since", text(explanation, "since")},
             {"outlook", text(explanation, "outlook")}};
  if (text(explanation, "state_reason") != "-")
    facts.insert(facts.begin() + 2, {"", text(explanation, "state_reason")});
  if (const std::string standing = text(member(explanation, "orders"), "standing"); standing != "-")
    facts.push_back({"the peer's order", standing});
  // Places count from 1 for people.
  const auto place = [](const Json& value) {
    return value.is_number_integer() ? std::to_string(value.get<int>() + 1) : std::string("-");
  };
  Rows rows, changes, layers;
  const Json& pairs = member(explanation, "pairs");
  for (const Json& pair : pairs.is_array() ? pairs : Json::array()) {
    rows.push_back({yes_or_blank(member(pair, "selected")) == "yes" ? "*" : "", ends(pair), types(pair),
                    text(pair, "state"), milliseconds(member(pair, "rtt_ms")),
                    milliseconds(member(pair, "jitter_ms")), percent(member(pair, "loss")),
                    text(pair, "score"), place(member(pair, "own_place")), place(member(pair, "peer_place")),
                    text(pair, "score_reason")});
    if (const std::string takes = text(pair, "would_take"); takes != "-")
      changes.push_back({ends(pair), takes});
    const Json& stack = member(pair, "layers");
    if (!stack.is_array() || stack.size() < 2) continue;  // one layer is the score itself
    for (const Json& layer : stack) {
      layers.push_back({ends(pair), text(layer, "name"), text(layer, "weight"), text(layer, "score"),
                        yes_or_blank(member(layer, "vetoed")), text(layer, "reason")});
    }
  }
  std::string out = format_list(facts);
  out += "\n";
  out += table_or("no pairs yet",
                  {"", "PAIR", "TYPE", "STATE", "RTT", "JITTER", "LOSS", "SCORE", "OURS", "THEIRS", "WHY"},
                  rows);
  if (!layers.empty()) {
    out += "\nwhat each layer of the priority stack says:\n";
    out += format_table({"PAIR", "LAYER", "WEIGHT", "SCORE", "VETO", "WHY"}, layers);
  }
  if (!changes.empty()) {
    out += "\nwhat it would take for another pair to be used:\n";
    out += format_table({"PAIR", ""}, changes);
  }
  return out;
}

std::string render_netcheck_step(const Json& step) {
  return fmt::format("… {}\n", printable(text(step, "step")));
}

std::string render_netcheck(const Json& findings) {
  const auto known = [](const Json& value, const char* yes, const char* no) {
    return std::string(!value.is_boolean() ? "unknown" : value.get<bool>() ? yes : no);
  };
  const auto family = [&](const char* name) {
    const Json& report = member(findings, name);
    if (member(report, "address") != true) return std::string("no address");
    return fmt::format("UDP {}", known(member(report, "udp"), "passes", "does not pass"));
  };
  const Json& nat = member(findings, "nat");
  const auto behaviour = [](const Json& value) {
    return value.is_string() ? text(value) : std::string("unknown");
  };
  const Json& server = member(findings, "server");
  std::string server_text = "none";
  if (server.is_object()) {
    server_text = fmt::format("{}, {}, {}", text(server, "address"), text(server, "state"),
                              milliseconds(member(server, "rtt_ms")));
  }
  std::string mapping = behaviour(member(nat, "mapping"));
  const std::string by = text(nat, "mapping_by");
  // Two servers that see different ports tell no more than that.
  if (by == "comparison" && mapping == "address-dependent") mapping += " or stricter";
  if (by != "-") mapping += fmt::format(" (by {})", by);
  std::string out = fmt::format("{}\n\n", printable(text(findings, "summary")));
  out += format_list({{"IPv4", family("ipv4")},
                      {"IPv6", family("ipv6")},
                      {"NAT", known(member(nat, "nat"), "yes", "no")},
                      {"mapping", mapping},
                      {"filtering", behaviour(member(nat, "filtering"))},
                      {"hairpin", known(member(nat, "hairpin"), "yes", "no")},
                      {"address server", server_text}});
  Rows rows;
  if (const Json& locals = member(findings, "interfaces"); locals.is_array()) {
    for (const Json& local : locals) {
      const Json& servers = member(local, "servers");
      for (const Json& row : servers.is_array() ? servers : Json::array()) {
        rows.push_back({text(local, "interface"), text(local, "local"), text(row, "server"),
                        text(row, "verdict"), text(row, "mapped"), milliseconds(member(row, "rtt_ms"))});
      }
    }
  }
  out += "\n";
  out += table_or("no STUN server was asked", {"NIC", "LOCAL", "STUN SERVER", "", "SEES US AS", "RTT"}, rows);
  if (const Json& relays = member(findings, "relays"); relays.is_array() && !relays.empty()) {
    out += "\n";
    out += format_table({"RELAYED ADDRESS", "VIA", "BY", "RTT"},
                        rows_of(relays, [](const Json& row) -> std::vector<std::string> {
                          return {text(row, "address"), text(row, "transport"), text(row, "source"),
                                  milliseconds(member(row, "rtt_ms"))};
                        }));
  }
  if (const Json& list = member(findings, "problems"); list.is_array() && !list.empty()) {
    out += "\n";
    for (const Json& problem : list)
      out += fmt::format("! {}\n", printable(text(problem)));
  }
  return out;
}

std::string render_ping_step(const Json& step) {
  const Json& rtt = member(step, "rtt_ms");
  if (!rtt.is_number()) return fmt::format("{}: no reply\n", text(step, "seq"));
  return fmt::format("{}: {} by {}\n", text(step, "seq"), milliseconds(rtt), printable(text(step, "path")));
}

std::string render_ping(const Json& summary) {
  const Json& rtt = member(summary, "rtt_ms");
  return fmt::format("{}: {} sent, {} received, rtt min/avg/max {} / {} / {}, connected after {}\n",
                     printable(text(summary, "peer")), text(summary, "sent"), text(summary, "received"),
                     milliseconds(member(rtt, "min")), milliseconds(member(rtt, "avg")),
                     milliseconds(member(rtt, "max")), milliseconds(member(summary, "connect_ms")));
}

std::string render_values(const Json& values) {
  Rows rows;
  std::string tables;
  flatten("", values, rows, tables);
  return format_list(rows) + tables;
}

std::string render(std::string_view method, const Json& result) {
  using Renderer = std::string (*)(const Json&);
  static const std::map<std::string_view, Renderer> renderers{
      {"status", render_status},       {"peers", render_peers},    {"candidates", render_candidates},
      {"mappings", render_mappings},   {"checks", render_checks},  {"plugins", render_plugins},
      {"explain", render_explanation}, {"ping", render_ping},      {"netcheck", render_netcheck},
      {"metrics", render_values},      {"buffers", render_values}, {"friends", render_friends},
      {"history", render_history}};
  if (const auto found = renderers.find(method); found != renderers.end()) return found->second(result);
  if (result.is_string()) return printable(result.get<std::string>()) + "\n";
  if (const std::string message = text(result, "message"); message != "-") return printable(message) + "\n";
  return result.empty() ? "done\n" : render_values(result);
}

}  // namespace causeway::cli
