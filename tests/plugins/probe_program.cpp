#include <cstdio>
#include <string_view>

#include "plugin/probe.hpp"

int main(int argc, char** argv) {
  if (argc != 3 || std::string_view(argv[1]) != "--probe-plugin") {
    std::fputs("usage: plugin_probe --probe-plugin FILE\n", stderr);
    return 2;
  }
  return causeway::plugin::probe_main(argv[2]);
}
