#include "snapshots.hpp"

#include <cassert>

namespace transport_turn {

Snapshots::~Snapshots() {
  // The host has ended all calls before it destroys the instance.
  for (auto& table : tables_)
    delete table.load();
}

void Snapshots::publish(std::uint32_t link, std::unique_ptr<const RouteTable> table) {
  assert(link < CW_MAX_LINKS);
  const RouteTable* old = tables_[link].exchange(table.release());
  if (old != nullptr) retired_.push_back({std::unique_ptr<const RouteTable>(old)});
  reclaim();
}

void Snapshots::reclaim() {
  if (retired_.empty()) return;
  // A reader counted in the other epoch's counter began before the flip, one in this epoch's maybe after: the
  // second pass, after another flip, sees to those.
  for (int pass = 0; pass < 2; ++pass) {
    const std::uint32_t old = epoch_.fetch_add(1) & 1;
    if (counters_[old].readers.load() != 0) continue;
    for (Retired& entry : retired_)
      entry.was_seen_empty[old] = true;
  }
  std::erase_if(retired_,
                [](const Retired& entry) { return entry.was_seen_empty[0] && entry.was_seen_empty[1]; });
}

Snapshots::Reader::Reader(Snapshots& snapshots) : snapshots_(snapshots) {
  const std::uint32_t epoch = snapshots_.epoch_.load();
  counter_ = &snapshots_.counters_[epoch & 1].readers;
  counter_->fetch_add(1);
}

Snapshots::Reader::~Reader() { counter_->fetch_sub(1); }

const RouteTable* Snapshots::Reader::table(std::uint32_t link) const {
  return link < CW_MAX_LINKS ? snapshots_.tables_[link].load() : nullptr;
}

}  // namespace transport_turn
