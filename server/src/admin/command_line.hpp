#pragma once

namespace causeway::server {

/// The whole program: reads the arguments, does what they say, returns the exit code: 0 done, 1 failed, 2
/// wrong usage.
int run_command_line(int argc, char** argv);

}  // namespace causeway::server
