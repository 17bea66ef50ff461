#!/bin/bash
# bench.sh [OPTION...]: called by `./run bench`. Causeway beside the bare cable and every rival that Debian packages.
# Rounds are interleaved: in each, every system has one turn, so that the machine's mood meets all alike.
source "$(dirname "$0")/../tests/lab/lab.sh"
source "$(dirname "$0")/turn.sh"
source "$(dirname "$0")/figures.sh"
source "$(dirname "$0")/first_contact.sh"
# Progress is for whoever waits (descriptor 4), standard output is the report's.
exec 4>&2 3>&2

usage() {
  cat <<END
usage: bench [--rounds N] [--seconds S] [--quick] [--only 'SYSTEM...'] [--figures 'FIGURE...']
             [--json FILE] [--plot FILE] [--publish]
  --quick    one round of one second
  --only     of: $(all_systems)
  --figures  of: $(all_figures)
  --json     every measured value (default: build/bench/results.json); --plot: the SVG (beside it)
  --publish  puts the tables into docs/performance.md and the plot beside it
END
}
all_figures() { echo tcp1 tcp4 tcp16 udp64 udp512 udp1400 ping loaded wire plain contact; }

rounds=5 seconds=2 contacts=10 publish=
systems=$(all_systems) figures=$(all_figures)
json=$lab_root/build/bench/results.json plot=
while (($#)); do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --only) systems=${2//,/ }; shift ;;
    --figures) figures=${2//,/ }; shift ;;
    --json) json=$2; shift ;;
    --plot) plot=$2; shift ;;
    --quick) rounds=1 seconds=1 contacts=2 ;;
    --publish) publish=1 ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[[ $rounds$seconds =~ ^[1-9][0-9]*$ ]] || die "--rounds and --seconds are whole numbers"
for name in $systems; do [[ " $(all_systems) " == *" $name "* ]] || die "no system '$name'; there are: $(all_systems)"; done
for name in $figures; do [[ " $(all_figures) " == *" $name "* ]] || die "no figure '$name'; there are: $(all_figures)"; done
wants() { [[ " $figures " == *" $1 "* ]]; }

exec 9>"${TMPDIR:-/tmp}/causeway-bench.lock"
flock -n 9 || die "another bench is running: two at once measure each other"
lab_begin iperf3 ethtool timeout
needs_binaries
[[ -x $bin/udp_blast ]] || die "$bin/udp_blast is not built (./run bench builds it)"
mkdir "$lab_dir/systems"
: >"$lab_dir/samples"

# ---- samples ------------------------------------------------------------------------------------------------

# record FIGURE VALUE: one sample of the system whose turn it is.
record() {
  jq -nc --arg system "$system" --arg figure "$1" --argjson round "$round" --argjson value "$2" \
    '{system: $system, round: $round, figure: $figure, value: $value}' >>"$lab_dir/samples"
  printf '    %-16s %s\n' "$1" "$2" >&4
}
record_failure() {
  jq -nc --arg system "$system" --arg figure "$1" --argjson round "$round" --arg reason "$2" \
    '{system: $system, round: $round, figure: $figure, failure: $reason}' >>"$lab_dir/samples"
  printf '    %-16s FAILED: %s\n' "$1" "$2" >&4
}

# attempt FIGURE CMD...: in a subshell; what goes wrong there is that figure's failure and not the bench's end.
attempt() {
  local figure=$1 said=$lab_dir/said.$BASH_SUBSHELL code
  shift
  rm -f "$lab_dir/reported"
  set +e
  (set -e; "$@") 3>"$said" 2>&3
  code=$?
  set -e
  ((code == 0)) || record_failure "$figure" "$(reason "$said")"
}
# The first complaint, and the last words of a process that ended by itself.
reason() {
  local file
  grep -m1 . "$1" | sed 's/.*✗ //; s/\x1b\[[0-9]*m//g; s/^ *//'
  for file in "$lab_dir"/pids/*; do
    if [[ -e $file ]] && is_stopped "${file##*/}"; then
      printf '(%s ended: %s)' "${file##*/}" "$(tail -n 1 "$lab_dir/log/${file##*/}")"
    fi
  done
}

# ---- turns --------------------------------------------------------------------------------------------------

turn() {
  local figure
  load_system "$system"
  begin_turn
  ((${#daemons[@]} == 0)) || record connect_ms "$ms_to_connect"
  for figure in $figures; do
    [[ $figure != contact ]] || continue
    [[ -z $only_figures || " $only_figures " == *" $figure "* ]] || continue
    attempt "$figure" "figure_$figure"
    end_figure
    on client1 ping -q -n -c 1 -w 5 "$address" >"$lab_dir/log/ping" || { fail "no reply after '$figure'"; return 1; }
  done
  ((${#daemons[@]} == 0)) || record memory_mb "$(daemons_memory)"
  down
}
# What a figure that failed halfway has left.
end_figure() {
  local name
  for name in iperf_load iperf_server udp_receiver receiver; do stop $name; done
}

measure_turns() {
  local done=0 count started=$SECONDS
  count=$((rounds * $(wc -w <<<"$systems")))
  world_cable
  for ((round = 1; round <= rounds; round++)); do
    for system in $systems; do
      printf '  round %d of %d: %s%s\n' "$round" "$rounds" "$system" "$(time_left $done)" >&4
      attempt turn turn
      stop_all
      rm -f "$lab_dir"/log/*
      done=$((done + 1))
    done
  done
}
time_left() {
  (($1 == 0)) || printf ' (about %d s left)' $(((SECONDS - started) * (count - $1) / $1))
}

# ---- report -------------------------------------------------------------------------------------------------

describe_systems() {
  local system
  for system in $systems; do
    (
      load_system "$system"
      jq -nc --arg name "$system" --arg title "$title" --arg settings "$settings" --arg version "$(version)" \
        '{name: $name, title: $title, version: $version, settings: $settings}'
    )
  done | jq -sc .
}
describe_run() {
  jq -n --arg cpu "$(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" --argjson cpus "$(nproc)" \
    --arg kernel "$(uname -r)" --arg date "$(date -u +%FT%RZ)" --argjson rounds "$rounds" --argjson seconds "$seconds" \
    --arg commit "$(git -c safe.directory='*' -C "$lab_root" describe --always --dirty 2>/dev/null || echo unknown)" \
    --arg aes "$(grep -m1 '^flags' /proc/cpuinfo | grep -oE '\b(aes|vaes|avx512f)\b' | sort | paste -sd' ')" \
    --argjson systems "$(describe_systems)" --slurpfile samples "$lab_dir/samples" \
    '{machine: {cpu: $cpu, cpus: $cpus, flags: $aes, kernel: $kernel}, date: $date, commit: $commit, rounds: $rounds,
      seconds: $seconds, systems: $systems, samples: $samples}'
}

if wants contact && [[ " $systems " == *" causeway "* ]]; then
  system=causeway round=1
  attempt contact measure_contacts
  stop_all
  lab_delete_namespaces
  rm -rf "$lab_dir"/{server,alice,bob}
fi
measure_turns
mkdir -p "$(dirname "$json")"
describe_run >"$json"
report=("$bench_source/report.py" "$json" --plot "${plot:-${json%.json}.svg}")
[[ -z $publish ]] || report+=(--publish "$lab_root/docs/performance.md")
"$python" -B "${report[@]}"
# What root made is for whoever called.
[[ -z ${SUDO_UID:-} ]] || chown "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$json" "${plot:-${json%.json}.svg}"
