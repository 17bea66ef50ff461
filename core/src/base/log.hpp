#pragma once

#include <fmt/core.h>

#include <string_view>

namespace causeway::log {

enum class Level { trace, debug, info, warning, error, off };

/// Text lines on stderr: time, level, [category], message. Never called per packet.
/// `category` is the noun of the file that speaks ("ice", "link", "plugin"). Any thread.
void write(Level level, std::string_view category, std::string_view message);
bool is_enabled(Level level);
void set_level(Level level);
/// "trace" … "off"; false for another word.
bool set_level(std::string_view name);

template <class... Args>
void write_formatted(Level level, std::string_view category, fmt::format_string<Args...> format,
                     Args&&... args) {
  if (is_enabled(level)) write(level, category, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void debug(std::string_view category, fmt::format_string<Args...> format, Args&&... args) {
  write_formatted(Level::debug, category, format, std::forward<Args>(args)...);
}
template <class... Args>
void info(std::string_view category, fmt::format_string<Args...> format, Args&&... args) {
  write_formatted(Level::info, category, format, std::forward<Args>(args)...);
}
template <class... Args>
void warning(std::string_view category, fmt::format_string<Args...> format, Args&&... args) {
  write_formatted(Level::warning, category, format, std::forward<Args>(args)...);
}
template <class... Args>
void error(std::string_view category, fmt::format_string<Args...> format, Args&&... args) {
  write_formatted(Level::error, category, format, std::forward<Args>(args)...);
}

}  // namespace causeway::log
