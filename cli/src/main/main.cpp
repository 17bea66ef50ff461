#include <iostream>

#include "cli/src/run.hpp"

int main(int argc, char** argv) { return causeway::cli::run(argc, argv, std::cout, std::cerr); }
