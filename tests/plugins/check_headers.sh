#!/bin/sh
# Every C header of the SDK compiles alone, in each language and standard a plugin may be written in.
include=$1
bad=0
check() {  # compiler, language, standard, header
  printf '#include "%s"\n#include "%s"\nint causeway_header_check;\n' "$4" "$4" |
    "$1" -x "$2" -std="$3" -Wall -Wextra -pedantic -Werror -fsyntax-only -I"$include" - || {
      echo "failed: $1 -std=$3 $4"
      bad=1
    }
}
for header in $(cd "$include" && find . -name '*.h'); do
  for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    for standard in c11 c17 c2x; do check $compiler c $standard "$header"; done
  done
  for compiler in g++ clang++; do
    command -v $compiler >/dev/null || continue
    for standard in c++11 c++14 c++17 c++20; do check $compiler c++ $standard "$header"; done
  done
done
for compiler in g++ clang++; do
  command -v $compiler >/dev/null || continue
  for standard in c++17 c++20; do check $compiler c++ $standard causeway/cpp/plugin.hpp; done
done
exit $bad
