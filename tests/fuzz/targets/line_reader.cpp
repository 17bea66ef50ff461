#include "protocol/line_reader.hpp"

#include <vector>

#include "input.hpp"

// Against splitting the whole text at once, however it is cut into pieces.
CAUSEWAY_FUZZ_TARGET(line_reader) {
  constexpr std::size_t kLimit = 32;
  protocol::LineReader reader(kLimit);
  std::string all;
  std::vector<std::string> lines;
  while (!input.is_empty()) {
    const ByteView piece = input.take(input.byte());
    all += as_text(piece);
    reader.append(piece);
    while (auto line = reader.next())
      lines.push_back(*line);
  }
  std::vector<std::string> expected;
  for (std::size_t at = 0, end; (end = all.find('\n', at)) != std::string::npos; at = end + 1) {
    std::string line = all.substr(at, end - at);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    expected.push_back(line);
  }
  require(lines.size() <= expected.size(), "a line was made up");
  for (std::size_t i = 0; i < lines.size(); ++i)
    require(lines[i] == expected[i], "a line was changed");
  for (const auto& line : lines)
    require(line.size() <= kLimit, "a line above the limit");
  require(reader.failed() || lines.size() == expected.size(), "a line was lost");
}
