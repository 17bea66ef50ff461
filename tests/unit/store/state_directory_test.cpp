#include "store/state_directory.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "crypto/ed25519.hpp"
#include "protocol/join_token.hpp"
#include "store/state_codec.hpp"

namespace causeway::store {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class StateDirectoryTest : public testing::Test {
 protected:
  StateDirectoryTest() {
    char name[] = "/tmp/causeway-store-XXXXXX";
    base = ::mkdtemp(name);
    dir = base / "state";
  }
  ~StateDirectoryTest() override { std::filesystem::remove_all(base); }

  Result<StateDirectory> open() { return StateDirectory::open(dir, random); }
  std::string open_error() {
    const auto opened = open();
    return opened ? "" : opened.error().message;
  }
  std::string read(const char* name) {
    std::ifstream file(dir / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const char* name, std::string_view text) { std::ofstream(dir / name, std::ios::binary) << text; }
  unsigned mode(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }
  KnownPeer some_peer() {
    const auto keys = crypto::generate_identity(random);
    protocol::NodeRecord record;
    record.network = "home";
    record.name = "n2";
    record.identity = keys.public_key;
    record.virtual_addresses = {*net::IpAddress::parse("10.10.0.102")};
    KnownPeer peer;
    peer.virtual_address = record.virtual_addresses[0];
    peer.user = "ann";
    peer.record = protocol::sign(record, keys.secret);
    peer.in_use = true;
    peer.local_ufrag = "ours1234";
    peer.past_local_ufrags = {"ours1232", "ours1233"};
    peer.remote_ufrag = "theirs12";
    peer.past_remote_ufrags = {"theirs10", "theirs11"};
    peer.candidates = {{"srflx", "udp", *net::Endpoint::parse("198.51.100.9:4000"), "f1", 100}};
    peer.paths = {{*net::IpAddress::parse("192.0.2.1"), *net::Endpoint::parse("198.51.100.9:4000")}};
    return peer;
  }

  std::filesystem::path base, dir;
  SeededRandom random{1};
};

TEST_F(StateDirectoryTest, MakesAPrivateDirectoryWithKeys) {
  const auto made = open();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(mode(dir), 0700u);
  EXPECT_EQ(mode(dir / "keys.json"), 0600u);
  EXPECT_EQ(made->state(), NodeState{});
  EXPECT_NE(made->keys().identity.bytes, made->keys().session.bytes);
}

TEST_F(StateDirectoryTest, EverythingComesBack) {
  NodeState state;
  state.enrolment = Enrolment{"cw1.token", true, false};
  state.name = "n1";
  state.virtual_address = net::IpAddress::parse("10.10.0.101");
  state.on_link = net::Prefix::parse("10.10.0.0/24");
  state.record_serial = 9'007'199'254'740'991;
  state.timestamp = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  state.ports = {{*net::IpAddress::parse("192.0.2.1"), 4000}, {*net::IpAddress::parse("2001:db8::1"), 4001}};
  state.on_link6 = net::Prefix::parse("fd12:3456:789a::/64");
  state.stun_servers = {*net::Endpoint::parse("192.0.2.9:3478")};
  state.turn_servers = {{"turns:relay.example", "1800086400:0011", "secret", 1'800'086'400}};
  state.user_candidates = {*net::Endpoint::parse("203.0.113.7:41000"),
                           *net::Endpoint::parse("[2001:db8::7]:5")};
  const std::vector peers{some_peer(), some_peer()};
  NodeKeys keys;
  {
    auto first = open();
    ASSERT_TRUE(first);
    keys = first->keys();
    ASSERT_TRUE(first->save_state(state));
    ASSERT_TRUE(first->save_known_peers(peers));
  }
  EXPECT_EQ(mode(dir / "state.json"), 0600u);
  const auto second = open();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->state(), state);
  EXPECT_EQ(second->known_peers(), peers);
  EXPECT_EQ(second->keys().identity.bytes, keys.identity.bytes);
  EXPECT_EQ(second->keys().session.bytes, keys.session.bytes);
}

TEST_F(StateDirectoryTest, FriendsAndPinsComeBack) {
  FriendState friends{"home", "Ann", true, {Friend{"Bob", true, true}, Friend{"Eve"}}};
  Pin seen{crypto::generate_identity(random).public_key, "bob1", net::IpAddress::parse("10.10.0.2"), 7,
           false};
  Pin given{crypto::generate_identity(random).public_key, "bob", std::nullopt, 0, true};
  friends.friends[0].pins = {seen, given};
  {
    auto first = open();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->friends(), FriendState{});
    ASSERT_TRUE(first->save_friends(friends));
  }
  EXPECT_EQ(mode(dir / "friends.json"), 0600u);
  {
    const auto second = open();
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(second->friends(), friends);
  }
  std::string text = read("friends.json");
  text.replace(text.find("bob1"), 4, "eve1");
  write("friends.json", text);
  EXPECT_THAT(open_error(), AllOf(HasSubstr("friends.json"), HasSubstr("damaged"), HasSubstr("backup")));
}

TEST_F(StateDirectoryTest, PartsAreSavedOneByOne) {
  auto made = open();
  ASSERT_TRUE(made);
  const auto local = *net::IpAddress::parse("192.0.2.1");
  ASSERT_TRUE(made->save_port(local, 4000));
  ASSERT_TRUE(made->save_record_serial(7));
  ASSERT_TRUE(
      made->save_address("n1", *net::IpAddress::parse("10.10.0.101"), *net::Prefix::parse("10.10.0.0/24")));
  EXPECT_EQ(made->state().ports.at(local), 4000);
  EXPECT_EQ(made->state().record_serial, 7u);
  ASSERT_TRUE(made->forget_address());
  EXPECT_FALSE(made->state().virtual_address);
  EXPECT_EQ(made->state().name, "n1");
  for (std::uint32_t i = 0; i < 200; ++i)
    ASSERT_TRUE(made->save_port(net::IpAddress::v4(0x0a000000 + i), 1));
  EXPECT_EQ(made->state().ports.size(), kMaxRememberedPorts);
  EXPECT_TRUE(made->state().ports.contains(net::IpAddress::v4(0x0a0000c7))) << "the newest stays";
}

TEST_F(StateDirectoryTest, TheSecretGoesOnceEnrolled) {
  auto made = open();
  ASSERT_TRUE(made);
  protocol::JoinToken token;
  token.network = "home";
  token.servers = {{"198.51.100.1", 7443}};
  token.pins = {protocol::KeyPin{}};
  token.secret = to_base64url(Bytes(protocol::kTokenSecretBytes, 0xaa));
  ASSERT_TRUE(made->save_enrolment(Enrolment{token.format(), false, false}));
  ASSERT_TRUE(made->save_enrolment(Enrolment{token.without_secret().format(), true, false}));
  const auto stored = protocol::JoinToken::parse(made->state().enrolment->token);
  ASSERT_TRUE(stored) << "what is left can be read again";
  EXPECT_NE(stored->secret, token.secret);
  EXPECT_EQ(stored->servers, token.servers);
  EXPECT_TRUE(made->state().enrolment->enrolled);
}

TEST_F(StateDirectoryTest, ASecondProcessIsToldWhoHoldsIt) {
  const auto first = open();
  ASSERT_TRUE(first);
  EXPECT_THAT(open_error(), AllOf(HasSubstr("in use by pid " + std::to_string(::getpid())),
                                  HasSubstr("stop that process")));
}

TEST_F(StateDirectoryTest, TheLockGoesWithTheObject) {
  { ASSERT_TRUE(open()); }
  EXPECT_EQ(open_error(), "");
}

TEST_F(StateDirectoryTest, AnotherVersionIsRefused) {
  { ASSERT_TRUE(open()); }
  write("version", "causeway state 2\n");
  EXPECT_THAT(open_error(),
              AllOf(HasSubstr("\"causeway state 2\""), HasSubstr("this program reads \"causeway state 1\"")));
  write("version", "something else");
  EXPECT_THAT(open_error(), HasSubstr("not a version file"));
  std::filesystem::remove(dir / "version");
  EXPECT_THAT(open_error(), AllOf(HasSubstr("version is missing"), HasSubstr("backup")));
}

TEST_F(StateDirectoryTest, EveryPrefixOfAStateFileIsNoticed) {
  {
    auto made = open();
    ASSERT_TRUE(made->save_record_serial(7));
  }
  const std::string whole = read("state.json");
  for (std::size_t length = 0; length + 2 < whole.size(); length += 7) {
    write("state.json", whole.substr(0, length));
    EXPECT_THAT(open_error(), AllOf(HasSubstr("state.json is damaged"), HasSubstr("remove this file")))
        << length;
    EXPECT_EQ(read("state.json"), whole.substr(0, length)) << "never replaced";
  }
  write("state.json", whole);
  EXPECT_EQ(open_error(), "");
}

TEST_F(StateDirectoryTest, AnEditedOrFlippedFileIsNoticed) {
  {
    auto made = open();
    ASSERT_TRUE(made->save_record_serial(7));
  }
  std::string text = read("state.json");
  text.replace(text.find("\"record_serial\": 7"), 18, "\"record_serial\": 8");
  write("state.json", text);
  EXPECT_THAT(open_error(), HasSubstr("checksum differs"));
}

TEST_F(StateDirectoryTest, AFileNestedTooDeeplyIsDamaged) {
  { ASSERT_TRUE(open()); }
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  write("state.json", R"({"kind": "state", "crc32c": "00000000", "content": )" + deep + "}");
  EXPECT_THAT(open_error(), AllOf(HasSubstr("state.json is damaged"), HasSubstr("nested too deeply")));
}

TEST_F(StateDirectoryTest, DamagedKeysAreNeverMadeAnew) {
  { ASSERT_TRUE(open()); }
  write("keys.json", "{}");
  EXPECT_THAT(open_error(), AllOf(HasSubstr("keys.json is damaged"), HasSubstr("restore it from a backup")));
  EXPECT_EQ(read("keys.json"), "{}");
}

TEST_F(StateDirectoryTest, LostKeysOfADirectoryInUseAreAnError) {
  {
    auto made = open();
    ASSERT_TRUE(made->save_record_serial(7));
  }
  std::filesystem::remove(dir / "keys.json");
  EXPECT_THAT(open_error(), HasSubstr("keys.json is missing"));
}

TEST_F(StateDirectoryTest, WhatACrashLeftBesideIsIgnoredAndRemoved) {
  {
    auto made = open();
    ASSERT_TRUE(made->save_record_serial(7));
  }
  write("state.json.tmp", "{\"kind\": \"sta");
  const auto again = open();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->state().record_serial, 7u);
  EXPECT_FALSE(std::filesystem::exists(dir / "state.json.tmp"));
}

TEST_F(StateDirectoryTest, DamagedPeersAreSetAsideAndCostNothingElse) {
  {
    auto made = open();
    ASSERT_TRUE(made->save_record_serial(7));
    ASSERT_TRUE(made->save_known_peers({some_peer()}));
  }
  const std::string whole = read("peers.json");
  for (const std::string& damaged :
       {std::string("[]"), whole.substr(0, whole.size() / 2), std::string(1 << 20, '{'), std::string()}) {
    write("peers.json", damaged);
    const auto again = open();
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->known_peers().empty());
    EXPECT_EQ(again->state().record_serial, 7u);
    EXPECT_EQ(read("peers.json.damaged"), damaged) << "nothing is thrown away";
    EXPECT_FALSE(std::filesystem::exists(dir / "peers.json"));
  }
  std::filesystem::create_directory(dir / "peers.json");
  EXPECT_EQ(open_error(), "");
}

TEST_F(StateDirectoryTest, HistoryIsKeptAndADamagedOneBeginsAnew) {
  PeerHistory peer;
  peer.identity.bytes[3] = 9;
  peer.name = "bob";
  PathRecord path;
  path.key = {
      .network = "eth0", .transport = "udp", .relay = {}, .remote = *net::Prefix::parse("203.0.113.1/32")};
  path.local_type = path.remote_type = "host";
  path.working_s = 17.5;
  peer.paths.push_back(path);
  {
    auto made = open();
    ASSERT_TRUE(made);
    EXPECT_TRUE(made->history().empty());
    ASSERT_TRUE(made->save_history({peer}));
  }
  EXPECT_EQ(open()->history(), std::vector{peer});
  const std::string whole = read("history.json");
  for (const std::string& damaged :
       {std::string("[]"), whole.substr(0, whole.size() / 2), std::string(1 << 20, '{'), std::string(),
        std::string(kMaxHistoryFileBytes + 1, ' ')}) {
    write("history.json", damaged);
    const auto again = open();
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->history().empty());
    EXPECT_EQ(read("history.json.damaged"), damaged) << "nothing is thrown away";
    EXPECT_FALSE(std::filesystem::exists(dir / "history.json"));
  }
  auto made = open();
  ASSERT_TRUE(made->save_history({peer}));
  ASSERT_TRUE(made->save_history({})) << "nothing is to be kept";
  EXPECT_FALSE(std::filesystem::exists(dir / "history.json"));
  ASSERT_TRUE(made->save_history({})) << "again";
}

TEST_F(StateDirectoryTest, PeersBeyondTheirBoundsAreDamage) {
  const auto refuses = [&](const std::function<void(nlohmann::json&)>& change) {
    nlohmann::json content = encode(std::vector{some_peer()});
    EXPECT_TRUE(decode_known_peers(content));
    change(content.at(0));
    const auto decoded = decode_known_peers(content);
    return !decoded.has_value();
  };
  EXPECT_TRUE(refuses([](auto& peer) { peer["local_ufrag"] = std::string(257, 'a'); }));
  EXPECT_TRUE(refuses([](auto& peer) { peer["remote_ufrag"] = 7; }));
  EXPECT_TRUE(refuses([](auto& peer) { peer["past_local_ufrags"] = std::vector<std::string>(9, "a"); }));
  EXPECT_TRUE(refuses([](auto& peer) { peer["past_remote_ufrags"] = std::vector<std::string>(9, "a"); }));
  EXPECT_TRUE(refuses([](auto& peer) { peer["candidates"] = nlohmann::json::array({1}); }));
  EXPECT_TRUE(refuses([](auto& peer) {
    while (peer["candidates"].size() <= kMaxRememberedCandidates)
      peer["candidates"].push_back(peer["candidates"][0]);
  }));
  EXPECT_TRUE(refuses([](auto& peer) {
    while (peer["paths"].size() <= kMaxRememberedPaths)
      peer["paths"].push_back(peer["paths"][0]);
  }));
  EXPECT_TRUE(refuses([](auto& peer) { peer["paths"][0]["remote"] = "somewhere"; }));
  EXPECT_TRUE(refuses([](auto& peer) { peer["user"] = "no such name\n"; }));
  EXPECT_TRUE(refuses([](auto& peer) { peer["in_use"] = 1; }));
  EXPECT_TRUE(refuses([](auto& peer) { peer.erase("record"); }));
  EXPECT_TRUE(refuses([](auto& peer) { peer["more"] = 1; }));
}

TEST_F(StateDirectoryTest, OthersMayNotWriteThere) {
  std::filesystem::create_directory(dir);
  ASSERT_EQ(::chmod(dir.c_str(), 0777), 0);
  EXPECT_THAT(open_error(), AllOf(HasSubstr("others can write"), HasSubstr("chmod 700")));
}

TEST_F(StateDirectoryTest, AFileInItsPlaceIsAnError) {
  std::ofstream(dir) << "x";
  EXPECT_THAT(open_error(), HasSubstr("is no directory"));
}

/// Makes the calling thread an ordinary user for file access, so that modes count for root too.
class AsNobody {
 public:
  AsNobody() : before_(::setfsuid(65534)) {}
  ~AsNobody() { ::setfsuid(static_cast<uid_t>(before_)); }

 private:
  int before_;
};

TEST_F(StateDirectoryTest, ADirectoryThatCannotBeWrittenSaysSo) {
  { ASSERT_TRUE(open()); }
  ASSERT_EQ(::chmod(base.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(dir.c_str(), 0555), 0);
  if (::geteuid() == 0) {
    const AsNobody nobody;
    EXPECT_THAT(open_error(), AllOf(HasSubstr("cannot write"), HasSubstr("Permission denied"),
                                    HasSubstr("choose another directory")));
  }
  EXPECT_THAT(StateDirectory::open("/proc/causeway-state", random).error().message,
              HasSubstr("cannot create /proc/causeway-state"));
}

TEST_F(StateDirectoryTest, AFailedSaveKeepsTheOldState) {
  auto made = open();
  ASSERT_TRUE(made->save_record_serial(7));
  std::filesystem::create_directory(dir / "state.json.tmp");
  EXPECT_FALSE(made->save_record_serial(8));
  EXPECT_EQ(made->state().record_serial, 7u);
  std::filesystem::remove(dir / "state.json.tmp");
  EXPECT_TRUE(made->save_record_serial(8));
}

}  // namespace
}  // namespace causeway::store
