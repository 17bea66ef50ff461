#!/bin/bash
# The data plane alone: two data_end in two namespaces joined by veth, measured by ping and iperf3.
#   bench/dataplane_pair.sh [SECONDS] [WORD of data_end]...      bench/dataplane_pair.sh 4 aes no-gro
set -euo pipefail
program=$(dirname "$0")/../build/release/bin/data_end
seconds=${1:-4}
shift $(($# < 1 ? $# : 1))
(($#)) || set -- aes
run=cwpair$$
pids=()

cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  ip netns del "$run-1" 2>/dev/null || true
  ip netns del "$run-2" 2>/dev/null || true
  rm -rf "$logs"
}
logs=$(mktemp -d)
trap cleanup EXIT

n1() { ip netns exec "$run-1" "$@"; }
n2() { ip netns exec "$run-2" "$@"; }

ip netns add "$run-1"
ip netns add "$run-2"
ip -n "$run-1" link add eth0 type veth peer name eth0 netns "$run-2"
for number in 1 2; do
  ip -n "$run-$number" link set lo up
  ip -n "$run-$number" addr add "192.0.2.$number/24" dev eth0
  ip -n "$run-$number" link set eth0 up
  ip netns exec "$run-$number" "$program" "$number" "$@" >"$logs/$number" &
  pids+=($!)
done
for _ in $(seq 50); do n1 ping -q -c 1 -W 1 10.10.0.2 >/dev/null 2>&1 && break; done

echo "ping, idle:   $(n1 ping -q -c 200 -i 0.01 10.10.0.2 | grep rtt)"
n2 iperf3 -s -D --pidfile "$logs/iperf" >/dev/null
while [ ! -s "$logs/iperf" ]; do read -rt 0.1 <> <(:) || true; done
pids+=("$(tr -d '\0' <"$logs/iperf")")

total=0
measure() {  # LABEL iperf3 options…
  local label=$1
  shift
  local json
  json=$(n1 iperf3 -c 10.10.0.2 -t "$seconds" -J "$@")
  echo "$label $(jq -r '.end.sum_received | "\(.bits_per_second / 1e7 | round / 100) Gbit/s"' <<<"$json")"
  total=$((total + $(jq -r '.end.sum_received.bytes | floor' <<<"$json")))
}
measure "TCP 1:       "
measure "TCP 4:       " -P 4
measure "TCP 1 back:  " -R

kill "${pids[0]}" "${pids[1]}"
wait "${pids[0]}" "${pids[1]}" || true
awk -v bytes="$total" '/cpu_seconds/ { sum += $2 } END { printf "CPU-s/GB:     %.2f (both ends)\n", sum / bytes * 1e9 }' \
  "$logs/1" "$logs/2"
grep -h drops "$logs/1" "$logs/2" || true
