// Signatures that minisign 0.11 made over "hello plugin\n".
#include "plugin/signature.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace causeway::plugin {
namespace {

constexpr std::string_view kFile = "hello plugin\n";
constexpr std::string_view kKey = "RWRRyXvkLUbRj2ZVEBcTV/N2NuQ1nPiSv90VleOnnx+fQpL15t6HOklL";
const std::string kHashed =
    "untrusted comment: signature from minisign secret key\n"
    "RURRyXvkLUbRj3heNG6cwgbPMK44QqZm1noRjX5JL6xqjJyXhOPS1gB5qfEdIrHhJRHKc/z/s5TrBkX0MEwy7Nhr9sBUluetjA8=\n"
    "trusted comment: trusted words\n"
    "3XLqfCfycWWIvrKPxPwbavUfqGARlSr8Hv9kfHCL4J6RJePikohJM7whPG+AxCR3u7voDOp3h2bseTNyqkWrAQ==\n";
const std::string kLegacy =
    "untrusted comment: signature from minisign secret key\n"
    "RWRRyXvkLUbRj5I5oU1/R41VIFCJ1kpmRJLmUA4LDqqpPvMDDRW2fy47mKbCBH3k/3uMpGbvYXY097gLd+ll4l+rZA4KfEameQc=\n"
    "trusted comment: timestamp:1795405634\tfile:f\n"
    "ZR4iUrmlAc3nnzAx2vHr8y/jo5atcGI7luJpXGAh1eGf7S6qGZF8hywXUV0sivgPHkBt+v55lqaWivgj/m+KCQ==\n";

std::vector<SigningKey> keys() { return {*parse_signing_key(kKey)}; }
/// "" if it holds.
std::string problem(std::string_view file, const std::string& signature,
                    const std::vector<SigningKey>& trusted = keys()) {
  const auto checked = check_signature(as_bytes(file), signature, trusted);
  return checked ? "" : checked.error().message;
}
std::string with(std::string text, std::string_view from, std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(Signature, MinisignsOwnHold) {
  EXPECT_EQ(problem(kFile, kHashed), "");
  EXPECT_EQ(problem(kFile, kLegacy), "");
  EXPECT_EQ(problem(kFile, with(kHashed, "signature from", "anything about")), "") << "that comment is free";
  EXPECT_EQ(problem(kFile, with(kHashed, "words\n", "words\r\n")), "");
}

TEST(Signature, AnotherFileIsNotSigned) {
  const std::string expected =
      "its signature by key 8FD1462DE47BC951 is of another file: take both from the same release";
  EXPECT_EQ(problem("hello plugin", kHashed), expected);
  EXPECT_EQ(problem("hello plugin", kLegacy), expected);
  EXPECT_EQ(problem("", kHashed), expected);
}

TEST(Signature, OneAlgorithmIsNotTakenForTheOther) {
  // "RUR" is ED, "RWR" is Ed: the same key id follows.
  EXPECT_NE(problem(kFile, with(kHashed, "RURRyXv", "RWRRyXv")), "");
  EXPECT_NE(problem(kFile, with(kLegacy, "RWRRyXv", "RURRyXv")), "");
}

TEST(Signature, TheTrustedCommentIsSignedToo) {
  EXPECT_EQ(problem(kFile, with(kHashed, "trusted words", "trusted sword")),
            "the comment of its signature was changed: take the .minisig file anew");
}

TEST(Signature, AStrangersKeyIsNamed) {
  auto other = keys();
  other[0].id[0] ^= 1;
  EXPECT_EQ(
      problem(kFile, kHashed, other),
      "signed by key 8FD1462DE47BC951, which the configuration does not trust (plugins.keys): add it, or "
      "sign the file with a key of yours");
  EXPECT_NE(problem(kFile, kHashed, {}), "");
  other = keys();
  other[0].key[3] ^= 1;
  EXPECT_NE(problem(kFile, kHashed, other), "");
  other.push_back(keys()[0]);
  other[0].id[0] ^= 1;
  EXPECT_EQ(problem(kFile, kHashed, other), "") << "one of several";
}

TEST(Signature, RubbishIsNone) {
  const std::string expected = "its signature is not one of minisign's: sign it again (minisign -Sm FILE)";
  EXPECT_EQ(problem(kFile, ""), expected);
  EXPECT_EQ(problem(kFile, "\n\n\n\n\n"), expected);
  EXPECT_EQ(problem(kFile, std::string(10'000, 'x')), expected);
  for (std::size_t size = 0; size + 1 < kHashed.size(); size += 7)
    EXPECT_NE(problem(kFile, kHashed.substr(0, size)), "") << size;
  EXPECT_EQ(problem(kFile, with(kHashed, "trusted comment: trusted", "trusted remark: trusted")), expected);
}

TEST(Signature, KeysAreReadStrictly) {
  ASSERT_TRUE(parse_signing_key(kKey));
  EXPECT_FALSE(parse_signing_key(""));
  EXPECT_FALSE(parse_signing_key(kKey.substr(1)));
  EXPECT_FALSE(parse_signing_key("RURRyXvkLUbRj2ZVEBcTV/N2NuQ1nPiSv90VleOnnx+fQpL15t6HOklL"))
      << "ED is of hashes";
  std::string with_newline(kKey);
  with_newline.push_back('\n');
  EXPECT_FALSE(parse_signing_key(with_newline));
}

}  // namespace
}  // namespace causeway::plugin
