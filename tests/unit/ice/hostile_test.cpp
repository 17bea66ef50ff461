// What a peer, someone on the way, or a stranger may try.
#include <gtest/gtest.h>

#include "ice_world.hpp"
#include "stun/message.hpp"

namespace causeway::ice {
namespace {

constexpr std::string_view kLeftPassword = "left_password_0123456789";
constexpr std::string_view kRightPassword = "right_password_0123456789";

class Hostile : public testing::Test {
 protected:
  void SetUp() override {
    left = &world.make_terminal("left", Role::controlling, 200);
    right = &world.make_terminal("right", Role::controlled, 100);
    left_base = world.add_host(*left, "192.0.2.1:1000");
    right_base = world.add_host(*right, "192.0.2.2:2000");
  }
  bool connect() {
    world.introduce(*left, *right);
    return world.run_until(1s, [&] { return !left->valid_pairs().empty() && !right->valid_pairs().empty(); });
  }
  stun::BindingRequest make_request() {
    stun::BindingRequest request;
    request.transaction = stun::make_transaction_id(world.random());
    request.username = "left_ufrag:right_ufrag";
    request.priority = 1000;
    request.controlled = 1;
    return request;
  }
  static Candidate remote_host(const net::Endpoint& address, std::uint32_t priority = 1000) {
    Candidate made;
    made.address = address;
    made.priority = priority;
    return made;
  }

  World world;
  Terminal* left = nullptr;
  Terminal* right = nullptr;
  net::BaseId left_base{}, right_base{};
};

TEST_F(Hostile, RequestWithWrongIntegrityChangesNothingAndGetsNoAnswer) {
  world.signal_credentials(*right, *left);
  world.inject(*left, left_base, at("203.0.113.66:6666"),
               stun::encode_binding_request(make_request(), "not the password 0123"));
  EXPECT_TRUE(left->sent.empty());
  EXPECT_TRUE(left->agent->pairs().empty());
  EXPECT_EQ(left->agent->counters().unauthentic, 1u);
  EXPECT_EQ(left->agent->counters().checks_received, 0u);
}

TEST_F(Hostile, RequestForAnotherUfragGetsNoAnswer) {
  stun::BindingRequest request = make_request();
  for (const char* username : {"other_ufrag:right_ufrag", "left_ufra:right_ufrag", "left_ufrag", ":", ""}) {
    request.username = username;
    world.inject(*left, left_base, at("203.0.113.66:6666"),
                 stun::encode_binding_request(request, kLeftPassword));
  }
  EXPECT_TRUE(left->sent.empty());
  EXPECT_EQ(left->agent->counters().unauthentic, 5u);
}

TEST_F(Hostile, GarbageIsCounted) {
  ASSERT_TRUE(connect());
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes(world.random().below(200));
    world.random().fill(bytes);
    if (bytes.size() >= 8 && i % 2 == 0) {  // far enough to pass the cookie
      const Bytes cookie{0x00, 0x01, 0x00, static_cast<std::uint8_t>(bytes.size() - 20),
                         0x21, 0x12, 0xa4, 0x42};
      std::copy(cookie.begin(), cookie.end(), bytes.begin());
    }
    left->agent->on_stun(left_base, at("192.0.2.2:2000"), bytes, world.now());
  }
  EXPECT_EQ(left->agent->counters().malformed + left->agent->counters().unauthentic, 20000u);
  EXPECT_TRUE(left->agent->pair(left->validated[0])->is_valid);
}

TEST_F(Hostile, LoopbackMulticastAndTheLikeAreRefused) {
  for (const char* address : {"127.0.0.1:1", "224.0.0.1:1", "255.255.255.255:1", "0.0.0.0:1", "192.0.2.9:0",
                              "[::1]:1", "[ff02::1]:1", "[::]:1"}) {
    EXPECT_FALSE(left->agent->add_remote_candidate(remote_host(at(address)), world.now())) << address;
  }
  EXPECT_FALSE(left->agent->add_remote_candidate(remote_host(at("192.0.2.9:9"), 0), world.now()));
  EXPECT_FALSE(left->agent->add_remote_candidate(remote_host(at("192.0.2.9:9"), 0x80000000), world.now()));
  Candidate named = remote_host(at("192.0.2.9:9"));
  named.foundation = std::string(33, 'x');
  EXPECT_FALSE(left->agent->add_remote_candidate(named, world.now()));
  EXPECT_EQ(left->agent->counters().candidates_refused, 11u);
}

TEST_F(Hostile, TenThousandCandidatesStayWithinTheCaps) {
  world.add_host(*left, "192.0.2.11:1000");
  world.add_host(*left, "192.0.2.12:1000");
  world.add_host(*left, "192.0.2.13:1000");
  world.signal_credentials(*right, *left);
  for (std::uint32_t i = 0; i < 10000; ++i) {
    left->agent->add_remote_candidate(remote_host({net::IpAddress::v4(0xcb007100 + i % 250), 1}, 1 + i),
                                      world.now());
    left->agent->add_remote_candidate(
        remote_host({net::IpAddress::v4(0xcb007101), static_cast<std::uint16_t>(1000 + i)}, 20000 + i),
        world.now());
  }
  EXPECT_EQ(left->agent->remote_candidates().size(), 32u);
  EXPECT_LE(left->agent->pairs().size(), 100u);
  EXPECT_GE(left->agent->counters().candidates_refused, 19000u);
}

TEST_F(Hostile, ListedVictimGetsFewPackets) {
  // A peer lists a third party under many ports, hoping that we flood it.
  world.signal_credentials(*right, *left);
  for (std::uint16_t port = 1; port <= 32; ++port) {
    left->agent->add_remote_candidate(remote_host({*net::IpAddress::parse("203.0.113.99"), port}),
                                      world.now());
  }
  world.run_for(30s);
  std::map<net::Endpoint, std::vector<SteadyTime>> by_endpoint;
  std::vector<SteadyTime> all;
  for (const auto& [time, stun] : left->sent) {
    by_endpoint[stun.to].push_back(time);
    all.push_back(time);
  }
  const auto most_in_a_second = [](const std::vector<SteadyTime>& times) {
    std::size_t most = 0;
    for (std::size_t first = 0, last = 0; last < times.size(); ++last) {
      while (times[last] - times[first] >= 1s) {
        ++first;
      }
      most = std::max(most, last - first + 1);
    }
    return most;
  };
  for (const auto& [endpoint, times] : by_endpoint) {
    EXPECT_LE(most_in_a_second(times), 5u);
    EXPECT_LE(times.size(), 5u);  // and then the check has failed
  }
  EXPECT_LE(most_in_a_second(all), 15u);
}

TEST_F(Hostile, TriggeredChecksToAnUnverifiedSourceAreLimited) {
  world.signal_credentials(*right, *left);
  for (int i = 0; i < 1000; ++i) {
    world.inject(*left, left_base, at("203.0.113.99:9"),
                 stun::encode_binding_request(make_request(), kLeftPassword));
    world.run_for(10ms);
  }
  EXPECT_LE(left->agent->counters().checks_sent, 55u);  // 10 s
  EXPECT_EQ(left->agent->counters().checks_received, 1000u);
}

TEST_F(Hostile, SpoofedSourcesDisplaceNobody) {
  ASSERT_TRUE(connect());
  for (std::uint32_t i = 0; i < 5000; ++i) {
    world.inject(*left, left_base,
                 {net::IpAddress::v4(0xcb007101 + i % 200), static_cast<std::uint16_t>(1 + i)},
                 stun::encode_binding_request(make_request(), kLeftPassword));
  }
  EXPECT_EQ(left->agent->remote_candidates().size(), 32u);
  EXPECT_LE(left->agent->pairs().size(), 100u);
  EXPECT_TRUE(left->agent->pair(left->validated[0])->is_valid);
  // There is room for what is signalled even so.
  EXPECT_TRUE(left->agent->add_remote_candidate(remote_host(at("198.51.100.77:7")), world.now()));
  world.run_for(30s);
  EXPECT_TRUE(left->agent->pair(left->validated[0])->is_valid);
}

TEST_F(Hostile, ResponseFromAnotherAddressFailsTheCheck) {
  world.arrives = [&](Terminal& receiver, net::BaseId, net::Endpoint& from, Bytes& bytes) {
    if (&receiver != left) return true;
    if (stun::peek_header(bytes)->message_class == stun::MessageClass::request) return false;
    from = at("203.0.113.66:6666");
    return true;
  };
  world.introduce(*left, *right);
  world.run_for(100ms);
  EXPECT_TRUE(left->validated.empty());
  EXPECT_EQ(left->agent->pairs()[0].state, PairState::failed);
  EXPECT_EQ(left->agent->counters().non_symmetric, 1u);
}

TEST_F(Hostile, ForgedResponseDoesNotEndTheTransaction) {
  world.signal_candidates(*right, *left);
  world.signal_credentials(*right, *left);
  world.signal_credentials(*left, *right);
  world.run_for(1ms);
  const auto id = *left->sent.at(0).second.transaction;
  for (const Bytes& forged :
       {stun::encode_binding_success(id, at("192.0.2.1:1000"), "wrong 0123456789"),
        stun::encode_binding_error(id, 400, {}), stun::encode_binding_error(id, 487, "wrong")}) {
    world.inject(*left, left_base, at("192.0.2.2:2000"), forged);
  }
  EXPECT_EQ(left->agent->counters().unauthentic, 3u);
  EXPECT_TRUE(world.run_until(100ms, [&] { return !left->validated.empty(); }));
  EXPECT_TRUE(left->roles.empty());
}

TEST_F(Hostile, ReplayedResponseIsUnmatched) {
  std::vector<Bytes> responses;
  world.arrives = [&](Terminal& receiver, net::BaseId, net::Endpoint&, Bytes& bytes) {
    if (&receiver == left &&
        stun::peek_header(bytes)->message_class == stun::MessageClass::success_response) {
      responses.push_back(bytes);
    }
    return true;
  };
  ASSERT_TRUE(connect());
  const SteadyTime answered = *left->agent->pair(left->validated[0])->answered;
  world.passes = [](const auto&, const auto&) { return false; };
  world.run_for(10s);
  ASSERT_FALSE(responses.empty());
  for (const Bytes& bytes : responses) {
    world.inject(*left, left_base, at("192.0.2.2:2000"), bytes);
  }
  EXPECT_EQ(left->agent->counters().unmatched_responses, responses.size());
  EXPECT_EQ(*left->agent->pair(left->validated[0])->answered, answered);
  EXPECT_TRUE(world.run_until(10s, [&] { return !left->invalidated.empty(); }));
}

TEST_F(Hostile, LyingMappedAddressesStayBounded) {
  // Each answer of the peer names another address as ours.
  std::uint16_t port = 1;
  world.arrives = [&](Terminal& receiver, net::BaseId, net::Endpoint&, Bytes& bytes) {
    const auto header = stun::peek_header(bytes);
    if (&receiver == left && header->message_class == stun::MessageClass::success_response) {
      bytes = stun::encode_binding_success(header->transaction,
                                           {*net::IpAddress::parse("203.0.113.5"), port++}, kRightPassword);
    }
    return true;
  };
  ASSERT_TRUE(connect());
  for (int i = 0; i < 200; ++i) {
    left->agent->probe(left->validated[0], world.now());
    world.run_for(100ms);
  }
  EXPECT_GE(port, 100);
  EXPECT_LE(left->agent->local_candidates().size(), 1u + 16u);
  EXPECT_EQ(left->valid_pairs()[0].local.type, CandidateType::peer_reflexive);
  EXPECT_EQ(left->valid_pairs()[0].local.base_address, at("192.0.2.1:1000"));
}

TEST_F(Hostile, MappedAddressOfLoopbackIsNotLearnt) {
  world.arrives = [&](Terminal& receiver, net::BaseId, net::Endpoint&, Bytes& bytes) {
    const auto header = stun::peek_header(bytes);
    if (&receiver == left && header->message_class == stun::MessageClass::success_response) {
      bytes = stun::encode_binding_success(header->transaction, at("127.0.0.1:22"), kRightPassword);
    }
    return true;
  };
  ASSERT_TRUE(connect());
  EXPECT_TRUE(left->learnt.empty());
  EXPECT_EQ(left->valid_pairs()[0].local.address, at("192.0.2.1:1000"));
}

TEST_F(Hostile, EndlessRoleConflictsSwitchOnlySoOften) {
  world.arrives = [&](Terminal& receiver, net::BaseId, net::Endpoint&, Bytes& bytes) {
    const auto header = stun::peek_header(bytes);
    if (&receiver != left) return true;
    if (header->message_class == stun::MessageClass::request) return false;
    bytes = stun::encode_binding_error(header->transaction, stun::error_code::kRoleConflict, kRightPassword);
    return true;
  };
  world.introduce(*left, *right);
  world.run_for(60s);
  EXPECT_LE(left->roles.size(), 8u);
  EXPECT_TRUE(left->validated.empty());
}

TEST_F(Hostile, RevokedConsentEndsThePair) {
  ASSERT_TRUE(connect());
  world.arrives = [&](Terminal& receiver, net::BaseId, net::Endpoint&, Bytes& bytes) {
    const auto header = stun::peek_header(bytes);
    if (&receiver == left && header->message_class == stun::MessageClass::success_response) {
      bytes = stun::encode_binding_error(header->transaction, stun::error_code::kForbidden, kRightPassword);
    }
    return true;
  };
  left->agent->probe(left->validated[0], world.now());
  EXPECT_TRUE(world.run_until(100ms, [&] { return left->invalidated.size() == 1; }));
}

TEST_F(Hostile, CredentialsThatFitIntoNoUsernameAreIgnored) {
  for (const Credentials& credentials : {Credentials{std::string(600, 'u'), "password"},
                                         Credentials{"", "password"}, Credentials{"ufrag", ""}}) {
    left->agent->set_remote_credentials(credentials, world.now());
  }
  EXPECT_EQ(left->agent->state(), AgentState::gathering);
  EXPECT_EQ(left->agent->remote_ufrag(), std::nullopt);
}

TEST_F(Hostile, RefusedCandidatesSayWhyAndAreBounded) {
  Candidate candidate{
      .type = CandidateType::host, .address = at("127.0.0.1:22"), .foundation = "1", .priority = 1};
  EXPECT_FALSE(left->agent->add_remote_candidate(candidate, world.now()));
  EXPECT_FALSE(left->agent->add_remote_candidate(candidate, world.now()));
  ASSERT_EQ(left->agent->refusals().size(), 1u);
  EXPECT_EQ(left->agent->refusals()[0].reason, "not an address that one node has");
  EXPECT_EQ(left->agent->refusals()[0].count, 2u);
  candidate.address = at("203.0.113.7:0");
  left->agent->add_remote_candidate(candidate, world.now());
  EXPECT_EQ(left->agent->refusals().back().reason, "port 0");
  candidate.address = at("203.0.113.7:7");
  candidate.foundation = std::string(33, 'f');
  left->agent->add_remote_candidate(candidate, world.now());
  EXPECT_EQ(left->agent->refusals().back().reason, "a foundation of more than 32 characters");
  candidate.foundation = "1";
  for (std::uint16_t port = 1; port <= 1000; ++port) {
    candidate.address.port = port;
    left->agent->add_remote_candidate(candidate, world.now());
  }
  EXPECT_EQ(left->agent->remote_candidates().size(), left->agent->options().max_remote_candidates);
  EXPECT_EQ(left->agent->refusals().size(), Agent::kMaxRefusals);
  EXPECT_EQ(left->agent->refusals().back().reason, "the list of this peer's candidates is full");
  EXPECT_EQ(left->agent->counters().candidates_refused, 4u + 1000u - 32u);
}

TEST_F(Hostile, EarlyChecksAndUfragsAreBounded) {
  stun::BindingRequest request = make_request();
  for (int i = 0; i < 1000; ++i) {
    request.username = "left_ufrag:guess" + std::to_string(i);
    world.inject(*left, left_base, at("192.0.2.2:2000"),
                 stun::encode_binding_request(request, kLeftPassword));
  }
  EXPECT_EQ(left->remote_ufrags.size(), 1000u);  // each is told once; who can forge none of them tells one
  EXPECT_TRUE(left->agent->pairs().empty());
}

}  // namespace
}  // namespace causeway::ice
