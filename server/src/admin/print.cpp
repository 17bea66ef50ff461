#include "server/src/admin/print.hpp"

#include <algorithm>

namespace causeway::server {
namespace {

std::string cell(const protocol::Json& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : protocol::to_line(value);
}

std::string heading(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return name;
}

}  // namespace

std::string format_table(const protocol::Json& rows, const std::vector<std::string>& columns) {
  std::vector<std::vector<std::string>> table;
  auto& head = table.emplace_back();
  for (const auto& column : columns)
    head.push_back(heading(column));
  for (const auto& row : rows) {
    auto& cells = table.emplace_back();
    for (const auto& column : columns) {
      const auto* member = protocol::find_member(row, column);
      cells.push_back(member ? cell(*member) : "-");
    }
  }
  std::vector<std::size_t> widths(columns.size());
  for (const auto& cells : table) {
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths[i] = std::max(widths[i], cells[i].size());
  }
  std::string text;
  for (const auto& cells : table) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i)
      line += cells[i] + std::string(widths[i] - cells[i].size() + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string format_members(const protocol::Json& object) {
  std::string text;
  for (const auto& [name, value] : object.items())
    text += name + ": " + cell(value) + "\n";
  return text;
}

}  // namespace causeway::server
