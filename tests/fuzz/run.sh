#!/bin/bash
# tests/fuzz/run.sh BIN_FOLDER [--keep] [--runs N] [SECONDS] [TARGET...]
#
# Runs each fuzz target from its kept corpus, in a copy, for SECONDS (60), and prints what came of it. Fails if one did not
# run, if its corpus reaches no more than an empty input does, or if it found something. What it found stays in
# BIN_FOLDER/../../found with the command that shows it again.
#   --keep    puts inputs that reach new code into the kept corpus, as few as it takes
#   --runs N  ends a target after N executions, if that comes before SECONDS
set -eu -o pipefail
export LC_ALL=C
# No stacks of allocations: much faster; the command that shows a find again has them.
export ASAN_OPTIONS=malloc_context_size=0
here=$(dirname "$(readlink -f "$0")")
bin=$(readlink -f "$1")
shift
keep=0 runs=-1 seconds=60
while (($#)); do
  case $1 in
    --keep) keep=1 ;;
    --runs) runs=$2 && shift ;;
    [0-9]*) seconds=$1 ;;
    *) break ;;
  esac
  shift
done
# Longer inputs only repeat themselves: as many steps as the target takes, or what the format limits.
declare -A most_bytes=([coalescer]=512 [cookie_reply]=512 [forwarder]=1024 [handshake]=512 [ice_agent]=512 [keypair]=1024
  [line_reader]=1024 [replay_window]=1024 [server_core]=128 [server_link]=512 [session]=256 [stun_reflection]=1024)

found=$(readlink -f "$bin/../..")/found
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$found"

targets=("$@")
if ((!$#)); then
  for source in "$here"/targets/*.cpp; do targets+=("$(basename "$source" .cpp)"); done
fi

# coverage_of LOG: what the last status line says; 0 without one.
coverage_of() { { grep -ao 'cov: [0-9]*' "$1" || echo 'cov: 0'; } | tail -1 | cut -d' ' -f2; }
statistic() { { grep -a "^stat::$2:" "$1" || echo "x 0"; } | awk 'END { print $2 }'; }

failed=0
printf '%-18s %12s %9s   %-28s %s\n' target executions exec/s 'edges: empty, kept, reached' found
for target in "${targets[@]}"; do
  program=$bin/fuzz_$target
  corpus=$here/corpus/$target
  log=$work/$target.log
  if [[ ! -x $program || ! -d $corpus ]]; then
    printf '%-18s did not run: %s is missing\n' "$target" "$([[ -x $program ]] && echo "$corpus" || echo "$program")"
    failed=1
    continue
  fi
  mkdir -p "$work/empty" "$work/$target"
  cp -r "$corpus/." "$work/$target"
  "$program" -runs=1 "$work/empty" >"$log.empty" 2>&1 || true
  "$program" -runs=0 "$work/$target" >"$log.kept" 2>&1 || true
  result=0
  # Its entropic schedule takes a third of the time of a target with many edges.
  "$program" -max_total_time="$seconds" -runs="$runs" -timeout=10 -rss_limit_mb=2048 -entropic=0 \
    -max_len="${most_bytes[$target]:-4096}" -artifact_prefix="$found/$target-" -print_final_stats=1 "$work/$target" >"$log" 2>&1 || result=$?
  executions=$(statistic "$log" number_of_executed_units)
  empty=$(coverage_of "$log.empty") kept=$(coverage_of "$log.kept") reached=$(coverage_of "$log")
  verdict=nothing
  if ((result)); then
    verdict="FAILED: $(grep -aE '^(broken:|SUMMARY:)' "$log" | head -1)"
    failed=1
  elif ((executions == 0)); then
    verdict="FAILED: did not run" failed=1
  elif ((kept <= empty)); then
    verdict="FAILED: the kept corpus reaches nothing" failed=1
  fi
  printf '%-18s %12s %9s   %-28s %s\n' "$target" "$executions" "$(statistic "$log" average_exec_per_sec)" \
    "$empty, $kept, $reached" "$verdict"
  if ((result)); then
    cp "$log" "$found/$target.log"
    artifact=$(grep -ao "Test unit written to .*" "$log" | head -1 | cut -d' ' -f5 || true)
    printf '  to see it again: %s %s\n  log: %s\n' "$program" "${artifact:-}" "$found/$target.log"
  elif ((keep)); then
    # Edges alone, and the smallest set that reaches them: the corpus is kept in git.
    mkdir "$work/merged"
    "$program" -merge=1 -set_cover_merge=1 -use_counters=0 "$work/merged" "$corpus" "$work/$target" >"$log.merge" 2>&1
    find "$corpus" -type f ! -name 'found-*' -delete
    cp "$work"/merged/* "$corpus"
    rm -rf "$work/merged"
  fi
  rm -rf "${work:?}/$target"
done
exit $failed
