#include "store/history_codec.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "store/sealed_json.hpp"

namespace causeway::store {
namespace {

PeerHistory some_peer(std::uint8_t number, std::size_t paths) {
  PeerHistory peer;
  peer.identity.bytes[0] = number;
  peer.identity.bytes[1] = 7;
  peer.name = "node";
  for (std::size_t i = 0; i < paths; ++i) {
    PathRecord path;
    path.key = {.network = "eth0 192.168.0.0/24 via 192.168.0.1",
                .transport = i % 2 == 0 ? "udp" : "turn-udp",
                .relay = i % 2 == 0 ? std::nullopt : net::IpAddress::parse("198.51.100.9"),
                .remote = net::Prefix{net::IpAddress::v4(0xcb007100U + static_cast<std::uint32_t>(i)), 32}};
    path.local_type = "srflx";
    path.remote_type = "prflx";
    path.updated = WallTime(std::chrono::seconds(1'700'000'000));
    path.worked = WallTime(std::chrono::seconds(1'699'999'000));
    path.answers = 12.25;
    path.losses = 1.0 / 3;
    path.rtt_us = 20'123.456789;
    path.jitter_us = 0.1;
    path.rate_bytes_per_s = 1.25e9;
    path.successes = 2;
    path.failures = 0.001;
    path.disconnects = 1;
    path.working_s = 123456.789;
    peer.paths.push_back(path);
  }
  return peer;
}

TEST(HistoryCodec, KeepsEveryFigure) {
  const std::vector<PeerHistory> history{some_peer(1, 2), some_peer(2, kMaxHistoryPathsPerPeer)};
  const auto again = decode_history(encode(history));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, history);
}

TEST(HistoryCodec, AFullStoreFitsItsFile) {
  std::vector<PeerHistory> history;
  for (std::size_t i = 0; i < kMaxHistoryPaths / kMaxHistoryPathsPerPeer; ++i) {
    history.push_back(some_peer(static_cast<std::uint8_t>(i), kMaxHistoryPathsPerPeer));
    history.back().identity.bytes[1] = static_cast<std::uint8_t>(i >> 8);
    for (PathRecord& path : history.back().paths)
      path.key.network.assign(kMaxNetworkNameBytes, 'n');
  }
  const std::string text = seal_json("history", encode(history));
  EXPECT_LE(text.size(), kMaxHistoryFileBytes);
  EXPECT_TRUE(decode_history(encode(history)));
}

TEST(HistoryCodec, RefusesWhatItWouldNotWrite) {
  const nlohmann::json good = encode({some_peer(1, 2)});
  ASSERT_TRUE(decode_history(good));
  const auto is_refused = [&](const char* pointer, const nlohmann::json& value) {
    nlohmann::json bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = value;
    return !decode_history(bad);
  };
  EXPECT_TRUE(is_refused("/0/identity", "AAAA"));
  EXPECT_TRUE(is_refused("/0/name", std::string(300, 'x')));
  EXPECT_TRUE(is_refused("/0/name", "a\x1b[2Jb")) << "it goes to terminals";
  EXPECT_TRUE(is_refused("/0/paths", nlohmann::json::object()));
  EXPECT_TRUE(is_refused("/0/paths/0/answers", -1));
  EXPECT_TRUE(is_refused("/0/paths/0/answers", 1e16));
  EXPECT_TRUE(is_refused("/0/paths/0/answers", nullptr));
  EXPECT_TRUE(is_refused("/0/paths/0/rtt_us", "1"));
  EXPECT_TRUE(is_refused("/0/paths/0/remote", "203.0.113.1/33"));
  EXPECT_TRUE(is_refused("/0/paths/0/relay", "nowhere"));
  EXPECT_TRUE(is_refused("/0/paths/0/network", std::string(kMaxNetworkNameBytes + 1, 'x')));
  EXPECT_TRUE(is_refused("/0/paths/0/local_type", "hosts"));
  EXPECT_TRUE(is_refused("/0/paths/0/updated", 1e12));
  EXPECT_TRUE(is_refused("/0/paths/0/updated", -5));
  EXPECT_TRUE(is_refused("/0/paths/0/more", 1));
  EXPECT_TRUE(is_refused("/0/paths/1", good[0]["paths"][0])) << "twice the same paths";
  EXPECT_TRUE(is_refused("/1", good[0])) << "twice the same peer";
  nlohmann::json incomplete = good;
  incomplete[0]["paths"][0].erase("losses");
  EXPECT_FALSE(decode_history(incomplete));
}

TEST(HistoryCodec, RefusesMoreThanThereIsRoomFor) {
  nlohmann::json many = nlohmann::json::array();
  for (std::size_t i = 0; i <= kMaxHistoryPeers; ++i) {
    PeerHistory peer = some_peer(static_cast<std::uint8_t>(i), 1);
    peer.identity.bytes[1] = static_cast<std::uint8_t>(i >> 8);
    many.push_back(encode({peer})[0]);
  }
  EXPECT_FALSE(decode_history(many));
  many.erase(many.begin());
  EXPECT_TRUE(decode_history(many));
  EXPECT_FALSE(decode_history(encode({some_peer(1, kMaxHistoryPathsPerPeer + 1)})));
}

}  // namespace
}  // namespace causeway::store
