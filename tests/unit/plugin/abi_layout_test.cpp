// The ABI's layout on 64-bit machines, member by member: a change here breaks every plugin that is out there.
#include <gtest/gtest.h>

#include <cstddef>

#include "causeway/plugin.h"

namespace {

static_assert(sizeof(cw_string) == 16 && sizeof(cw_array) == 16 && sizeof(cw_mutable_array) == 16);
static_assert(sizeof(cw_address) == 20 && offsetof(cw_address, port) == 2 &&
              offsetof(cw_address, octets) == 4);
static_assert(sizeof(cw_now) == 16);

static_assert(offsetof(cw_entry, abi_version) == 4 && offsetof(cw_entry, lowest_host_abi) == 8);
static_assert(offsetof(cw_entry, kind) == 12 && offsetof(cw_entry, id) == 16 &&
              offsetof(cw_entry, name) == 32);
static_assert(offsetof(cw_entry, version) == 48 && offsetof(cw_entry, description) == 64);
static_assert(offsetof(cw_entry, init) == 80 && offsetof(cw_entry, deinit) == 88 &&
              offsetof(cw_entry, create) == 96);
static_assert(offsetof(cw_entry, drain) == 104 && offsetof(cw_entry, destroy) == 112);
static_assert(offsetof(cw_entry, get_extension) == 120 && sizeof(cw_entry) == 128);

static_assert(offsetof(cw_host, host_data) == 8 && offsetof(cw_host, get_extension) == 16 &&
              sizeof(cw_host) == 24);

static_assert(offsetof(cw_candidate_view, address) == 16 && offsetof(cw_candidate_view, base_address) == 36);
static_assert(offsetof(cw_candidate_view, priority) == 56 && offsetof(cw_candidate_view, foundation) == 64);
static_assert(offsetof(cw_candidate_view, source) == 80 && sizeof(cw_candidate_view) == 112);
static_assert(offsetof(cw_statistics, rtt_ns) == 8 && offsetof(cw_statistics, loss_ppm) == 24);
static_assert(offsetof(cw_statistics, rate_bytes_per_s) == 32 && offsetof(cw_statistics, age_ns) == 48);
static_assert(sizeof(cw_statistics) == 56 && sizeof(cw_history) == 72 && sizeof(cw_hint) == 16);
static_assert(offsetof(cw_history, last_used_ago_ns) == 48 && offsetof(cw_history, jitter_ns) == 56 &&
              offsetof(cw_history, scope) == 68);
static_assert(offsetof(cw_pair_view, pair_priority) == 16 && offsetof(cw_pair_view, local) == 24);
static_assert(offsetof(cw_pair_view, hint) == 56 && sizeof(cw_pair_view) == 64);
static_assert(offsetof(cw_decision, now) == 8 && offsetof(cw_decision, seed) == 24 &&
              sizeof(cw_decision) == 64);
static_assert(offsetof(cw_pair_score, score) == 8 && offsetof(cw_pair_score, reason) == 32);
static_assert(offsetof(cw_pair_score, reason_capacity) == 40 && sizeof(cw_pair_score) == 48);
static_assert(sizeof(cw_candidate_rank) == 8 && sizeof(cw_priority) == 24);
static_assert(offsetof(cw_base_view, address) == 8 && offsetof(cw_base_view, interface_name) == 32);
static_assert(sizeof(cw_base_view) == 48 && sizeof(cw_candidate_source) == 40 &&
              sizeof(cw_host_candidates) == 32);
static_assert(offsetof(cw_packet, bytes) == 8 && offsetof(cw_packet, peer) == 16 &&
              offsetof(cw_packet, verdict) == 36 && sizeof(cw_packet) == 40);
static_assert(sizeof(cw_transport) == 88 && sizeof(cw_host_transport) == 56);

TEST(AbiLayout, VersionsAreComparedAsNumbers) {
  EXPECT_LT(CW_ABI_MAKE(1, 65535), CW_ABI_MAKE(2, 0));
  EXPECT_EQ(CW_ABI_MAJOR(CW_ABI_MAKE(3, 7)), 3U);
  EXPECT_EQ(CW_ABI_MINOR(CW_ABI_MAKE(3, 7)), 7U);
}

}  // namespace
