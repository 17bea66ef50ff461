#!/bin/bash
# Networks change under a running connection (spec V7): the virtual address stays, an ssh session and a numbered
# stream go on, and the gap is short once the new network is up. client1 has two households to be in:
#
#   client1 eth0  ---- lan nat1 wan ----+
#      |   192.168.0.100                |
#      +--- wlan0 ---- lan nat3 wan ---- internet ---- nat2 ---- client2
#          10.77.0.50   198.18.0.1
#
# CAUSEWAY_ROAMS=N: each kind of change N times (default 1); prints the distribution of the gaps.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin ssh
needs_binaries

roams=${CAUSEWAY_ROAMS:-1}
stream=$lab_source/numbered_stream.py
wifi_address=10.77.0.50 nat3_address=198.18.0.1
limit_ms=1000

world_two_households() {
  world_two_homes port_restricted port_restricted
  add_ns nat3
  forwarding nat3
  add_link client1 wlan0 nat3 lan
  add_address nat3 lan 10.77.0.1/24
  uplink nat3 wan 3 $nat3_address/24 198.18.0.254
  nat_port_restricted nat3
  on client1 ip link set wlan0 down
}

now_ns() { "$python" -c 'import time; print(time.monotonic_ns())'; }
received() { [[ -s $lab_dir/log/$1 ]] && tail -n1 "$lab_dir/log/$1" | grep -q '^[0-9]'; }
arrivals_since() { awk -v since="$2" '$1 ~ /^[0-9]+$/ && $1 > since { ++n } END { exit !(n >= 100) }' "$lab_dir/log/$1"; }

cable_up() { on client1 ip link set eth0 up; on client1 ip route replace default via 192.168.0.1; }
cable_down() { on client1 ip link set eth0 down; }
wifi_up() {
  on client1 ip link set wlan0 up
  on client1 ip addr replace $wifi_address/24 dev wlan0
  on client1 ip route replace default via 10.77.0.1 dev wlan0 metric 600
}
wifi_down() { on client1 ip addr flush dev wlan0; on client1 ip link set wlan0 down; }

# after CHANGE DIRECTIONS...: how long each stream was silent, from the moment the new network was up.
gaps=()
after() {
  local kind=$1 since name result late
  since=$2
  for name in to_alice to_bob; do
    wait_until 20 "the stream $name goes on after: $kind" arrivals_since "$name" "$since"
    result=$("$python" "$stream" gap "$lab_dir/log/$name" "$since")
    late=$(jq .after_up_ms <<<"$result")
    gaps+=("$kind|$name|$late|$(jq .gap_ms <<<"$result")|$(jq .lost <<<"$result")")
    awk -v late="$late" -v limit=$limit_ms 'BEGIN { exit !(late < limit) }' ||
      { fail "$kind: $name was silent for $late ms after the new network was up"; too_late=yes; }
  done
}
# The streams are quiet and both ends agree: the next change starts from rest.
at_rest() {
  local since
  since=$(now_ns)
  for name in to_alice to_bob; do wait_until 20 "$name flows" arrivals_since "$name" "$since"; done
  wait_until 20 "both are connected" both_connected
}
has_no_address() { (($(candidate_count alice host) == 0)); }
both_connected() { peer_is alice bob connected && peer_is bob alice connected; }

down_and_up() {
  cable_down
  wait_until 5 "alice has no address left" has_no_address
  cable_up
  after "cable out and in" "$(now_ns)"
}
renumbered() {
  on client1 ip addr del "$1/24" dev eth0
  on client1 ip addr add "$2/24" dev eth0
  on client1 ip route replace default via 192.168.0.1
  after "another address in the same LAN" "$(now_ns)"
}
cable_to_wifi() {
  cable_down
  wifi_up
  after "cable to Wi-Fi" "$(now_ns)"
}
wifi_to_cable() {
  wifi_down
  cable_up
  after "Wi-Fi to cable" "$(now_ns)"
}
# The new network is there before the old one goes.
wifi_before_cable_goes() {
  wifi_up
  at_rest
  cable_down
  after "cable out, Wi-Fi up already" "$(now_ns)"
}

too_late=
step "Two households, a session, two streams"
world_two_households
server_init
server_start
node_join 1 alice
node_join 2 bob
wait_online alice
wait_online bob
alice=$(status alice .virtual_address) bob=$(status bob .virtual_address)
n1 ping -c1 -W15 "$bob" >/dev/null
ssh_server client2 "$bob"
start to_bob client2 "$python" -u "$stream" receive "$bob" 7001
start to_alice client1 "$python" -u "$stream" receive "$alice" 7002
for name in to_bob to_alice; do wait_until 5 "$name is received" grep -qs ready "$lab_dir/log/$name"; done
start sender_to_bob client1 "$python" "$stream" send "$bob" 7001 5
start sender_to_alice client2 "$python" "$stream" send "$alice" 7002 5
# One ssh session for all of this: it counts, and ends by itself when told to by its input.
mkfifo "$lab_dir/ssh_input"
(ssh_to client1 "$bob" 'echo begun; read line; echo "$line"' <"$lab_dir/ssh_input" >"$lab_dir/ssh_output") &
session=$!
exec 4>"$lab_dir/ssh_input"
wait_until 10 "the ssh session has begun" grep -qs begun "$lab_dir/ssh_output"
at_rest
ok "alice $alice, bob $bob"

for ((roam = 1; roam <= roams; ++roam)); do
  step "Round $roam of $roams"
  down_and_up; at_rest
  renumbered $client1_address 192.168.0.111; at_rest
  renumbered 192.168.0.111 $client1_address; at_rest
  cable_to_wifi; at_rest
  wifi_to_cable; at_rest
  wifi_before_cable_goes; at_rest
  wifi_to_cable; at_rest
  expect "alice's virtual address" "$alice" "$(status alice .virtual_address)"
done

step "The session survived all of it"
echo still here >&4
exec 4>&-
wait "$session"
expect "its last word" "still here" "$(tail -n1 "$lab_dir/ssh_output")"

step "Silence in ms, from the moment the new network was up (and in all), at the receiver of a datagram every 5 ms"
printf '%s\n' "${gaps[@]}" | sort -t'|' -k1,1 -k2,2 -k3,3g | awk -F'|' '
  function flush() {
    if (n) printf "      %-34s %-9s %3d times: least %4.0f  median %4.0f  most %4.0f   in all: median %4.0f  most %4.0f\n",
      kind, name, n, v[1], v[int((n + 1) / 2)], v[n], all / n, most
    n = 0; all = 0; most = 0
  }
  $1 "|" $2 != key { flush(); key = $1 "|" $2; kind = $1; name = $2 }
  { v[++n] = $3; all += $4; if ($4 > most) most = $4 }
  END { flush() }' >&3
[[ -z $too_late ]] || exit 1
ok "every gap was shorter than $limit_ms ms"
