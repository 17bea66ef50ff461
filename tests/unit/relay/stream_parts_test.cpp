// The parts of a stream link without a socket: cutting, the two queues, URIs.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "relay/stream_carrier.hpp"
#include "relay/stream_transfer.hpp"
#include "relay/turn_uri.hpp"
#include "unit/relay/toy_codec.hpp"

namespace causeway::relay {
namespace {

using dataplane::ReceiveStatus;
using dataplane::SendStatus;
using test::message;
using test::relayed;
using test::text_of;
using test::ToyCodec;

const net::Endpoint kAnna = *net::Endpoint::parse("203.0.113.20:40000");
const net::Endpoint kBob = *net::Endpoint::parse("203.0.113.21:40001");

void feed(StreamCutter& cutter, ByteView bytes) {
  const MutableByteView room = cutter.room();
  ASSERT_GE(room.size(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), room.begin());
  cutter.append(bytes.size());
}

TEST(StreamCutter, CutsWhateverWayTheStreamIsSplit) {
  ToyCodec codec(true);
  Bytes stream;
  for (const char* text : {"Cone", "Ctwo", "", "Cthree"}) {
    const Bytes bytes = message(text);
    stream.insert(stream.end(), bytes.begin(), bytes.end());
  }
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    StreamCutter cutter(codec);
    std::string all;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      feed(cutter, ByteView(stream).subspan(at, std::min(step, stream.size() - at)));
      for (auto cut = cutter.next(); !cut.empty(); cut = cutter.next()) {
        for (const MutableByteView one : cut)
          all += text_of(one.subspan(2)) + ";";
      }
      cutter.compact();
      ASSERT_FALSE(cutter.failed());
    }
    EXPECT_EQ(all, "Cone;Ctwo;;Cthree;") << "in steps of " << step;
    EXPECT_FALSE(cutter.has_partial());
  }
}

TEST(StreamCutter, GivesAtMostOneCallOfTheCodecAtATime) {
  ToyCodec codec(true);
  StreamCutter cutter(codec);
  Bytes stream;
  for (int i = 0; i < 150; ++i) {
    stream.push_back(0);
    stream.push_back(0);
  }
  feed(cutter, stream);
  EXPECT_EQ(cutter.next().size(), 64U);
  EXPECT_EQ(cutter.next().size(), 64U);
  EXPECT_EQ(cutter.next().size(), 22U);
  EXPECT_TRUE(cutter.next().empty());
}

TEST(StreamCutter, FailsOnWhatIsNotTheProtocol) {
  ToyCodec codec(true);
  for (const Bytes& bad : {Bytes{0xff, 0xff}, Bytes{0xff, 0xfe, 'x'}}) {
    StreamCutter cutter(codec);
    feed(cutter, message("Cgood"));
    feed(cutter, bad);
    EXPECT_EQ(cutter.next().size(), 1U) << "what came before counts";
    EXPECT_TRUE(cutter.failed());
    EXPECT_TRUE(cutter.next().empty());
  }
}

/// Never satisfied: as if a message were endless.
class Insatiable final : public plugin::LinkCodec {
  void wrap(std::span<cw_packet>) noexcept override {}
  void unwrap(std::span<cw_packet>) noexcept override {}
  std::int64_t frame(ByteView) noexcept override { return 0; }
};

TEST(StreamCutter, FailsWhenNoMessageEnds) {
  Insatiable codec;
  StreamCutter cutter(codec);
  std::size_t fed = 0;
  const Bytes block(4000, 'x');
  while (!cutter.failed() && fed < 200'000) {
    ASSERT_FALSE(cutter.room().empty());
    feed(cutter, block);
    fed += block.size();
    EXPECT_TRUE(cutter.next().empty());
    cutter.compact();
  }
  EXPECT_LE(fed, CW_MAX_STREAM_MESSAGE + block.size());
}

TEST(StreamCarrier, PushesWholeMessagesUntilFull) {
  StreamCarrier carrier(std::make_shared<ToyCodec>(true));
  const Bytes batch(60 * 1000, 'x');
  std::size_t sent = 0;
  dataplane::SendOutcome outcome;
  do {
    outcome = carrier.send(kAnna, {batch, 1000});
    sent += outcome.segments_sent;
  } while (outcome.status == SendStatus::sent);
  EXPECT_EQ(outcome.status, SendStatus::would_block);
  EXPECT_EQ(sent, ByteOutbox::kMostBytes / 1009);
  EXPECT_TRUE(carrier.outbox().push_urgent(message("Crefresh"))) << "there is room left for the plugin's own";
  std::vector<std::uint8_t> taken;
  carrier.outbox().take(taken);
  EXPECT_EQ(taken.size(), sent * 1009 + 10);
  EXPECT_EQ(text_of(ByteView(taken).first(1009)), text_of(relayed(kAnna, std::string(1000, 'x'), true)));
  EXPECT_EQ(carrier.send(kAnna, {batch, 1000}).status, SendStatus::sent) << "and room again";
  EXPECT_EQ(carrier.counters().dropped_queue_full, 60 - sent % 60);
  carrier.set_broken();
  EXPECT_EQ(carrier.send(kAnna, {batch, 1000}).status, SendStatus::unreachable);
}

TEST(StreamCarrier, TheOutboxTellsWhenItIsFilled) {
  ByteOutbox outbox;
  const auto is_readable = [&] {
    pollfd poll{outbox.descriptor(), POLLIN, 0};
    return ::poll(&poll, 1, 0) == 1;
  };
  const Bytes bytes = {1, 2, 3};
  const ByteView view(bytes);
  EXPECT_FALSE(is_readable());
  EXPECT_EQ(outbox.push(std::span(&view, 1)), 1U);
  EXPECT_TRUE(is_readable());
  std::vector<std::uint8_t> taken;
  outbox.take(taken);
  EXPECT_EQ(taken, bytes);
  EXPECT_FALSE(is_readable());
  EXPECT_EQ(outbox.push({}), 0U);
  EXPECT_FALSE(is_readable());
}

TEST(StreamCarrier, TakesMessagesApart) {
  StreamCarrier carrier(std::make_shared<ToyCodec>(true));
  carrier.set_allocated(true);
  carrier.set_base(net::BaseId{5});
  std::vector<Bytes> bytes = {
      relayed(kAnna, "one", true),  relayed(kAnna, "two", true), message("Chello"),          message("?"),
      relayed(kBob, "three", true), relayed(kBob, "4", true),    relayed(kBob, "five", true)};
  std::vector<MutableByteView> messages(bytes.begin(), bytes.end());
  std::string control;
  carrier.take_apart(messages, [&](ByteView one) { control += text_of(one.subspan(2)); });
  EXPECT_EQ(control, "Chello");
  EXPECT_EQ(carrier.counters().dropped_by_unwrap, 1U);

  pollfd poll{carrier.descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&poll, 1, 0), 1);
  std::string got;
  dataplane::ReceivedBatch batch;
  while (carrier.receive({}, batch) == ReceiveStatus::received) {
    EXPECT_EQ(batch.base, net::BaseId{5});
    got += batch.from.to_string() + " " + std::to_string(batch.segment_bytes) + " " + text_of(batch.bytes) +
           "\n";
  }
  EXPECT_EQ(got,
            "203.0.113.20:40000 3 onetwo\n"
            "203.0.113.21:40001 5 three4\n"
            "203.0.113.21:40001 4 five\n");
  EXPECT_EQ(::poll(&poll, 1, 0), 0);
}

TEST(DatagramInbox, IsBounded) {
  DatagramInbox inbox;
  const Bytes datagram(1400, 'x');
  std::size_t pushed = 0;
  while (inbox.push(kAnna, datagram))
    ++pushed;
  EXPECT_EQ(pushed, DatagramInbox::kMostBytes / 1400);
  dataplane::ReceivedBatch batch;
  std::size_t got = 0;
  while (inbox.receive(batch) == ReceiveStatus::received) {
    EXPECT_LE(batch.bytes.size(), dataplane::kReceiveBytes);
    got += batch.bytes.size();
  }
  EXPECT_EQ(got, pushed * 1400);
  std::size_t groups = 0;
  while (inbox.push(groups % 2 == 0 ? kAnna : kBob, ByteView(datagram).first(1)))
    ++groups;
  EXPECT_EQ(groups, DatagramInbox::kMostGroups);
}

TEST(TurnUri, ReadsWhatRfc7065Allows) {
  const auto is = [](const char* uri, const char* host, std::uint16_t port) {
    return parse_turn_uri(uri) == TurnUri{host, port};
  };
  EXPECT_TRUE(is("turn:relay.example", "relay.example", 3478));
  EXPECT_TRUE(is("turn:relay.example:80?transport=tcp", "relay.example", 80));
  EXPECT_TRUE(is("turns:relay.example", "relay.example", 5349));
  EXPECT_TRUE(is("turn:192.0.2.1:3478?transport=udp", "192.0.2.1", 3478));
  EXPECT_TRUE(is("turn:[2001:db8::1]", "2001:db8::1", 3478));
  EXPECT_TRUE(is("turns:[2001:db8::1]:443?transport=tcp", "2001:db8::1", 443));
}

TEST(TurnUri, RefusesEverythingElse) {
  for (const char* uri :
       {"", "turn:", "stun:relay.example", "turn", "relay.example", "turn:relay.example:", "turn::3478",
        "turn:relay.example:0", "turn:relay.example:65536", "turn:relay.example:34a", "turn:a b",
        "turn:relay.example?transport=sctp", "turn:relay.example?x", "turn:[2001:db8::1", "turn:[192.0.2.1]",
        "turn:[2001:db8::1]x", "turn:[2001:db8::1]:", "turn://relay.example", "turn:user@relay.example"})
    EXPECT_FALSE(parse_turn_uri(uri)) << uri;
  EXPECT_FALSE(parse_turn_uri(fmt::format("turn:{:a>254}", "")));
}

}  // namespace
}  // namespace causeway::relay
