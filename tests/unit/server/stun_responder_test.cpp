#include "server/src/net/stun_responder.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "stun/message.hpp"

namespace causeway::server {
namespace {

const net::Endpoint kSource = *net::Endpoint::parse("203.0.113.5:40000");

stun::TransactionId transaction() {
  SeededRandom random(3);
  return stun::make_transaction_id(random);
}

TEST(StunResponder, tells_the_source_address) {
  StunResponder responder;
  for (const char* text : {"203.0.113.5:40000", "[2001:db8::5]:40000"}) {
    const auto source = *net::Endpoint::parse(text);
    const auto reply = responder.answer(stun::encode_plain_binding_request(transaction()), source, {});
    ASSERT_TRUE(reply);
    const auto parsed = stun::parse_plain_binding_response(*reply);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->mapped, source);
    EXPECT_EQ(parsed->transaction, transaction());
  }
}

TEST(StunResponder, is_silent_to_everything_else) {
  StunResponder responder;
  const Bytes request = stun::encode_plain_binding_request(transaction());
  EXPECT_FALSE(responder.answer(stun::encode_plain_binding_success(transaction(), kSource), kSource, {}));
  EXPECT_FALSE(responder.answer(stun::encode_binding_error(transaction(), 400, ""), kSource, {}));
  EXPECT_FALSE(responder.answer(stun::encode_binding_indication(transaction()), kSource, {}));
  EXPECT_FALSE(responder.answer(request, {kSource.address, 0}, {}));
  for (std::size_t length = 0; length < request.size(); ++length) {
    EXPECT_FALSE(responder.answer(ByteView(request).first(length), kSource, {})) << length;
  }
  Bytes allocate = request;
  allocate[1] = 3;
  EXPECT_FALSE(responder.answer(allocate, kSource, {}));
  Bytes no_cookie = request;
  no_cookie[4] ^= 1;
  EXPECT_FALSE(responder.answer(no_cookie, kSource, {}));
}

TEST(StunResponder, random_bytes_do_no_harm) {
  StunResponder responder;
  SeededRandom random(4);
  const Bytes request = stun::encode_plain_binding_request(transaction());
  SteadyTime now{};
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes = request;
    bytes.resize(random.below(200));
    random.fill(MutableByteView(bytes).subspan(std::min<std::size_t>(bytes.size(), random.below(40))));
    now += 50ms;
    const auto reply = responder.answer(bytes, kSource, now);
    EXPECT_LE(reply ? reply->size() : 0U, 96U);
  }
}

TEST(StunResponder, one_source_gets_so_many_replies_and_no_more) {
  StunResponder responder;
  const Bytes request = stun::encode_plain_binding_request(transaction());
  SteadyTime now{};
  const auto count = [&](const net::Endpoint& source) {
    int replies = 0;
    for (int i = 0; i < 1000; ++i)
      replies += responder.answer(request, source, now) ? 1 : 0;
    return replies;
  };
  EXPECT_EQ(count(kSource), 50);
  EXPECT_EQ(count({kSource.address, 1}), 0) << "whatever the port";
  EXPECT_EQ(count(*net::Endpoint::parse("203.0.113.6:1")), 50);
  now += 1s;
  EXPECT_EQ(count(kSource), 20);
}

TEST(StunResponder, a_flood_of_sources_is_bounded) {
  StunResponder responder;
  const Bytes request = stun::encode_plain_binding_request(transaction());
  SteadyTime now{};
  std::size_t replies = 0;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    replies += responder.answer(request, {net::IpAddress::v4(0x0b000000U + i), 9}, now) ? 1 : 0;
  }
  EXPECT_EQ(replies, StunResponder::kMaxSources);
  now += 10s;
  EXPECT_TRUE(responder.answer(request, kSource, now));
}

}  // namespace
}  // namespace causeway::server
