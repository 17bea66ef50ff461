#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace transport_turn {

inline std::string concat(std::initializer_list<std::string_view> parts) {
  std::string whole;
  for (const std::string_view part : parts)
    whole.append(part);
  return whole;
}

}  // namespace transport_turn
