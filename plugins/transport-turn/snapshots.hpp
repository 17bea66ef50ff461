#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "causeway/ext/transport.h"
#include "route_table.hpp"

namespace transport_turn {

/// The route table of every link, read by data threads while the plugin thread puts new ones in their place.
///
/// A reader announces itself in one of two counters, chosen by the epoch, and looks at tables only while it
/// is counted. The writer exchanges a pointer, and frees what it took out when the counters of both epochs
/// have been seen at zero afterwards: whoever could have read the old pointer has left. Flipping the epoch
/// after each exchange keeps new readers out of the counter that the writer waits for, so that steady traffic
/// does not hold old tables back. Nobody waits: what cannot be freed yet is tried again with the next change.
class Snapshots {
 public:
  Snapshots() = default;
  ~Snapshots();
  Snapshots(const Snapshots&) = delete;
  Snapshots& operator=(const Snapshots&) = delete;

  /// [plugin-thread] Replaces the table of a link below CW_MAX_LINKS; null: it has none.
  void publish(std::uint32_t link, std::unique_ptr<const RouteTable> table);
  /// [plugin-thread] Frees what nobody can be reading any more.
  void reclaim();
  /// [plugin-thread] Tables that wait to be freed.
  std::size_t retired() const { return retired_.size(); }

  /// One call on a data thread.
  class Reader {
   public:
    explicit Reader(Snapshots& snapshots);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    /// Valid while this reader lives; null if the link has none or is out of range.
    const RouteTable* table(std::uint32_t link) const;

   private:
    Snapshots& snapshots_;
    std::atomic<std::uint32_t>* counter_;
  };

 private:
  struct alignas(64) Counter {
    std::atomic<std::uint32_t> readers{0};
  };
  struct Retired {
    std::unique_ptr<const RouteTable> table;
    bool was_seen_empty[2] = {false, false};
  };

  // Sequentially consistent throughout: two or three such operations per batch of packets cost nothing, and
  // the argument above needs one order of all of them.
  std::array<std::atomic<const RouteTable*>, CW_MAX_LINKS> tables_{};
  std::atomic<std::uint32_t> epoch_{0};
  Counter counters_[2];
  std::vector<Retired> retired_;
};

}  // namespace transport_turn
