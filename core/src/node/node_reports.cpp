// What a node tells the address server of its paths (spec S5, V6).

#include <utility>

#include "node/node.hpp"

namespace causeway::node {

void Node::report_paths(Now now) {
  auto paths = reporter_.take(peers_, bases_, now.steady);
  if (!paths.empty() && link_) link_->report(std::move(paths), now);
}

void Node::set_reports(bool is_reporting, Now now) {
  if (std::exchange(options_.reports, is_reporting) == is_reporting) return;
  if (is_reporting) {
    begin_reports(now);
  } else {
    reporter_.stop();
    if (link_) link_->report({}, now);  // takes back what was told
  }
  run(now);
}

void Node::begin_reports(Now now) {
  if (!options_.reports || status() != NodeStatus::online) return;
  reporter_.on_registered(now.steady);
  for (const auto& [id, peer] : peers_)
    reporter_.look_at(*peer, now.steady);
}

}  // namespace causeway::node
