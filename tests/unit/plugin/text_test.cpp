#include "plugin/text.hpp"

#include <gtest/gtest.h>

namespace causeway::plugin {
namespace {

TEST(CleanText, KeepsGoodTextAndReplacesTheRest) {
  EXPECT_EQ(clean_text("host pair, 12 ms", 100), "host pair, 12 ms");
  EXPECT_EQ(clean_text("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 100),
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(clean_text(std::string_view("a\n\0b\x7f", 5), 100), "a??b?");
  EXPECT_EQ(clean_text("\x80\xff", 100), "??");
  EXPECT_EQ(clean_text("\xc0\xaf", 100), "??") << "overlong";
  EXPECT_EQ(clean_text("\xed\xa0\x80", 100), "???") << "surrogate";
  EXPECT_EQ(clean_text("\xf4\x90\x80\x80", 100), "????") << "beyond U+10FFFF";
  EXPECT_EQ(clean_text("x\xe2\x82", 100), "x??") << "cut off";
}

TEST(CleanText, IsCutBetweenCharacters) {
  EXPECT_EQ(clean_text("abcdef", 3), "abc");
  EXPECT_EQ(clean_text("ab\xe2\x82\xac", 4), "ab");
  EXPECT_EQ(clean_text("ab", 0), "");
}

TEST(StatusText, NamesWhatThePluginReturned) {
  EXPECT_EQ(status_text(CW_ERROR_EXCEPTION), "CW_ERROR_EXCEPTION");
  EXPECT_EQ(status_text(-99), "status -99");
}

}  // namespace
}  // namespace causeway::plugin
