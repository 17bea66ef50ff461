#!/bin/bash
# profile.sh [SYSTEM [SECONDS [PERF EVENT]]]: called by `./run bench profile`. Where the CPU time of both daemons goes
# under one TCP stream: perf by symbol, then by call tree from the top. The recording stays in build/bench.
source "$(dirname "$0")/../tests/lab/lab.sh"
source "$(dirname "$0")/turn.sh"

system=${1:-causeway} seconds=${2:-5} event=${3:-cpu-clock}
[[ $system != veth && " $(all_systems) " == *" $system "* ]] || die "no tunnel '$system'; there are: $(all_systems)"
lab_begin iperf3 ethtool perf
mkdir "$lab_dir/systems"
mkdir -p "$lab_root/build/bench"
recording=$lab_root/build/bench/$system.perf

world_cable
load_system "$system"
begin_turn
start iperf_server client2 iperf3 -s -1 -B "$address"
wait_until 5 "iperf3 listens" listens client2 5201
start iperf client1 iperf3 -c "$address" -t $((seconds + 2))
pids=$(for name in "${daemons[@]}"; do pid_of "$name"; done | paste -sd,)
perf record -q -e "$event" -F 1999 -g -p "$pids" -o "$recording" -- sleep "$seconds"
wait_until 10 "iperf3 ends" is_stopped iperf
grep -E 'sender|receiver' "$lab_dir/log/iperf" || tail -n 3 "$lab_dir/log/iperf"

# Frames without a name are what the unwinder made of registers.
report() {
  perf report -i "$recording" --stdio -g none "$@" 2>/dev/null | grep -vE '^(#|$)|0x[0-9a-f]+' | sed 's/ *-  *- *$//'
}
printf '\nBy symbol, %% of the two daemons:\n\n'
report --no-children --sort symbol --percent-limit 0.7
printf '\nBy what was called, with everything below it:\n\n'
report --children --sort symbol --percent-limit 3
printf '\nMore: perf report -i %s\n' "$recording"
