#include "protocol/json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace causeway::protocol {
namespace {

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string refusal(std::string_view text, const JsonLimits& limits = {}) {
  const auto parsed = parse_json(text, limits);
  return parsed ? "" : parsed.error().message;
}

TEST(Json, reads_what_it_writes) {
  const auto parsed = parse_json(R"( {"a":[1,-2,3.5,true,null,"\u00e9"],"b":{}} )");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(to_line(*parsed), "{\"a\":[1,-2,3.5,true,null,\"\xc3\xa9\"],\"b\":{}}");
}

TEST(Json, depth_is_limited) {
  EXPECT_TRUE(parse_json(nested(16)));
  EXPECT_EQ(refusal(nested(17)), "nested too deeply");
  EXPECT_EQ(refusal(std::string(60'000, '[')), "nested too deeply");
  std::string objects;
  for (int i = 0; i < 5000; ++i)
    objects += "{\"a\":";
  EXPECT_EQ(refusal(objects), "nested too deeply");
}

TEST(Json, values_are_counted) {
  std::string wide = "[0";
  for (int i = 0; i < 1998; ++i)
    wide += ",0";
  EXPECT_TRUE(parse_json(wide + "]"));
  EXPECT_EQ(refusal(wide + ",0]"), "too many values");
}

TEST(Json, bytes_and_strings_are_limited) {
  EXPECT_EQ(refusal(std::string("[") + std::string(70'000, ' ') + "]"), "message too long");
  EXPECT_TRUE(parse_json(std::string("\"") + std::string(1024, 'x') + "\""));
  EXPECT_EQ(refusal(std::string("\"") + std::string(1025, 'x') + "\""), "a string is too long");
  EXPECT_EQ(refusal(std::string("{\"") + std::string(1025, 'x') + "\":1}"), "a member name is too long");
}

TEST(Json, only_the_signed_body_may_be_longer) {
  EXPECT_TRUE(parse_json(std::string("{\"body\":\"") + std::string(4096, 'x') + "\"}"));
  EXPECT_FALSE(parse_json(std::string("{\"body\":\"") + std::string(4097, 'x') + "\"}"));
  EXPECT_FALSE(parse_json(std::string("{\"bodies\":\"") + std::string(1025, 'x') + "\"}"));
  EXPECT_FALSE(parse_json(std::string("{\"body\":[\"") + std::string(1025, 'x') + "\"]}"));
}

TEST(Json, hostile_texts_are_refused) {
  for (const std::string& text :
       {std::string(""), std::string("{"), std::string("{\"a\":1,\"a\":2}"), std::string("{} {}"),
        std::string("{}x"), std::string("[1e400]"), std::string("\"\xff\""), std::string("\"\xc0\x80\""),
        std::string("\"\\ud800\""), std::string("[1,]"), std::string("nul"), std::string("[01]"),
        std::string("'a'"), std::string("\xef\xbb\xbf{}"), std::string("{}\0{", 4), std::string("\0", 1),
        std::string("// c\n{}")}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(Json, duplicate_keys_in_inner_objects_are_refused) {
  EXPECT_FALSE(parse_json(R"({"a":{"b":1,"b":1}})"));
  EXPECT_TRUE(parse_json(R"([{"b":1},{"b":1}])"));
}

TEST(Json, integers_are_never_narrowed) {
  const auto parsed = parse_json(
      R"({"port":70000,"minus":-1,"half":1.5,"one":1.0,"text":"1","big":18446744073709551615,"ok":65535,"zero":-0})");
  ASSERT_TRUE(parsed);
  const auto port = [&](const char* key) { return get_integer<std::uint16_t>(*parsed, key, 0, 65535); };
  for (const char* key : {"port", "minus", "half", "one", "text", "big", "absent"})
    EXPECT_FALSE(port(key)) << key;
  EXPECT_EQ(port("ok"), 65535);
  EXPECT_EQ(port("zero"), 0);
  EXPECT_FALSE(get_integer<std::uint8_t>(*parsed, "ok", 0, 1'000'000));
}

TEST(Json, readers_check_the_type) {
  const auto parsed = parse_json(R"({"s":"x","n":1,"b":true,"a":[],"o":{}})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(get_string(*parsed, "s"), "x");
  EXPECT_FALSE(get_string(*parsed, "n"));
  EXPECT_EQ(get_bool(*parsed, "b"), true);
  EXPECT_FALSE(get_bool(*parsed, "n"));
  EXPECT_TRUE(get_array(*parsed, "a"));
  EXPECT_FALSE(get_array(*parsed, "o"));
  EXPECT_TRUE(get_object(*parsed, "o"));
  EXPECT_FALSE(get_object(*parsed, "a"));
  EXPECT_FALSE(get_string(Json::array(), "s"));
}

TEST(Json, writing_never_throws) { EXPECT_EQ(to_line(Json("\xff")), "\"\xef\xbf\xbd\""); }

}  // namespace
}  // namespace causeway::protocol
