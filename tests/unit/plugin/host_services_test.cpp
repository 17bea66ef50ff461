// The services as plugin code calls them: bounds and wrong arguments.
#include "plugin/host_services.hpp"

#include <gtest/gtest.h>

namespace causeway::plugin {
namespace {

class Services : public ::testing::Test {
 protected:
  template <class Table>
  const Table& table(const char* id) {
    const void* given = services_.host()->get_extension(services_.host(), id);
    EXPECT_NE(given, nullptr) << id;
    return *static_cast<const Table*>(given);
  }
  const cw_host* host() const { return services_.host(); }

  ServiceHost services_{"test", 7};
  const cw_address address_ = {4, 0, 4000, {203, 0, 113, 9}};
};

TEST_F(Services, UnknownExtensionsAreNull) {
  EXPECT_EQ(host()->get_extension(host(), "causeway.host.stream/1"), nullptr);
  EXPECT_EQ(host()->get_extension(host(), ""), nullptr);
  EXPECT_EQ(host()->get_extension(host(), nullptr), nullptr);
}

TEST_F(Services, ClockIsTheMomentOfTheCall) {
  services_.begin({SteadyTime(5s), WallTime(9s)});
  cw_now now{};
  table<cw_host_clock>(CW_EXT_HOST_CLOCK).now(host(), &now);
  EXPECT_EQ(now.steady_ns, 5'000'000'000);
  EXPECT_EQ(now.wall_ns, 9'000'000'000);
}

TEST_F(Services, RandomReplaysFromItsSeed) {
  const auto draw = [](std::uint64_t seed) {
    ServiceHost services("x", seed);
    Bytes bytes(100);
    static_cast<const cw_host_random*>(services.host()->get_extension(services.host(), CW_EXT_HOST_RANDOM))
        ->fill(services.host(), bytes.data(), bytes.size());
    return bytes;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

TEST_F(Services, WrongArgumentsAreRefused) {
  const auto& udp = table<cw_host_udp>(CW_EXT_HOST_UDP);
  const auto& candidates = table<cw_host_candidates>(CW_EXT_HOST_CANDIDATES);
  const std::uint8_t byte = 0;
  const cw_address no_family = {9, 0, 1, {}};
  EXPECT_EQ(udp.send(host(), 1, &address_, &byte, 0), CW_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(udp.send(host(), 1, &address_, &byte, 65536), CW_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(udp.send(host(), 1, nullptr, &byte, 1), CW_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(udp.send(host(), 1, &no_family, &byte, 1), CW_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(candidates.found(host(), 1, 77, &address_), CW_ERROR_INVALID_ARGUMENT);
  const cw_address loopback = {4, 0, 1, {127, 0, 0, 1}};
  EXPECT_EQ(candidates.found(host(), 1, CW_CANDIDATE_SERVER_REFLEXIVE, &loopback), CW_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(table<cw_host_timer>(CW_EXT_HOST_TIMER).set(host(), CW_MAX_TIMERS, 1), CW_ERROR_LIMIT);
  EXPECT_TRUE(services_.take().empty());
}

TEST_F(Services, RequestsOfOneCallAreBounded) {
  const auto& udp = table<cw_host_udp>(CW_EXT_HOST_UDP);
  const std::uint8_t byte = 0;
  std::size_t taken = 0;
  while (taken < 10'000 && udp.send(host(), 1, &address_, &byte, 1) == CW_OK)
    ++taken;
  EXPECT_EQ(taken, 512U);
  EXPECT_EQ(services_.take().size(), taken);
  EXPECT_EQ(udp.send(host(), 1, &address_, &byte, 1), CW_OK) << "the next call has its own";
}

TEST_F(Services, CandidatesHeldAreBounded) {
  const auto& candidates = table<cw_host_candidates>(CW_EXT_HOST_CANDIDATES);
  cw_address address = address_;
  for (address.port = 1; address.port <= 64; ++address.port) {
    EXPECT_EQ(candidates.found(host(), 1, CW_CANDIDATE_SERVER_REFLEXIVE, &address), CW_OK);
  }
  EXPECT_EQ(candidates.found(host(), 1, CW_CANDIDATE_SERVER_REFLEXIVE, &address), CW_ERROR_LIMIT);
  address.port = 64;
  EXPECT_EQ(candidates.lost(host(), 1, &address), CW_OK);
  EXPECT_EQ(candidates.found(host(), 1, CW_CANDIDATE_SERVER_REFLEXIVE, &address_), CW_OK);
}

TEST_F(Services, AfterDrainNothingIsDone) {
  services_.drain();
  const std::uint8_t byte = 0;
  EXPECT_EQ(table<cw_host_udp>(CW_EXT_HOST_UDP).send(host(), 1, &address_, &byte, 1), CW_ERROR_WRONG_STATE);
  EXPECT_EQ(table<cw_host_candidates>(CW_EXT_HOST_CANDIDATES).done(host()), CW_ERROR_WRONG_STATE);
  EXPECT_EQ(table<cw_host_post>(CW_EXT_HOST_POST)
                .post(
                    host(), [](void*) {}, nullptr),
            CW_ERROR_WRONG_STATE);
}

TEST_F(Services, PostsAreBoundedAndRunInOrder) {
  int woken = 0;
  services_.set_wake([&] { ++woken; });
  const auto& post = table<cw_host_post>(CW_EXT_HOST_POST);
  int ran = 0;
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(post.post(
                  host(), [](void* count) { ++*static_cast<int*>(count); }, &ran),
              CW_OK);
  }
  EXPECT_EQ(post.post(
                host(), [](void*) {}, nullptr),
            CW_ERROR_LIMIT);
  EXPECT_EQ(post.post(host(), nullptr, nullptr), CW_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(woken, 64);
  services_.run_posted();
  EXPECT_EQ(ran, 64);
}

TEST(Addresses, CrossTheBorderUnchanged) {
  for (const char* text : {"203.0.113.9:4000", "[2001:db8::1]:1"}) {
    const auto endpoint = *net::Endpoint::parse(text);
    EXPECT_EQ(from_c(to_c(endpoint)), endpoint);
  }
  EXPECT_FALSE(from_c(cw_address{}));
}

}  // namespace
}  // namespace causeway::plugin
