#include "protocol/line_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace causeway::protocol {
namespace {

std::vector<std::string> take_all(LineReader& reader) {
  std::vector<std::string> lines;
  while (auto line = reader.next())
    lines.push_back(*line);
  return lines;
}

TEST(LineReader, every_split_gives_the_same_lines) {
  const std::string stream = "one\n\ntwo\r\nthree\n";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    LineReader reader(16);
    std::vector<std::string> lines;
    for (const auto& part : {stream.substr(0, cut), stream.substr(cut)}) {
      reader.append(as_bytes(part));
      for (auto& line : take_all(reader))
        lines.push_back(line);
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two", "three"})) << cut;
    EXPECT_FALSE(reader.has_partial_line());
  }
}

TEST(LineReader, many_lines_in_one_segment) {
  LineReader reader(8);
  std::string stream;
  for (int i = 0; i < 1000; ++i)
    stream += std::to_string(i) + "\n";
  reader.append(as_bytes(stream));
  EXPECT_EQ(take_all(reader).size(), 1000U);
}

TEST(LineReader, a_line_at_the_limit_passes_and_one_above_fails) {
  LineReader reader(4);
  reader.append(as_bytes("1234\n12345\n1\n"));
  EXPECT_EQ(reader.next(), "1234");
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_TRUE(reader.failed());
  reader.append(as_bytes("a\n"));
  EXPECT_EQ(reader.next(), std::nullopt);
}

TEST(LineReader, a_line_without_end_fails_as_soon_as_it_is_too_long) {
  LineReader reader(4);
  reader.append(as_bytes("1234"));
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_FALSE(reader.failed());
  EXPECT_TRUE(reader.has_partial_line());
  reader.append(as_bytes("5"));
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_TRUE(reader.failed());
}

TEST(LineReader, a_raised_limit_holds_for_what_is_there) {
  LineReader reader(4);
  reader.append(as_bytes("1\n123456\n"));
  EXPECT_EQ(reader.next(), "1");
  reader.set_limit(8);
  EXPECT_EQ(reader.next(), "123456");
}

TEST(LineReader, binary_bytes_are_bytes) {
  LineReader reader(16);
  const Bytes bytes{0x16, 0x03, 0x01, 0x00, 0xff, '\n'};
  reader.append(bytes);
  EXPECT_EQ(reader.next()->size(), 5U);
}

}  // namespace
}  // namespace causeway::protocol
