#include "server/src/admin/command_line.hpp"

int main(int argc, char** argv) { return causeway::server::run_command_line(argc, argv); }
