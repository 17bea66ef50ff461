#!/bin/bash
# Plugins are swapped under traffic: numbered datagrams both ways, sent = received, no drop counter moved, nothing left
# behind. First on a direct path; then the direct path is cut and the transport under test carries everything.
#
#   client1 - nat1 (port-restricted) ---- internet ---- server: address server, STUN, coturn
#   client2 - nat2 (port-restricted) ----+                                      (bob has no relay of his own)
#
# swap_test.sh                 a few swaps of each kind
# swap_test.sh --full          1,000 of priority-ice and of candidates-stun, 100 of transport-turn; TCP with and without
#                              swaps (5 runs each); the figures of docs/plugin-abi.md
# swap_test.sh --swaps N       N swaps, N/10 of the transport
# swap_test.sh --transport N   N swaps of the transport alone
# swap_test.sh --tcp           TCP alone
source "$(dirname "$0")/../lab/lab.sh"
lab_begin turnserver iperf3
needs_binaries

swaps=40 transport_swaps=3 tcp_seconds=0
case ${1:-} in
  --full) swaps=1000 transport_swaps=100 tcp_seconds=5 ;;
  --swaps) swaps=$2 transport_swaps=$(($2 / 10)) ;;
  --tcp) swaps=0 transport_swaps=0 tcp_seconds=5 ;;
  --transport) swaps=0 transport_swaps=$2 ;;
  "") ;;
  *) die "unknown option: $1" ;;
esac
turn_port=3479 secret=lab-secret port=9000 bytes=1200
declare -A address

# ---- the world ------------------------------------------------------------------------------------------------

world_two_homes
start coturn server turnserver -n --use-auth-secret --static-auth-secret=$secret --realm=lab --no-cli --no-tls --no-dtls \
  --listening-ip=$server_address --relay-ip=$server_address --listening-port=$turn_port --simple-log \
  --log-file="$lab_dir/log/coturn.log" --pidfile="$lab_dir/coturn.pid" --userdb="$lab_dir/coturn.db"
coturn_listens() { on server ss -Huln "sport = :$turn_port" | grep -q .; }
wait_until 10 "coturn listens" coturn_listens
server_init --turn "turn:$server_address:$turn_port?transport=udp" --turn-secret $secret
server_start
# What is counted at the end is the swaps', not the log's.
echo '{"log_level": "warning"}' >"$lab_dir/alice.json"
echo '{"plugins": {"load": ["priority-ice", "candidates-stun"]}}' >"$lab_dir/bob.json"
node_join 1 alice --config "$lab_dir/alice.json"
node_join 2 bob --config "$lab_dir/bob.json"
for name in alice bob; do
  wait_online $name
  address[$name]=$(status "$name" .virtual_address)
done
wait_until 10 "alice has a relayed candidate" has_candidates alice relay
wait_until 20 "alice pings bob" on client1 ping -qc1 -W1 "${address[bob]}"
relayed() { [[ $(peer alice bob .path.local_type) == relay ]]; }
direct() { [[ $(peer alice bob .path.remote) == $nat2_address:* && $(peer alice bob .path.local_type) != relay ]]; }
wait_until 10 "the path is direct" direct
# Both ways, what the two homes send each other without a relay.
cut_direct() {
  on internet nft -f - <<<"table ip cut {
    chain forward {
      type filter hook forward priority filter; policy accept;
      ip saddr { $nat1_address, $nat2_address } ip daddr { $nat1_address, $nat2_address } udp length > 0 drop
    }
  }"
}

# ---- traffic --------------------------------------------------------------------------------------------------

start iperf client2 iperf3 -s -B "${address[bob]}"
wait_until 5 "iperf3 listens" on client2 sh -c "ss -Hltn 'sport = :5201' | grep -q ."
# measure MOST: sets the rate of both directions together to a quarter of what TCP carries over the path in use, and to no
# more than MOST datagrams per second each way.
measure() {
  local capacity
  capacity=$(on client1 iperf3 -c "${address[bob]}" -t 3 -O 1 -J | jq '.end.sum_received.bits_per_second / 1000 | floor')
  rate=$((capacity * 1000 / 8 / bytes / 4 / 2))
  ((rate <= $1)) || rate=$1
  ok "TCP carries $((capacity / 1000)) Mbit/s; $rate datagrams of $bytes bytes per second each way"
}

# What a node has dropped so far: counters that are not zero. `replayed` are second copies, sent while a path is in doubt
# (docs/data-plane.md).
drops() { ask "$1" metrics --json | jq -c '.drops | with_entries(select(.value > 0 and .key != "replayed"))'; }

# The last words of a program that SIGTERM ends.
traffic_begin() {
  local from to number
  drops_before="$(drops alice) $(drops bob)"
  for number in 1 2; do
    to=$( ((number == 1)) && echo bob || echo alice)
    start "receiver$number" "client$((3 - number))" "$python" -u "$lab_source/numbered_burst.py" receive "${address[$to]}" $port
    wait_until 5 "receiver $number listens" grep -qs ready "$lab_dir/log/receiver$number"
    start "sender$number" "client$number" "$python" -u "$lab_source/numbered_burst.py" send "${address[$to]}" $port $rate $bytes
  done
}
traffic_end() {
  local number sent received
  for number in 1 2; do stop "sender$number"; done
  # What is under way arrives.
  for number in 1 2; do wait_until 5 "receiver $number has been silent" is_silent "client$((3 - number))"; done
  for number in 1 2; do
    stop "receiver$number"
    sent=$(tail -1 "$lab_dir/log/sender$number" | jq .sent)
    received=$(tail -1 "$lab_dir/log/receiver$number")
    lost_by_kernel=$(on server awk '/^Udp:/ && $6 ~ /[0-9]/ { print $6 }' /proc/net/snmp)
    [[ $sent == "$(jq .received <<<"$received")" ]] || note "lost in the relay's machine: $lost_by_kernel; drop counters: $drops_before, now $(drops alice) $(drops bob)"
    expect "$1, $( ((number == 1)) && echo 'alice to bob' || echo 'bob to alice'): received of $sent sent" "$sent" "$(jq .received <<<"$received")"
    ok "$received"
    rm "$lab_dir/log/sender$number" "$lab_dir/log/receiver$number"
  done
  expect "$1: the drop counters" "$drops_before" "$(drops alice) $(drops bob)"
}
# Nothing came on its virtual NIC for a while, checks aside.
is_silent() {
  local before
  before=$(link_packets "$1")
  sleep 0.3
  (($(link_packets "$1") - before < 5))
}
link_packets() { on "$1" ip -s -j link show dev cw0 | jq '.[0].stats64.rx.packets + .[0].stats64.tx.packets'; }

# ---- what a process holds -------------------------------------------------------------------------------------

holdings() {
  local pid
  pid=$(pid_of alice)
  printf '%s descriptors, %s threads, %s plugin mappings' "$(ls "/proc/$pid/fd" | wc -l)" "$(ls "/proc/$pid/task" | wc -l)" \
    "$(grep -c run/plugins "/proc/$pid/maps" || true)"
}
memory_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$(pid_of alice)/status"; }
generations() { ask alice plugins --json | jq -r "[.[] | select(.name == \"$1\")] | map(\"\(.generation) \(.state)\") | join(\", \")"; }
is_settled() { [[ $(generations "$1") == "$2 active" ]]; }

# swap NAME TIMES: each tells the generation that runs afterwards.
swap() {
  local name=$1 times=$2 i begun first generation at_100='' memory_at_100=0 took=0 longest=0 one
  first=$(generations "$name" | cut -d' ' -f1)
  for ((i = 1; i <= times; ++i)); do
    begun=${EPOCHREALTIME/./}
    generation=$(ask alice plugin reload "$name" --json | jq .generation)
    one=$((${EPOCHREALTIME/./} - begun))
    took=$((took + one))
    ((one <= longest)) || longest=$one
    [[ $generation == "$((first + i))" ]] || { fail "swap $i of $name: generation $generation, not $((first + i))"; return 1; }
    if [[ $name == transport-turn ]]; then wait_until 10 "the old generation is gone" is_settled "$name" "$generation"; fi
    if ((i == 100 || (i == times / 2 && times < 200))); then
      wait_until 10 "one generation is left" is_settled "$name" "$generation"
      at_100=$(holdings)
      memory_at_100=$(memory_kb)
    fi
  done
  wait_until 10 "one generation is left" is_settled "$name" "$((first + times))"
  ok "$times swaps of $name: $((took / times / 1000)) ms each as the command sees it, the longest $((longest / 1000)) ms"
  expect "held after $times swaps as in the middle" "$at_100" "$(holdings)"
  check "RSS grew by $(($(memory_kb) - memory_at_100)) kB since the middle" test $(($(memory_kb) - memory_at_100)) -lt 1024
}

# ---- steps ----------------------------------------------------------------------------------------------------

# control SECONDS: as long as some swaps take.
control() {
  traffic_begin
  sleep "$1"
  traffic_end "control"
}

step "No swap"
measure 3000
control 3

for name in priority-ice candidates-stun; do
  ((swaps > 0)) || break
  step "$name is swapped $swaps times"
  traffic_begin
  swap $name "$swaps"
  traffic_end "$name"
done

if ((transport_swaps > 0)); then
  step "A relay instead of the direct path, and no swap"
  cut_direct
  wait_until 10 "the path is alice's relay" relayed
  # coturn's sockets hold some thirty datagrams: more than that while it does not get the CPU are lost there.
  measure 500
  control 3

  step "transport-turn is swapped $transport_swaps times on the path in use"
  traffic_begin
  swap transport-turn "$transport_swaps"
  traffic_end "transport-turn"
  check "the path is a relay still" relayed
fi

# retransmits: of one run of TCP, flat out.
retransmits() { on client1 iperf3 -c "${address[bob]}" -t $tcp_seconds -J | jq .end.sum_sent.retransmits; }
if ((tcp_seconds > 0)); then
  ((transport_swaps == 0)) || on internet nft delete table ip cut
  wait_until 60 "the path is direct" direct
  step "TCP flat out, with swaps of priority-ice and without"
  control=() swapped=()
  for _ in 1 2 3 4 5; do control+=("$(retransmits)"); done
  for _ in 1 2 3 4 5; do
    (while :; do ask alice plugin reload priority-ice >/dev/null || exit; done) &
    swapper=$!
    swapped+=("$(retransmits)")
    kill $swapper
    wait $swapper 2>/dev/null || true
  done
  ok "retransmits without: ${control[*]}; with swaps one after the other: ${swapped[*]}"
  most=$(printf '%s\n' "${control[@]}" | sort -n | tail -1)
  for count in "${swapped[@]}"; do check "$count within the range of the control runs (at most $most)" test "$count" -le "$most"; done
fi
