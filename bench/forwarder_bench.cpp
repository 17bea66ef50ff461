// What the data plane's own code costs, without a kernel: frames from a TUN in memory are sealed, opened and
// joined.
#include <benchmark/benchmark.h>

#include <cstring>

#include "dataplane/forwarder.hpp"
#include "packet/checksum.hpp"
#include "packet/coalescer.hpp"
#include "packet/segmenter.hpp"
#include "packet/vnet.hpp"

namespace causeway::dataplane {
namespace {

constexpr net::BaseId kBase{1};
constexpr PeerId kPeer{1};
constexpr Now kNow{SteadyTime{1000s}, WallTime{1'700'000'000s}};

/// A TCP super-frame from 10.0.0.1 to 10.0.0.2 as the kernel hands it out.
struct Frame {
  Frame(std::size_t payload, std::uint16_t segment) : bytes(40 + payload, 0x5a) {
    std::memset(bytes.data(), 0, 40);
    bytes[0] = 0x45;
    packet::store_be16(bytes.data() + 2, static_cast<std::uint16_t>(bytes.size()));
    bytes[6] = 0x40, bytes[8] = 64, bytes[9] = packet::kTcp;
    packet::store_be32(bytes.data() + 12, 0x0a000001);
    packet::store_be32(bytes.data() + 16, 0x0a000002);
    bytes[32] = 0x50, bytes[33] = 0x10;
    packet::ChecksumSum sum;
    sum.add_pseudo_header(bytes.data(), true, packet::kTcp, static_cast<std::uint32_t>(bytes.size() - 20));
    packet::store_be16(bytes.data() + 36, sum.partial());
    header = {.flags = packet::vnet::kNeedsChecksum,
              .gso_type = payload > segment ? packet::vnet::kGsoTcpV4 : packet::vnet::kGsoNone,
              .header_bytes = 40,
              .gso_bytes = segment,
              .checksum_start = 20,
              .checksum_offset = 16};
  }
  tun::VnetHeader header;
  Bytes bytes;
};

/// Hands the same frame out `left` times, and forgets what is written.
struct MemoryTun final : tun::TunDevice {
  const Frame* frame = nullptr;
  std::size_t left = 0;
  std::string called = "memory";
  ReadResult read(MutableByteView buffer) noexcept override {
    if (left == 0) return {};
    --left;
    std::memcpy(buffer.data(), frame->bytes.data(), frame->bytes.size());
    return {ReadResult::Status::frame, frame->header, frame->bytes.size()};
  }
  int write(const tun::VnetHeader&, ByteView packet) noexcept override {
    benchmark::DoNotOptimize(packet.data());
    return 0;
  }
  int descriptor() const override { return -1; }
  tun::TunOffloads offloads() const override { return {true, true, true}; }
  const std::string& name() const override { return called; }
};

struct SilentSink final : EventSink {
  bool push(Event&&) noexcept override { return true; }
};

/// Keeps the last batches, so that the other side can open them.
struct KeepingCarrier final : Carrier {
  Bytes bytes;
  std::vector<std::pair<std::size_t, std::uint16_t>> batches;
  SendOutcome send(const net::Endpoint&, const SendBatch& batch) noexcept override {
    bytes.insert(bytes.end(), batch.bytes.begin(), batch.bytes.end());
    batches.emplace_back(batch.bytes.size(), batch.segment_bytes);
    return {SendStatus::sent, 0, static_cast<std::uint32_t>(batch.segments())};
  }
};

struct Side {
  explicit Side(bool first) {
    ForwardingSnapshot snapshot;
    snapshot.local_addresses = {net::IpAddress::v4(first ? 0x0a000001 : 0x0a000002)};
    snapshot.entries = {
        {net::Prefix::containing(net::IpAddress::v4(first ? 0x0a000002 : 0x0a000001), 32), kPeer}};
    session::KeypairMaterial material;
    material.local_index = first ? 1 : 2;
    material.remote_index = first ? 2 : 1;
    material.is_initiator = first;
    material.created = kNow.steady;
    forwarder.apply(AddBase{kBase, carrier}, kNow);
    forwarder.apply(AddPeer{kPeer, session::PeerKind::causeway, std::make_shared<PeerCounters>()}, kNow);
    forwarder.apply(SetForwarding{std::make_shared<const ForwardingSnapshot>(snapshot)}, kNow);
    forwarder.apply(SetPath{kPeer, DataPath{kBase, net::Endpoint{net::IpAddress::v4(0xc0000201), 1}, 1500}},
                    kNow);
    forwarder.apply(InstallPeerKeypair{kPeer, material}, kNow);
  }
  MemoryTun tun;
  SilentSink events;
  DropCounters drops;
  std::shared_ptr<KeepingCarrier> carrier = std::make_shared<KeepingCarrier>();
  Forwarder forwarder{tun, events, drops};
};

/// TUN to network to TUN: read, split, checksum, seal, open, verify, join.
void there(benchmark::State& state) {
  const auto payload = static_cast<std::size_t>(state.range(0));
  const Frame frame(payload, 1400);
  Side near(true), far(false);
  near.tun.frame = &frame;
  near.carrier->bytes.reserve(1 << 20);
  for (auto _ : state) {
    near.carrier->bytes.clear();
    near.carrier->batches.clear();
    near.tun.left = 1;
    near.forwarder.on_tun_readable(kNow);
    std::size_t at = 0;
    for (const auto& [size, segment] : near.carrier->batches) {
      const MutableByteView bytes = MutableByteView{near.carrier->bytes}.subspan(at, size);
      far.forwarder.on_received({kBase, net::Endpoint{net::IpAddress::v4(0xc0000202), 1}, bytes, segment},
                                kNow);
      at += size;
    }
    far.forwarder.flush(kNow);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(payload) * state.iterations());
}
BENCHMARK(there)->Arg(64)->Arg(1400)->Arg(64000);

void split(benchmark::State& state) {
  const Frame frame(64000, 1400);
  Bytes packet(frame.bytes.size());
  for (auto _ : state) {
    std::memcpy(packet.data(), frame.bytes.data(), packet.size());
    auto segmenter = packet::Segmenter::make(frame.header, packet, *packet::IpView::parse(packet));
    while (!segmenter->is_done())
      benchmark::DoNotOptimize(segmenter->next().data());
  }
  state.SetBytesProcessed(64000 * state.iterations());
}
BENCHMARK(split);

void checksum_of(benchmark::State& state) {
  const Bytes bytes(static_cast<std::size_t>(state.range(0)), 0x5a);
  for (auto _ : state)
    benchmark::DoNotOptimize(packet::checksum(bytes));
  state.SetBytesProcessed(state.range(0) * state.iterations());
}
BENCHMARK(checksum_of)->Arg(64)->Arg(1400)->Arg(64000);

}  // namespace
}  // namespace causeway::dataplane

BENCHMARK_MAIN();
