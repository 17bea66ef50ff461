// Transport plugins under the host: their links, the calls of data threads, and the end of both.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "plugin/examination.hpp"
#include "plugin/host_services.hpp"
#include "plugin/link_codec.hpp"
#include "plugin/plugin_library.hpp"
#include "unit/plugin/host_fixture.hpp"

namespace causeway::plugin::test {
namespace {

constexpr auto kToy = "toy-transport";
const net::Endpoint kServer = *net::Endpoint::parse("198.51.100.9:3478");
const net::Endpoint kPeer = *net::Endpoint::parse("203.0.113.20:40000");

BaseView base(std::uint32_t id) {
  return {net::BaseId{id}, *net::Endpoint::parse(fmt::format("192.168.0.{}:41641", id)), "eth0"};
}

/// A host whose links are written down, not opened.
class Transport : public testing::Test {
 protected:
  Transport() {
    Host::Options options;
    options.private_directory = scratch_.path() / "run/plugins";
    options.seed = 7;
    HostCallbacks c;
    c.gathering_done = [this](const std::string&) { events_.emplace_back("done"); };
    c.open_link = [this](LinkRequest request) { opened_.push_back(std::move(request)); };
    c.close_link = [this](LinkId id) { closed_.push_back(id); };
    c.send_on_link = [this](LinkId, ByteView bytes) {
      sent_.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    c.link_allocated = [this](LinkId, const LinkAllocation& a) {
      events_.push_back("allocated " + a.relayed.to_string() + " " + a.label);
    };
    c.allocation_ending = [this](LinkId) { events_.emplace_back("ending"); };
    c.is_only_path = [this](const std::string&) { return is_only_path_; };
    c.allocation_lost = [this](LinkId, const std::string& reason) { events_.push_back("lost: " + reason); };
    host_.emplace(options, std::move(c), executor_);
  }

  Now now() const { return {SteadyTime(time_), WallTime(1'700'000'000s + time_)}; }
  void advance(Duration by) {
    time_ += by;
    host_->on_timeout(now());
  }
  std::optional<PluginView> row() {
    for (const PluginView& view : host_->list()) {
      if (view.name == kToy) return view;
    }
    return std::nullopt;
  }
  void configure(const std::string& mode, const std::string& uri = "turn:relay.example") {
    host_->set_configuration({.stun_servers = {}, .turn_servers = {{uri, {kServer}, mode, "", 0}}}, now());
  }
  void load(const std::string& mode = "") {
    configure(mode);
    host_->set_bases({base(1)}, now());
    const auto loaded = host_->load(test_plugin("toy-transport"), now());
    ASSERT_TRUE(loaded) << loaded.error().message;
  }
  void load_and_open(const std::string& mode = "") {
    load(mode);
    ASSERT_EQ(opened_.size(), 1U);
    host_->on_link_open(opened_[0].id, now());
  }
  void message(LinkId id, std::string_view text) {
    host_->on_link_message(id, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, now());
  }
  LinkId link() const { return opened_.front().id; }
  /// `told`: whether it was done.
  void reload(bool force, std::optional<bool>& told) {
    const auto examined = host_->examine(*host_->file_of(kToy));
    examined->run();
    host_->reload(kToy, *examined, force, now(),
                  [&told](const Result<void>& done) { told = done.has_value(); });
  }

  /// One packet with the room that the contract promises.
  struct Packet {
    explicit Packet(std::string_view text)
        : room(CW_PACKET_HEADROOM + text.size() + CW_PACKET_TAILROOM, std::uint8_t{0xee}) {
      std::copy(text.begin(), text.end(), room.begin() + CW_PACKET_HEADROOM);
      view = {sizeof(cw_packet), static_cast<std::uint32_t>(text.size()), room.data() + CW_PACKET_HEADROOM,
              to_c(kPeer), CW_PACKET_DROP};
    }
    std::string text() const { return {reinterpret_cast<const char*>(view.bytes), view.size}; }
    Bytes room;
    cw_packet view{};
  };

  ScratchDirectory scratch_;
  InlineExecutor executor_;
  Duration time_ = 1000s;
  std::vector<LinkRequest> opened_;
  std::vector<LinkId> closed_;
  std::vector<std::string> sent_;
  std::vector<std::string> events_;
  bool is_only_path_ = false;
  std::optional<Host> host_;
};

TEST_F(Transport, OpensALinkFromEachBaseAndIsToldWhatBecameOfIt) {
  load();
  EXPECT_EQ(row()->state, InstanceState::active);
  EXPECT_EQ(row()->kind, Kind::transport);
  ASSERT_EQ(opened_.size(), 1U);
  EXPECT_EQ(opened_[0].base, net::BaseId{1});
  EXPECT_EQ(opened_[0].kind, LinkKind::udp);
  EXPECT_EQ(opened_[0].server, kServer);
  EXPECT_EQ(opened_[0].transport, kToy);
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(events_, (std::vector<std::string>{"done"}));

  host_->on_link_open(link(), now());
  EXPECT_EQ(sent_, (std::vector<std::string>{"CHELLO"}));
  message(link(), "CADDR 198.51.100.9:50000");
  EXPECT_EQ(events_.back(), "allocated 198.51.100.9:50000 toy-udp");
  host_->want_peer(link(), kPeer, now());
  host_->drop_peer(link(), kPeer, now());
  EXPECT_EQ(sent_, (std::vector<std::string>{"CHELLO", "CWANT 40000", "CDROP 40000"}));
  message(link(), "CLOST");
  EXPECT_EQ(events_.back(), "lost: it said so");
  EXPECT_EQ(row()->faults, 0U);
  EXPECT_EQ(row()->links, 1U);
}

TEST_F(Transport, PutsOnAndTakesOffTheFraming) {
  load_and_open();
  LinkCodec& codec = *opened_[0].codec;
  Packet out("payload");
  codec.wrap(std::span(&out.view, 1));
  EXPECT_EQ(out.view.verdict, CW_PACKET_PASS);
  EXPECT_EQ(out.text(), std::string("D\xcb\x00\x71\x14\x9c\x40payload", 14));
  Packet in(out.text());
  in.view.peer = {};
  codec.unwrap(std::span(&in.view, 1));
  EXPECT_EQ(in.view.verdict, CW_PACKET_PASS);
  EXPECT_EQ(in.text(), "payload");
  EXPECT_EQ(from_c(in.view.peer), kPeer);
  Packet control("Chello"), noise("xyz");
  codec.unwrap(std::span(&control.view, 1));
  codec.unwrap(std::span(&noise.view, 1));
  EXPECT_EQ(control.view.verdict, CW_PACKET_CONTROL);
  EXPECT_EQ(noise.view.verdict, CW_PACKET_DROP);
  EXPECT_EQ(row()->data_calls, 4U);
  EXPECT_EQ(row()->data_faults, 0U);
}

TEST_F(Transport, WhatLeavesItsRoomIsDroppedAndCounted) {
  load_and_open();
  std::uint64_t faults = 0;
  for (const char* mode : {"before", "behind", "huge", "null", "verdict"}) {
    configure(mode);
    Packet out("payload");
    opened_[0].codec->wrap(std::span(&out.view, 1));
    EXPECT_EQ(out.view.verdict, CW_PACKET_DROP) << mode;
    EXPECT_EQ(row()->data_faults, ++faults) << mode;
  }
  for (const char* mode : {"before", "behind", "huge", "null", "verdict", "nobody"}) {
    configure(mode);
    Packet in(std::string("D\xcb\x00\x71\x14\x9c\x40payload", 14));
    opened_[0].codec->unwrap(std::span(&in.view, 1));
    EXPECT_EQ(in.view.verdict, CW_PACKET_DROP) << mode;
    EXPECT_EQ(row()->data_faults, ++faults) << mode;
  }
}

TEST_F(Transport, FailuresOfDataThreadsAreFaultsBySeconds) {
  load_and_open();
  for (const char* mode : {"fail", "throw"}) {
    configure(mode);
    Packet out("payload");
    opened_[0].codec->wrap(std::span(&out.view, 1));
    EXPECT_EQ(out.view.verdict, CW_PACKET_DROP) << mode;
  }
  advance(1s);
  EXPECT_EQ(row()->faults, 1U) << "a second of failures is one";
  configure("");
  Packet good("payload");
  opened_[0].codec->wrap(std::span(&good.view, 1));
  advance(1s);
  configure("fail");
  for (int second = 0; second < 3; ++second) {
    EXPECT_EQ(row()->state, InstanceState::active);
    Packet out("payload");
    opened_[0].codec->wrap(std::span(&out.view, 1));
    advance(1s);
  }
  EXPECT_EQ(row()->state, InstanceState::failed);
  EXPECT_NE(row()->reason.find("in 3 seconds in a row"), std::string::npos) << row()->reason;
  EXPECT_EQ(closed_, (std::vector<LinkId>{link()})) << "its links go with it";
}

TEST_F(Transport, FaultsOnThePluginThreadFailItToo) {
  load_and_open();
  message(link(), "CFAIL");
  message(link(), "CTHROW");
  EXPECT_EQ(row()->faults, 2U);
  message(link(), "CFAIL");
  EXPECT_EQ(row()->state, InstanceState::failed);
  EXPECT_EQ(closed_.size(), 1U);
  message(link(), "CADDR 198.51.100.9:50000");
  EXPECT_EQ(events_, (std::vector<std::string>{"done"})) << "it is not called any more";
}

TEST_F(Transport, MisusedServicesRefuse) {
  load("services");
  EXPECT_EQ(row()->faults, 0U);
}

TEST_F(Transport, TimersFire) {
  load_and_open();
  message(link(), "CTIMER");
  advance(999ms);
  EXPECT_EQ(sent_.back(), "CHELLO");
  advance(1ms);
  EXPECT_EQ(sent_.back(), "CTICK");
}

TEST_F(Transport, ALinkGoesWithItsBase) {
  load_and_open();
  host_->set_bases({base(2)}, now());
  EXPECT_EQ(closed_, (std::vector<LinkId>{link()}));
  ASSERT_EQ(opened_.size(), 2U);
  EXPECT_EQ(opened_[1].base, net::BaseId{2});
  Packet out("payload");
  opened_[0].codec->wrap(std::span(&out.view, 1));
  EXPECT_EQ(out.view.verdict, CW_PACKET_DROP) << "nothing of a closed link reaches the plugin";
  host_->on_link_open(opened_[1].id, now());
  message(opened_[1].id, "CCLOSED?");
  EXPECT_EQ(sent_.back(), "C0") << "set_bases said it: there is no on_link";
}

TEST_F(Transport, AClosedLinkIsToldOnceAndItsIdIsFree) {
  load_and_open();
  host_->on_link_closed(link(), "connection reset", now());
  host_->on_link_closed(link(), "again", now());
  message(link(), "CADDR 198.51.100.9:50000");
  EXPECT_EQ(events_, (std::vector<std::string>{"done"}));
  host_->set_bases({base(1)}, now());  // it opens the same id again
  ASSERT_EQ(opened_.size(), 2U);
  EXPECT_NE(opened_[1].id, opened_[0].id);
  host_->on_link_open(opened_[1].id, now());
  message(opened_[1].id, "CCLOSED?");
  EXPECT_EQ(sent_.back(), "C1");
}

TEST_F(Transport, WhatIsSaidOfAnEarlierLinkOfTheSameIdDoesNotReachTheNewOne) {
  load_and_open();
  message(link(), "CAGAIN");
  ASSERT_EQ(opened_.size(), 2U);
  EXPECT_EQ(closed_, (std::vector<LinkId>{opened_[0].id}));
  host_->on_link_closed(opened_[0].id, "late news", now());
  host_->on_link_open(opened_[1].id, now());
  message(opened_[1].id, "CCLOSED?");
  EXPECT_EQ(sent_.back(), "C0");
}

TEST_F(Transport, ALinkOfNoBaseEndsAtOnce) {
  load();
  host_->set_bases({}, now());
  EXPECT_EQ(closed_.size(), 1U);
  EXPECT_EQ(row()->links, 0U);
}

TEST_F(Transport, UnloadClosesItsLinksAndIsGone) {
  load_and_open();
  const auto codec = opened_[0].codec;
  const auto copy = scratch_.path() / "run/plugins/toy-transport.1.so";
  EXPECT_TRUE(is_mapped(copy));
  ASSERT_TRUE(host_->unload(kToy, now()));
  EXPECT_EQ(closed_, (std::vector<LinkId>{link()}));
  EXPECT_FALSE(row());
  EXPECT_FALSE(is_mapped(copy)) << "although a carrier still holds the codec";
  Packet out("payload");
  codec->wrap(std::span(&out.view, 1));
  EXPECT_EQ(out.view.verdict, CW_PACKET_DROP);
  EXPECT_EQ(codec->frame(out.room), -1);
}

TEST_F(Transport, ItsLastWordsAreSentBeforeItsLinksAreClosed) {
  load_and_open();
  const std::size_t before = sent_.size();
  ASSERT_TRUE(host_->unload(kToy, now()));
  ASSERT_EQ(sent_.size(), before + 1);
  EXPECT_EQ(sent_.back(), "CBYE");
  EXPECT_EQ(closed_, (std::vector<LinkId>{link()})) << "and what it left open is closed";
}

TEST_F(Transport, StopLetsAllSayTheirLastWords) {
  load_and_open();
  bool is_stopped = false;
  host_->stop([&] { is_stopped = true; });
  EXPECT_TRUE(is_stopped);
  EXPECT_EQ(sent_.back(), "CBYE");
  EXPECT_EQ(closed_.size(), 1U);
  EXPECT_TRUE(host_->list().empty());
}

TEST_F(Transport, AReloadedOneCarriesDataUntilTheNewGenerationIsReady) {
  load_and_open();
  message(link(), "CADDR 198.51.100.9:50000");
  std::optional<bool> told;
  reload(false, told);
  ASSERT_EQ(opened_.size(), 2U) << "make before break: its own link";
  EXPECT_TRUE(closed_.empty());
  host_->on_link_open(opened_[1].id, now());
  EXPECT_EQ(sent_.back(), "CHELLO");
  message(link(), "CTIMER");
  advance(1s);
  EXPECT_EQ(sent_.back(), "CTICK") << "the old one is wholly alive";
  EXPECT_FALSE(told);
  message(opened_[1].id, "CADDR 198.51.100.9:50001");
  EXPECT_EQ(told, true);
  Packet out("payload");
  opened_[0].codec->wrap(std::span(&out.view, 1));
  EXPECT_EQ(out.view.verdict, CW_PACKET_PASS) << "until paths have moved";
  advance(1s);
  EXPECT_NE(events_.back(), "ending");
  advance(500ms);
  EXPECT_EQ(events_.back(), "ending") << "paths leave it";
  advance(1s);
  EXPECT_TRUE(closed_.empty()) << "peers may still send by it";
  advance(500ms);
  EXPECT_EQ(closed_, (std::vector<LinkId>{opened_[0].id}));
  EXPECT_EQ(sent_.back(), "CBYE");
  ASSERT_EQ(host_->list().size(), 1U);
  EXPECT_EQ(host_->list()[0].generation, 2U);
}

TEST_F(Transport, TheOnlyPathIsNotGivenUpWhereThereIsNoSecondAllocation) {
  load_and_open();
  message(link(), "CADDR 198.51.100.9:50000");
  is_only_path_ = true;
  std::optional<bool> told;
  reload(false, told);
  host_->on_link_closed(opened_[1].id, "quota reached", now());
  EXPECT_EQ(told, false);
  ASSERT_EQ(host_->list().size(), 1U);
  EXPECT_EQ(host_->list()[0].generation, 1U);
  EXPECT_TRUE(host_->list()[0].reason.starts_with("generation 2 was taken back: it got no second allocation"))
      << host_->list()[0].reason;
  advance(20s);
  EXPECT_EQ(closed_, (std::vector<LinkId>{opened_[1].id}));
  Packet out("payload");
  opened_[0].codec->wrap(std::span(&out.view, 1));
  EXPECT_EQ(out.view.verdict, CW_PACKET_PASS);
}

TEST_F(Transport, ASilentServerIsNoSecondAllocationEither) {
  load_and_open();
  message(link(), "CADDR 198.51.100.9:50000");
  is_only_path_ = true;
  std::optional<bool> told;
  reload(false, told);
  advance(14s);
  EXPECT_FALSE(told);
  advance(1s);
  EXPECT_EQ(told, false);
  EXPECT_EQ(host_->list().size(), 1U);
}

TEST_F(Transport, ByForceTheOldOneIsGivenUpFirst) {
  load_and_open();
  message(link(), "CADDR 198.51.100.9:50000");
  is_only_path_ = true;
  std::optional<bool> told;
  reload(true, told);
  host_->on_link_closed(opened_[1].id, "quota reached", now());
  EXPECT_EQ(told, true);
  EXPECT_EQ(sent_.back(), "CBYE") << "given back before it is asked for anew";
  ASSERT_EQ(opened_.size(), 3U);
  ASSERT_EQ(host_->list().size(), 1U);
  EXPECT_EQ(host_->list()[0].generation, 2U);
  host_->on_link_open(opened_[2].id, now());
  EXPECT_EQ(sent_.back(), "CHELLO");
}

TEST_F(Transport, PassesItsSelfCheckAndTheProbe) {
  Host::Options options;
  options.private_directory = scratch_.path() / "probed";
  options.probe_program = probe_program();
  options.probe_limit = 20s;
  Host probing(options, {}, executor_);
  const auto loaded = probing.load(test_plugin("toy-transport"), now());
  EXPECT_TRUE(loaded) << loaded.error().message;
}

TEST_F(Transport, OneThatFailsItsSelfCheckIsRefused) {
  const auto lying = host_->load(test_plugin("lying-transport"), now());
  ASSERT_FALSE(lying);
  EXPECT_TRUE(lying.error().message.ends_with("self-check: wrap or unwrap left the room that a packet has"))
      << lying.error().message;
  const auto throwing = host_->load(test_plugin("throwing-transport"), now());
  ASSERT_FALSE(throwing);
  EXPECT_TRUE(throwing.error().message.ends_with("self-check: on_message failed (CW_ERROR_EXCEPTION)"))
      << throwing.error().message;
  EXPECT_TRUE(host_->list().empty());
}

/// Runs nothing until it is told to.
class HeldExecutor final : public Executor {
 public:
  void run(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  void post_to_control(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  void run_all() {
    while (!tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

 private:
  std::deque<std::function<void()>> tasks_;
};

TEST(TransportFlood, MessagesThatWaitForThePluginAreBounded) {
  ScratchDirectory scratch;
  HeldExecutor executor;
  const Now now{SteadyTime(1000s), WallTime(1'700'000'000s)};
  std::vector<LinkRequest> opened;
  std::size_t allocated = 0;
  Host::Options options;
  options.private_directory = scratch.path() / "run/plugins";
  HostCallbacks callbacks;
  callbacks.open_link = [&](LinkRequest request) { opened.push_back(std::move(request)); };
  callbacks.link_allocated = [&](LinkId, const LinkAllocation&) { ++allocated; };
  Host host(options, callbacks, executor);
  host.set_configuration({.stun_servers = {}, .turn_servers = {{"turn:x", {kServer}, "", "", 0}}}, now);
  host.set_bases({base(1)}, now);
  ASSERT_TRUE(host.load(test_plugin("toy-transport"), now));
  executor.run_all();
  ASSERT_EQ(opened.size(), 1U);
  host.on_link_open(opened[0].id, now);
  const std::string_view text = "CADDR 198.51.100.9:50000";
  const ByteView bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  std::size_t taken = 0;
  for (int i = 0; i < 500; ++i)
    taken += host.on_link_message(opened[0].id, bytes, now) ? 1 : 0;
  EXPECT_EQ(taken, 128U);
  executor.run_all();
  EXPECT_EQ(allocated, 128U);
  EXPECT_TRUE(host.on_link_message(opened[0].id, bytes, now)) << "and there is room again";
  executor.run_all();
  EXPECT_EQ(allocated, 129U);
  ASSERT_TRUE(host.unload(kToy, now));
  executor.run_all();
}

/// The real executor, and data threads that never stop calling.
TEST(TransportThreads, UnloadWaitsForTheCallsUnderWay) {
  ScratchDirectory scratch;
  std::mutex mutex;
  std::deque<std::function<void()>> posted;
  ThreadExecutor executor([&](std::function<void()> task) {
    const std::lock_guard lock(mutex);
    posted.push_back(std::move(task));
  });
  const auto run_posted_until = [&](auto condition) {
    while (!condition()) {
      std::function<void()> task;
      {
        const std::lock_guard lock(mutex);
        if (!posted.empty()) {
          task = std::move(posted.front());
          posted.pop_front();
        }
      }
      if (task) task();
      std::this_thread::yield();
    }
  };
  const Now now{SteadyTime(1000s), WallTime(1'700'000'000s)};
  std::vector<LinkRequest> opened;
  Host::Options options;
  options.private_directory = scratch.path() / "run/plugins";
  options.call_budget = 20s;
  HostCallbacks callbacks;
  callbacks.open_link = [&](LinkRequest request) { opened.push_back(std::move(request)); };
  Host host(options, callbacks, executor);
  host.set_configuration({.stun_servers = {}, .turn_servers = {{"turn:x", {kServer}, "", "", 0}}}, now);
  host.set_bases({base(1)}, now);
  for (int round = 0; round < 5; ++round) {
    opened.clear();
    ASSERT_TRUE(host.load(test_plugin("toy-transport"), now));
    run_posted_until([&] { return !opened.empty(); });
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> passed{0};
    std::vector<std::thread> loops;
    for (int i = 0; i < 3; ++i) {
      loops.emplace_back([codec = opened[0].codec, &stop, &passed] {
        Bytes room(CW_PACKET_HEADROOM + 100 + CW_PACKET_TAILROOM);
        while (!stop) {
          cw_packet packet = {sizeof(cw_packet), 100, room.data() + CW_PACKET_HEADROOM, to_c(kPeer),
                              CW_PACKET_DROP};
          codec->wrap(std::span(&packet, 1));
          if (packet.verdict == CW_PACKET_PASS) ++passed;
        }
      });
    }
    run_posted_until([&] { return passed > 1000; });
    ASSERT_TRUE(host.unload(kToy, now));
    run_posted_until([&] { return host.list().empty(); });
    EXPECT_FALSE(is_mapped(scratch.path() / fmt::format("run/plugins/toy-transport.{}.so", round + 1)));
    stop = true;
    for (std::thread& loop : loops)
      loop.join();
  }
}

}  // namespace
}  // namespace causeway::plugin::test
