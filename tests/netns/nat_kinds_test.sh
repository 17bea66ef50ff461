#!/bin/bash
# The NATs of the lab are what they are called: mapping and filtering of each kind, measured from inside.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin

probe_args=("$server_address" "$stun2_address" 7001 7002)

# kind MAPPING FILTERING OUTER_ADDRESS
measure() {
  local kind=$1 mapping=$2 filtering=$3 result
  home 1 "$kind"
  result=$(n1 "$python" "$lab_source/nat_probe.py" probe "${probe_args[@]}")
  expect "$kind mapping" "$mapping" "$(jq -r .mapping <<<"$result")"
  expect "$kind filtering" "$filtering" "$(jq -r .filtering <<<"$result")"
  if [[ $mapping != none ]]; then
    expect "$kind outer address" "$nat1_address" "$(jq -r .mapped <<<"$result")"
  fi
}

any=endpoint-independent
address=address-dependent
both=address-and-port-dependent
port_restricted() { measure port_restricted $any $both; }
address_restricted() { measure address_restricted $any $address; }
full_cone() { measure full_cone $any $any; }
symmetric() { measure symmetric $both $both; }
behind_nat() { measure behind_nat $any $both; }

# TCP passes where UDP does not.
udp_blocked() {
  measure udp_blocked none none
  start listener server "$python" -m http.server --bind "$server_address" 8080 --directory "$lab_dir/pids"
  wait_until 5 "TCP passes the NAT that blocks UDP" on client1 curl -sf -o /dev/null "http://$server_address:8080/"
  ok "TCP passes"
}

# Nothing inside is reachable from outside by its own address, and inside knows no way to the other household.
no_way_in() {
  home 1 port_restricted
  home 2 port_restricted
  ! n server ping -c1 -W1 "$client1_address" >/dev/null || { fail "the server reaches a private address"; return 1; }
  ok "the server cannot reach $client1_address"
  ! n1 ping -c1 -W1 "$client2_address" >/dev/null || { fail "client1 reaches client2's private address"; return 1; }
  ok "client1 cannot reach $client2_address"
  n1 ping -c1 -W2 "$server_address" >/dev/null
  ok "client1 reaches the public side"
}

# The order of knocks that breaks a careless lab: the peer's packet arrives first, and the port must stay.
knock_first() {
  home 1 port_restricted
  home 2 port_restricted
  n1 "$python" - "$nat2_address" <<'PYTHON'
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", 5000))
sock.sendto(b"knock", (sys.argv[1], 5000))
PYTHON
  start listener client1 timeout 20 "$python" -c "
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(('0.0.0.0', 5000))
data, source = sock.recvfrom(100)
print(source[1], flush=True)"
  wait_until 5 "client1 listens" bash -c "ip netns exec cw-$lab_run-client1 ss -uln | grep -q :5000"
  n2 "$python" - "$nat1_address" <<'PYTHON'
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", 5000))
sock.sendto(b"answer", (sys.argv[1], 5000))
PYTHON
  wait_until 5 "the answer passes the hole that the knock opened" test -s "$lab_dir/log/listener"
  expect "port of the answer" 5000 "$(cat "$lab_dir/log/listener")"
}

# Neighbours reach each other without the NAT, and the public side through it.
one_lan() {
  world_one_lan
  n1 ping -c1 -W2 192.168.0.101 >/dev/null
  ok "client1 reaches client2 in the LAN"
  n2 ping -c1 -W2 "$server_address" >/dev/null
  ok "client2 reaches the public side"
}

# Global addresses without NAT, but no unasked UDP comes in; IPv4 has no UDP at all.
ipv6() {
  world_ipv6
  n1 ping -6 -c1 -W2 2001:db8:2:2::100 >/dev/null
  ok "client1 reaches client2's global address"
  start listener client2 timeout 20 "$python" -c "
import socket
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.bind(('::', 5000))
print('listening', flush=True)
while True: print(sock.recvfrom(100)[0].decode(), flush=True)"
  wait_until 5 "client2 listens" grep -q listening "$lab_dir/log/listener"
  send6() { on "$1" "$python" -c "
import socket, sys
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.bind(('::', 5001))
sock.sendto(sys.argv[1].encode(), ('2001:db8:2:2::100', 5000))" "$2"; }
  send6 client1 unasked
  # From inside client2's own LAN nothing is filtered: when this one has arrived, the other will not any more.
  send6 nat2 neighbour
  wait_until 5 "the neighbour's packet arrives" grep -q neighbour "$lab_dir/log/listener"
  if grep -q unasked "$lab_dir/log/listener"; then fail "an unasked packet came in"; return 1; fi
  ok "the firewall drops unasked UDP"
}

situation() {
  case $1 in one_lan | ipv6) "$1"; return ;; esac
  world_public
  start probe server "$python" -u "$lab_source/nat_probe.py" serve "${probe_args[@]}"
  wait_until 5 "the probe server is ready" grep -q ready "$lab_dir/log/probe"
  "$1"
}
for kind in port_restricted address_restricted full_cone symmetric behind_nat udp_blocked no_way_in knock_first one_lan ipv6; do
  case_function() { situation "$kind"; }
  run_case case_function "${kind//_/ }"
  lab_delete_namespaces
done
end_cases
