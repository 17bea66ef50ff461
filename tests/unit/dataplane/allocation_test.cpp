#include <mutex>
#include <shared_mutex>

#include "forwarder_fixture.hpp"
#include "lock_count.hpp"
#include "support/allocation_count.hpp"

namespace causeway::dataplane {
namespace {

/// A carrier that delivers into a buffer of its own: nothing on the way may allocate.
struct BufferCarrier final : Carrier {
  Bytes bytes = Bytes(1 << 20);
  struct Batch {
    std::size_t at, size;
    std::uint16_t segment_bytes;
  };
  std::array<Batch, 1024> batches;
  std::size_t count = 0;
  std::size_t used = 0;
  SendOutcome send(const net::Endpoint&, const SendBatch& batch) noexcept override {
    std::copy(batch.bytes.begin(), batch.bytes.end(), bytes.begin() + static_cast<long>(used));
    batches[count++] = {used, batch.bytes.size(), batch.segment_bytes};
    used += batch.bytes.size();
    return {SendStatus::sent, 0, static_cast<std::uint32_t>(batch.segments())};
  }
};

INSTANTIATE_TEST_SUITE_P(Allocation, EveryFormat, every_format(), name_of_format);

TEST_P(EveryFormat, SteadyTrafficAllocatesNothingAndLocksNothing) {
  connect();
  auto carrier = std::make_shared<BufferCarrier>();
  near.tell(AddBase{kBase, carrier});
  near.tun.put(build_super_frame({.payload = Bytes(60000, 1)}, 1400));
  near.tun.put(build_super_frame({.tcp = false, .payload = Bytes(6000, 1)}, 600));
  near.tun.put(build({.source_port = 4, .tcp_flags = 0x18, .payload = Bytes(10, 1)}));
  near.tun.put(build({.source_port = 5}));  // a pure ACK
  near.tun.put(build({.source = "fd00::101", .destination = "fd00::102", .payload = Bytes(900, 1)}));
  near.tun.put(build({.tcp = false, .dont_fragment = false, .payload = Bytes(2000, 1)}));
  far.tun.keep_written = false;
  const net::Endpoint from = endpoint("192.0.2.1:1000");

  const auto one_round = [&] {
    carrier->count = carrier->used = 0;
    near.tun.rewind();
    near.forwarder->on_tun_readable(near.now);
    for (std::size_t i = 0; i < carrier->count; ++i) {
      const auto& batch = carrier->batches[i];
      far.forwarder->on_received(
          {kBase, from, MutableByteView{carrier->bytes}.subspan(batch.at, batch.size), batch.segment_bytes},
          far.now);
    }
    far.forwarder->flush(far.now);
    far.forwarder->on_timeout(far.now);
    near.pass(1ms), far.pass(1ms);
  };
  // More than one burst, as FakeTun forgets its frames when it has run empty.
  for (int i = 0; i < 60; ++i)
    near.tun.put(build({.source_port = 6, .payload = Bytes(64, 1)}));
  one_round();
  const std::size_t written = far.tun.frames_written;
  ASSERT_GT(written, 6u);
  const std::size_t before = testing::allocations_of_this_thread();
  const std::size_t locks_before = locks_of_this_thread();
  for (int round = 0; round < 100; ++round)
    one_round();
  EXPECT_EQ(testing::allocations_of_this_thread() - before, 0u);
  EXPECT_EQ(locks_of_this_thread() - locks_before, 0u);
  EXPECT_EQ(far.tun.frames_written, written * 101);
  EXPECT_EQ(near.dropped_in_all() + far.dropped_in_all(), 0u);
}

TEST(AllocationCount, SeesAllocations) {
  const std::size_t before = testing::allocations_of_this_thread();
  delete new std::string(100, 'x');
  EXPECT_GT(testing::allocations_of_this_thread(), before);
}

#ifdef CAUSEWAY_COUNTS_LOCKS
TEST(LockCount, SeesLocks) {
  const std::size_t before = locks_of_this_thread();
  std::mutex mutex;
  { const std::scoped_lock lock(mutex); }
  std::shared_mutex shared;
  { const std::shared_lock lock(shared); }
  EXPECT_EQ(locks_of_this_thread() - before, 2u);
}
#endif

}  // namespace
}  // namespace causeway::dataplane
