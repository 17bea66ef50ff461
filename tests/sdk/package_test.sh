#!/bin/bash
# The SDK as an outsider has it: installed into an empty folder, away from the tree. Every template and every example
# builds from it alone, with g++ and with clang, passes its own test and the validator, and exports one symbol.
#   package_test.sh BUILD
set -eu -o pipefail
build=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/causeway-sdk-XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() { printf 'failed: %s\n' "$*" >&2; exit 1; }

cmake --install "$build" --component sdk --prefix "$work/sdk" >"$work/install.log"
(cd "$work/sdk" && find . -type f | sort) >"$work/files"
diff "$here/files.golden" "$work/files" || fail "the package holds other files than files.golden says"

cd "$work"
PATH=$work/sdk/bin:$PATH
mkdir source
cp -r sdk/share/causeway-sdk/examples source/examples
(cd source && for kind in priority candidate-source transport; do causeway plugin new "mine-$kind" --kind $kind >/dev/null; done)
{
  echo 'cmake_minimum_required(VERSION 3.16)'
  echo 'project(all LANGUAGES C CXX)'
  echo 'enable_testing()'
  for folder in source/mine-* source/examples/*/; do echo "add_subdirectory(${folder#source/})"; done
} >source/CMakeLists.txt

for compiler in "gcc g++" "clang-16 clang++-16"; do
  read -r c cxx <<<"$compiler"
  command -v "$cxx" >/dev/null || fail "$cxx is not installed (packaging/packages.sh lists what the tests need)"
  cmake -S source -B "build-$cxx" -DCMAKE_PREFIX_PATH="$work/sdk" -DCMAKE_C_COMPILER="$c" -DCMAKE_CXX_COMPILER="$cxx" \
    -DCMAKE_CXX_FLAGS=-Werror -DCMAKE_C_FLAGS=-Werror >"$work/log" || { cat "$work/log"; fail "cmake with $cxx"; }
  cmake --build "build-$cxx" --parallel 2 >"$work/log" || { cat "$work/log"; fail "the build with $cxx"; }
  ctest --test-dir "build-$cxx" --parallel 2 --output-on-failure >"$work/log" || { cat "$work/log"; fail "tests with $cxx"; }
  grep -E '^100% tests passed' "$work/log"
  libraries=$(find "build-$cxx" -name '*.so')
  # shellcheck disable=SC2086
  "$here/../plugins/check_exports.sh" $libraries
  for file in $libraries; do
    name=$(basename "$file" .so)
    [[ $(causeway plugin check "$file" --json | jq -r '[.id, .abi, .fit, (.findings | length)] | join(" ")') == "$name 1.0 true 0" ]] ||
      fail "$file: $(causeway plugin check "$file")"
  done
  printf '%s: %s libraries\n' "$cxx" "$(wc -w <<<"$libraries")"
done
