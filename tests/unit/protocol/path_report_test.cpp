#include "protocol/path_report.hpp"

#include <gtest/gtest.h>

#include "protocol/messages.hpp"

namespace causeway::protocol {
namespace {

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }
net::Prefix block(const char* text) { return net::Prefix::parse(text).value(); }

TEST(PathReport, IsTheSameAfterBeingWrittenAndRead) {
  PathReport path{ip("10.10.0.2"), ip("203.0.113.5"), ip("2001:db8::1"), "srflx",
                  "relay",         "turn-udp",        PathState::lost,   std::uint32_t{1234}};
  EXPECT_EQ(PathReport::parse(path.to_json()).value(), path);
  path.jitter_us = 5;
  path.loss_permille = 1000;
  path.rate_bytes_per_s = PathReport::kMaxRate;
  path.disconnects = 3;
  path.working_s = 86'400;
  path.state = PathState::selected;
  EXPECT_EQ(PathReport::parse(path.to_json()).value(), path);
  const auto params = ReportParams::parse(ReportParams{{path, path}}.to_json());
  ASSERT_TRUE(params);
  EXPECT_EQ(params->paths, (std::vector{path, path}));
  EXPECT_TRUE(ReportParams::parse(ReportParams{}.to_json())->paths.empty());
  EXPECT_FALSE(ReportParams::parse(Json::object()));
}

TEST(PathReport, AFullReportFitsALine) {
  PathReport path{ip("255.255.255.254"),
                  ip("2001:db8:ffff:ffff:ffff:ffff:ffff:fff1"),
                  ip("2001:db8:ffff:ffff:ffff:ffff:ffff:fff2"),
                  "relay",
                  "prflx",
                  std::string(32, 't'),
                  PathState::selected,
                  PathReport::kMaxTimeUs,
                  PathReport::kMaxTimeUs,
                  1000,
                  PathReport::kMaxRate,
                  PathReport::kMaxDisconnects,
                  PathReport::kMaxWorkingS};
  const auto text = to_line(ReportParams{std::vector(kMaxReportedPaths, path)}.to_json());
  EXPECT_LT(text.size(), 48 * 1024u);
  EXPECT_TRUE(parse_json(text)) << "within the limit of values, too";
}

TEST(PathHint, IsTheSameAfterBeingWrittenAndRead) {
  const std::vector<PathHint> hints{
      {block("203.0.113.0/24"), block("2001:db8:1::/48"), false, false, 0, 0},
      {block("203.0.113.0/24"), block("198.51.100.0/24"), true, true, 1'000'000, 1000}};
  EXPECT_EQ(read_hints(hints_to_json(hints)), hints);
}

TEST(PathHint, WhatIsNoneIsLeftOut) {
  const Json good = PathHint{block("203.0.113.0/24"), block("198.51.100.0/24"), false, false, 5, 5}.to_json();
  Json list = Json::array({1, nullptr, Json::object(), good});
  for (const auto& [member, value] : {std::pair{"score", Json(1'000'001)},
                                      {"score", Json(-1)},
                                      {"score", Json("5")},
                                      {"confidence", Json(1001)},
                                      {"local", Json("203.0.113.5/24")},
                                      {"remote", Json("")}}) {
    Json bad = good;
    bad[member] = value;
    list.push_back(bad);
  }
  EXPECT_EQ(read_hints(list).size(), 1u);
  EXPECT_TRUE(read_hints(Json("none")).empty());
  EXPECT_EQ(read_hints(Json(std::vector<Json>(1000, good))).size(), kMaxHints);
}

}  // namespace
}  // namespace causeway::protocol
