#!/bin/bash
# The path in use dies without a word, under TCP load: on the other one in half a second (median), a second at most.
# The only path dies and comes back: traffic within two seconds. Loss is no death. CAUSEWAY_FAILOVER_CUTS changes how
# often the path is cut (3).
source "$(dirname "$0")/../lab/lab.sh"
source "$lab_source/two_links.sh"
lab_begin ethtool
needs_binaries
[[ -x $bin/link_emulator ]] || die "link_emulator is not built (./run test builds it)"

cuts=${CAUSEWAY_FAILOVER_CUTS:-3}
port=7100

load_begin() {
  rm -f "$lab_dir/log/receiver" "$lab_dir/log/sender"
  start receiver client2 "$python" "$lab_source/arrivals.py" receive "$bob_address" $port
  wait_until 5 "the receiver listens" grep -qs ready "$lab_dir/log/receiver"
  start sender client1 "$python" "$lab_source/arrivals.py" send "$bob_address" $port "$1"
}
load_end() {
  wait_until 60 "the sender is done" is_stopped sender
  wait_until 10 "the receiver is done" is_stopped receiver
  rm -f "$lab_dir/pids/sender" "$lab_dir/pids/receiver"
  grep -q '^bytes' "$lab_dir/log/receiver" || { cat "$lab_dir/log/receiver" >&3; fail "the stream broke"; return 1; }
}
# flows SINCE_US: bytes arrive after this moment.
received_bytes() { on client2 cat /proc/net/dev | awk '/cw0:/ { print $2 }'; }
flows() {
  local before
  before=$(received_bytes)
  sleep 0.1
  (($(received_bytes) > before + 20000))
}
# longest_gap SINCE_US: in ms, of those that end after this moment.
longest_gap() {
  awk -v since="$1" '$1 == "gap" && $2 + $3 > since && $3 > most { most = $3 } END { printf "%d\n", most / 1000 }' \
    "$lab_dir/log/receiver"
}
# end_of_gap SINCE_US: ms from this moment until the gap that it falls in, or that follows, is over.
end_of_gap() {
  awk -v since="$1" '$1 == "gap" && $2 + $3 > since { printf "%d\n", ($2 + $3 - since) / 1000; exit }' \
    "$lab_dir/log/receiver"
}
moved_from() { on_one_path && [[ $(link_in_use alice bob) != "$1" ]]; }

silent_cuts() {
  local cut link begun since
  load_begin $((cuts * 8 + 3))
  for ((cut = 1; cut <= cuts; cut++)); do
    wait_until 10 "data flows" flows
    wait_until 10 "both ends are on one path" on_one_path
    wait_until 10 "both links are warm paths" both_are_warm
    sleep "0.$((RANDOM % 9 + 1))"
    link=$(link_in_use alice bob)
    begun=${EPOCHREALTIME/./}
    wire "$link" cut
    wait_until 5 "both ends have left link $link" moved_from "$link"
    wait_until 5 "data flows" flows
    since=$((begun - 20000))
    printf '  cut of link %s: a gap of %s ms\n' "$link" "$(longest_gap "$since")" >&3
    longest_gap "$since" >>"$lab_dir/gaps"
    wire "$link" heal
  done
  load_end
  sort -n "$lab_dir/gaps" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)], v[NR] }' >"$lab_dir/figures"
  read -r median most <"$lab_dir/figures"
  check "$cuts cuts: median $median ms" test "$median" -lt 500
  check "the longest $most ms" test "$most" -lt 1000
}

only_path() {
  local healed gap cut_for
  wire 1 cut
  wait_until 10 "both ends are on link 0" moved_from 1
  for cut_for in 2 5; do
    load_begin $((cut_for + 5))
    wait_until 10 "data flows" flows
    wire 0 cut
    sleep $cut_for
    healed=${EPOCHREALTIME/./}
    wire 0 heal
    load_end
    gap=$(end_of_gap "$healed")
    check "the only path cut for $cut_for s: traffic ${gap:-0} ms after it was healed" test "${gap:-0}" -lt 2000
  done
  wire 1 heal
}

loss_is_no_death() {
  local lost_before lost_after
  wait_until 15 "both links are warm paths" both_are_warm
  wait_until 15 "both ends are on one path" on_one_path
  lost_before=$(ask alice metrics --json | jq '[.peers[].paths_lost] | add')
  wire 0 loss 0.1
  wire 1 loss 0.1
  load_begin 5
  load_end
  wire 0 loss 0
  wire 1 loss 0
  lost_after=$(ask alice metrics --json | jq '[.peers[].paths_lost] | add')
  check "10 % loss: no path was given up" test "$lost_before" == "$lost_after"
}

step "Two nodes, two links of 50 Mbit/s and 20 ms"
world_two_links delay-ms 10 rate-mbit 50
two_nodes
ok "$alice_address and $bob_address, on link $(link_in_use alice bob)"
step "The path in use is cut without a word"
silent_cuts
step "Loss"
loss_is_no_death
step "The only path is cut and healed"
only_path
