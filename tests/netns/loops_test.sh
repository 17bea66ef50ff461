#!/bin/bash
# Several data loops (2 and 4) and one, in one network: every peer's packets by every loop, whole and in both
# directions.
#
#   alice 2 loops   bob 4 loops   carol 1 loop   dave 4 loops      all in one LAN
source "$(dirname "$0")/../lab/lab.sh"
lab_begin iperf3 nginx curl sha256sum
needs_binaries

names=(alice bob carol dave)
declare -A loops=([alice]=2 [bob]=4 [carol]=1 [dave]=4) number=([alice]=1 [bob]=2 [carol]=3 [dave]=4)
declare -A address
megabytes=24
flows=6

world_four_in_a_lan() {
  local i
  world_one_lan
  for i in 3 4; do
    add_ns "client$i"
    add_link "client$i" eth0 nat1 "port$i"
    on nat1 ip link set "port$i" master lan
    add_address "client$i" eth0 192.168.0.$((99 + i))/24 192.168.0.1
  done
}

join_all() {
  local name
  server_init
  server_start
  for name in "${names[@]}"; do
    echo "{\"data_plane\": {\"loops\": ${loops[$name]}}}" >"$lab_dir/$name.json"
    node_join "${number[$name]}" "$name" --config "$lab_dir/$name.json"
    wait_online "$name"
    address[$name]=$(status "$name" .virtual_address)
  done
}

# each_pair FUNCTION: called with two different names, each order.
each_pair() {
  local from to
  for from in "${names[@]}"; do
    for to in "${names[@]}"; do
      [[ $from == "$to" ]] || "$1" "$from" "$to"
    done
  done
}
ping_one() { on "client${number[$1]}" ping -qc3 -i0.05 -W10 "${address[$2]}" >/dev/null; }

threads_of() { cat /proc/"$(pid_of "$1")"/task/*/comm | grep -c '^cw-data'; }

# What may be lost without anybody being wrong: the kernel's own chatter on the NIC.
drops() { ask "$1" metrics --json | jq -c '.drops | del(.tun_not_unicast) | with_entries(select(.value > 0))'; }
# The queues between loops take memory when their first packet comes.
handed_over() { (($(ask "$1" buffers --json | jq '.handed_over_bytes.capacity') > 0)); }
no_drops() {
  local name
  for name in "${names[@]}"; do expect "drops of $name" "{}" "$(drops "$name")"; done
}

# fetch FROM TO: FROM gets TO's file over several connections at once, and compares each.
fetch() {
  local from=$1 to=$2 flow pids=()
  for ((flow = 1; flow <= flows; flow++)); do
    on "client${number[$from]}" curl -sf --max-time 120 "http://${address[$to]}/file" |
      sha256sum | cut -d' ' -f1 >"$lab_dir/sum-$from-$to-$flow" &
    pids+=($!)
  done
  wait "${pids[@]}"
}
fetch_all_at_once() {
  local pids=() from to
  for from in "${names[@]}"; do
    for to in "${names[@]}"; do
      [[ $from == "$to" ]] && continue
      fetch "$from" "$to" &
      pids+=($!)
    done
  done
  wait "${pids[@]}"
}
sums_are_right() {
  local from=$1 to=$2 flow
  for ((flow = 1; flow <= flows; flow++)); do
    [[ $(cat "$lab_dir/sum-$from-$to-$flow") == "${sum[$to]}" ]] ||
      { fail "$from got another file from $to than $to has (connection $flow)"; return 1; }
  done
}

iperf_listens() { on "client${number[$1]}" ss -Hltn 'sport = :5201' | grep -q .; }
# iperf FROM TO OPTION...: retransmits or lost datagrams are no matter here; that all bytes arrive is.
iperf() {
  local from=$1 to=$2
  shift 2
  n "client${number[$from]}" iperf3 -c "${address[$to]}" -t 3 -J "$@" >"$lab_dir/iperf.json"
}
moved() { jq '[.end.sum_received.bytes, .end.sum.bytes, 0] | map(select(. != null)) | first' "$lab_dir/iperf.json"; }
moved_some() { (($(moved) > $1)); }

world_four_in_a_lan

step "Four nodes: 2, 4, 1 and 4 data loops"
join_all
for name in "${names[@]}"; do
  expect "$name has so many loops" "${loops[$name]}" "$(ask "$name" buffers --json | jq '.loops | length')"
  expect "and so many threads" "${loops[$name]}" "$(threads_of "$name")"
done

step "Everybody reaches everybody"
each_pair ping_one
ok "12 pairs"
no_drops

step "Files over $flows connections of each of the 12 pairs at once, $megabytes MB each"
declare -A sum
for name in "${names[@]}"; do
  mkdir "$lab_dir/www-$name"
  head -c "${megabytes}M" /dev/urandom >"$lab_dir/www-$name/file"
  sum[$name]=$(sha256sum "$lab_dir/www-$name/file" | cut -d' ' -f1)
  web_server "client${number[$name]}" "${address[$name]}" "$lab_dir/www-$name" "nginx-$name"
done
fetch_all_at_once
each_pair sums_are_right
ok "$((12 * flows)) transfers, SHA-256 equal"
no_drops

step "Both directions at once, 8 streams each way"
for name in bob dave; do
  start "iperf-$name" "client${number[$name]}" iperf3 -s
  wait_until 5 "iperf3 listens at $name" iperf_listens "$name"
done
for pair in "alice bob" "carol dave"; do
  # shellcheck disable=SC2086
  iperf $pair --bidir -P 8
  check "bytes arrive" moved_some 1000000
done
no_drops

step "One way only: no answers that tell the kernel which queue is best"
iperf alice bob -u -b 40M -l 1200 -P 4
check "datagrams arrive" moved_some 1000000
iperf dave bob -u -b 40M -l 200 -P 4
check "datagrams arrive" moved_some 1000000
no_drops

step "Not all of it came to the right loop at once"
for name in alice bob dave; do check "loops of $name handed packets to each other" handed_over "$name"; done
expect "carol, with one loop, has no such queue" 0 "$(ask carol buffers --json | jq '.handed_over_bytes.capacity')"

step "A node that starts again is reached by its new session"
stop bob
node_start 2 bob --config "$lab_dir/bob.json"
wait_online bob
for name in alice carol dave; do
  wait_until 20 "$name pings bob" ping_one "$name" bob
  ping_one bob "$name"
done
ok "ping passes both ways"
