#pragma once

namespace causeway {

/// Of all programs and of the wire greeting; the build reads it from here.
inline constexpr const char* kVersion = "0.1.0";

}  // namespace causeway
