#!/bin/bash
# Spec §8 with real daemons: two port-restricted NATs, two STUN addresses, one address server.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin curl nginx
needs_binaries
world_two_homes port_restricted port_restricted
count_server_traffic

step "Two nodes register and get the addresses of the example (N2, S1, M1)"
world_nodes
expect "alice" 10.10.0.101 "$(status alice .virtual_address)"
expect "bob" 10.10.0.102 "$(status bob .virtual_address)"
expect "the server says of alice" online "$(server_node alice state)"
expect "the server says of bob" online "$(server_node bob state)"

step "Each finds two candidates: host and server-reflexive (N1)"
candidates() { ask "$1" candidates --json | jq -r '[.[] | "\(.type) \(.address | sub(":[0-9]+$"; ""))"] | sort | join(", ")'; }
for name in alice bob; do wait_until 10 "$name has a srflx candidate" has_candidates $name srflx; done
expect "alice" "host $client1_address, srflx $nat1_address" "$(candidates alice)"
expect "bob" "host $client2_address, srflx $nat2_address" "$(candidates bob)"

step "Traffic by virtual address brings up the pair (F3, F4, N3, N4)"
n1 ping -c1 -W15 10.10.0.102 >/dev/null
n2 ping -c1 -W15 10.10.0.101 >/dev/null
# pair NODE PEER OWN REMOTE: own host address to the other's NAT-mapped address.
pair() {
  wait_until 10 "$1 is connected" peer_is "$1" "$2" connected
  expect "local of $1" "$3" "$(peer "$1" "$2" .path.local | sed 's/:[0-9]*$//')"
  expect "remote of $1" "$4" "$(peer "$1" "$2" .path.remote | sed 's/:[0-9]*$//')"
  expect "transport of $1" udp "$(peer "$1" "$2" .path.transport)"
}
pair alice bob $client1_address $nat2_address
pair bob alice $client2_address $nat1_address

step "The mapping table holds it (U3.2)"
mapping() { ask "$1" mappings --json | jq -r --arg address "$2" ".[] | select(.virtual_address == \$address) | .$3"; }
expect "rows of alice" 1 "$(ask alice mappings --json | jq length)"
expect "row's local" "$(peer alice bob .path.local)" "$(mapping alice 10.10.0.102 local)"
expect "row's remote" "$(peer alice bob .path.remote)" "$(mapping alice 10.10.0.102 remote)"
check "created is a time" grep -qE '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T' <<<"$(mapping alice 10.10.0.102 created)"

step "TCP programs use the virtual addresses, both ways (P1, P4, N5)"
mkdir "$lab_dir/www"
head -c 20000000 /dev/urandom >"$lab_dir/www/file"
web_server client2 10.10.0.102 "$lab_dir/www"
n1 curl -sS --fail --max-time 60 -o "$lab_dir/got" http://10.10.0.102/file
check "the file arrived whole" cmp "$lab_dir/www/file" "$lab_dir/got"
stop nginx
web_server client1 10.10.0.101 "$lab_dir/www"
n2 curl -sS --fail --max-time 60 -o "$lab_dir/got" http://10.10.0.101/file
check "the file arrived whole" cmp "$lab_dir/www/file" "$lab_dir/got"
expect "user data at the server" 0 "$(server_bytes other)"

step "The server's outage cuts nothing (V9)"
stop server
wait_until 15 "alice notices" node_is alice offline
n1 ping -c3 -i0.2 -W5 10.10.0.102 >/dev/null
ok "ping passes"
server_start
wait_online alice 20
wait_online bob 20
expect "alice's address" 10.10.0.101 "$(status alice .virtual_address)"

step "SIGTERM and a new start keep enrolment and address (U5)"
stop bob
wait_until 15 "the server sees bob go" server_node_is bob offline
node_start 2 bob
wait_online bob
expect "bob's address" 10.10.0.102 "$(status bob .virtual_address)"
# What alice sends in the moment before the new handshake is sealed with a key that bob no longer has.
n1 ping -c4 -i0.2 -W15 10.10.0.102 >/dev/null
ok "ping passes"

step "Leaving frees the address and shows as disconnected (N7, S4, M11)"
n1 "$bin/causeway" --dir "$lab_dir/alice" leave
wait_until 5 "alice shows as disconnected" node_is alice disconnected
wait_until 5 "the server forgets alice" server_forgot alice
ok "disconnected, and gone from nodes"

step "Joining again needs no token"
n1 "$bin/causeway" --dir "$lab_dir/alice" join
wait_online alice
expect "alice's address" 10.10.0.101 "$(status alice .virtual_address)"
n2 ping -c1 -W15 10.10.0.101 >/dev/null
ok "ping passes"

step "Both stop cleanly"
for name in alice bob; do
  stop $name
  ok "$name stopped on SIGTERM"
done
expect "TUN devices left in client1" 0 "$(on client1 ip -j link show type tun | jq length)"
