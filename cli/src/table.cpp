#include "cli/src/table.hpp"

#include <algorithm>

namespace causeway::cli {
namespace {

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string format_rows(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    while (!line.empty() && line.back() == ' ')
      line.pop_back();
    text += line + "\n";
  }
  return text;
}

std::vector<std::string> clean(const std::vector<std::string>& row) {
  std::vector<std::string> cells;
  for (const std::string& cell : row)
    cells.push_back(printable(cell));
  return cells;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string clean;
  for (const char c : text)
    clean += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return clean;
}

std::string format_table(const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> all{header};
  for (const auto& row : rows)
    all.push_back(clean(row));
  return format_rows(all);
}

std::string format_list(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> all;
  for (const auto& row : rows)
    all.push_back(clean(row));
  return format_rows(all);
}

}  // namespace causeway::cli
