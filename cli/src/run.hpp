#pragma once

#include <iosfwd>

namespace causeway::cli {

/// The whole `causeway` tool. 0: done; 1: failed, with one line "error: …" on `err`; 2: wrong usage.
int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace causeway::cli
