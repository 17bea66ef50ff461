#!/bin/bash
# tests/sanitize/run.sh BUILD_FOLDER [PART...]
#
# The tests of a build with sanitizers (presets asan and tsan), as root. Parts, all by default:
#   unit      unit tests and the fuzz corpus       sim   the simulation: its tests and 500 seeds
#   server    the real server program over TLS     lab   real daemons behind NATs: the worked example
#   demo      ./run demo with a smaller file
# Every program of ours, the ones that a test starts too, writes what ASan, LSan and TSan find into BUILD_FOLDER/sanitizer; one
# report there is a failure, whatever the tests say. UBSan beside ASan knows no such file: it ends the program where it
# stands, and the test fails.
set -eu -o pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "$1")
shift
(($#)) || set -- unit sim server lab demo

reports=$build/sanitizer
rm -rf "$reports"
mkdir -p "$reports"
# verify_asan_link_order: one test loads a library ahead of everything into the server.
export ASAN_OPTIONS="log_path=$reports/report:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:verify_asan_link_order=0"
export UBSAN_OPTIONS="print_stacktrace=1"
export TSAN_OPTIONS="log_path=$reports/report:second_deadlock_stack=1:history_size=4"

# A report that nobody sees would make everything clean.
faults=(use_after_free overflow leak)
[[ $(cd "$build" && grep '^CAUSEWAY_SANITIZE' CMakeCache.txt) != *=thread ]] || faults=(race)
for fault in "${faults[@]}"; do
  if "$build/bin/sanitizer_canary" "$fault" 2>/dev/null ||
    [[ $fault != overflow && -z $(find "$reports" -type f -size +0) ]]; then
    echo "error: the sanitizers do not see $build/bin/sanitizer_canary $fault" >&2
    exit 1
  fi
  rm -f "$reports"/*
done

tests() { ctest --test-dir "$build" --output-on-failure --no-tests=error "$@"; }

failed=()
for part in "$@"; do
  printf '\n== %s: %s\n' "${build##*/}" "$part"
  case $part in
    unit | sim | server) tests -L "^$part\$" || failed+=("$part") ;;
    lab) tests -R '^lab\.worked_example$' || failed+=("$part") ;;
    demo) CAUSEWAY_BIN=$build/bin "$here/../lab/demo.sh" --size 20 || failed+=("$part") ;;
    *) echo "no such part: $part" >&2; exit 2 ;;
  esac
done

printf '\n'
found=0
for file in "$reports"/*; do
  [[ -s $file ]] || continue
  found=$((found + 1))
  printf '== %s\n' "${file##*/}"
  head -60 "$file"
done
echo "${build##*/}: $*: ${#failed[@]} parts failed${failed:+ (${failed[*]})}; $found reports in $reports"
((found == 0 && ${#failed[@]} == 0))
