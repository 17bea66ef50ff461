#!/bin/sh
# Every header of the SDK compiles alone and twice, in each language and standard a plugin may be written in.
include=$1
bad=0
tried=0
check() {  # compiler, language, standard, header
  tried=$((tried + 1))
  printf '#include "%s"\n#include "%s"\nint causeway_header_check;\n' "$4" "$4" |
    "$1" -x "$2" -std="$3" -Wall -Wextra -pedantic -Werror -fsyntax-only -I"$include" - || {
      echo "failed: $1 -std=$3 $4"
      bad=1
    }
}
there() { command -v "$1" >/dev/null; }
for header in $(cd "$include" && find . -name '*.h'); do
  for compiler in gcc clang-16; do
    there $compiler || continue
    for standard in c11 c17 c2x; do check $compiler c $standard "$header"; done
  done
  for compiler in g++ clang++-16; do
    there $compiler || continue
    for standard in c++11 c++14 c++17 c++20 c++2b; do check $compiler c++ $standard "$header"; done
  done
done
for header in $(cd "$include" && find . -name '*.hpp'); do
  for compiler in g++ clang++-16; do
    there $compiler || continue
    for standard in c++17 c++20 c++2b; do check $compiler c++ $standard "$header"; done
  done
done
echo "$tried combinations of header, compiler and standard"
exit $bad
