#!/bin/bash
# `causeway netcheck` against coturn (RFC 5780: two addresses, two ports): every kind of NAT is called what it is, a
# blocked UDP is called blocked, and servers that lie are named.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin turnserver
needs_binaries

any=endpoint-independent
address=address-dependent
both=address-and-port-dependent
stun_port=3480  # coturn's; its second port is one more

# coturn as a STUN server alone, on the server's two addresses.
coturn_start() {
  cat >"$lab_dir/coturn.conf" <<END
listening-ip=$server_address
listening-ip=$stun2_address
listening-port=$stun_port
alt-listening-port=$((stun_port + 1))
stun-only
no-tls
no-dtls
no-cli
simple-log
log-file=stdout
pidfile=$lab_dir/coturn.pid
END
  start coturn server turnserver -c "$lab_dir/coturn.conf"
  wait_until 10 "coturn listens" bash -c "ip netns exec cw-$lab_run-server ss -Hlun 'sport = :$((stun_port + 1))' | grep -q $stun2_address"
}
# A server that always says the same of everybody.
liar_start() {
  start "liar$1" server "$python" -u -c "
import socket, struct, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(('$server_address', $1))
print('ready', flush=True)
while True:
    data, source = sock.recvfrom(2048)
    value = struct.pack('!BBH4s', 0, 1, $3, socket.inet_aton('$2'))
    sock.sendto(struct.pack('!HH', 0x0101, 12) + data[4:20] + struct.pack('!HH', 1, 8) + value, source)"
  wait_until 5 "the liar is ready" grep -q ready "$lab_dir/log/liar$1"
}
# A daemon that joined nothing: netcheck needs no network of ours.
daemon_start() {
  local servers=$1
  echo "{\"stun_servers\": [$servers]}" >"$lab_dir/alice.json"
  node_start 1 alice --config "$lab_dir/alice.json"
  wait_until 10 "the daemon answers" ask alice status --json
}
check_netcheck() {
  local started=$EPOCHREALTIME
  ask alice netcheck --json >"$lab_dir/netcheck.json"
  awk -v from="$started" -v to="$EPOCHREALTIME" 'BEGIN { exit !(to - from < 10) }' || { fail "netcheck took longer than 10 s"; return 1; }
}
found() { jq -r "$1" "$lab_dir/netcheck.json"; }
has_problem() { found '.problems[]' | grep -qF -- "$1" || { fail "no problem says: $1"; found '.problems[]' | indent >&3; return 1; }; }

# measure KIND MAPPING FILTERING
measure() {
  world_public
  home 1 "$1"
  coturn_start
  daemon_start "\"$server_address:$stun_port\""
  check_netcheck
  expect "NAT" true "$(found .nat.nat)"
  expect "mapping" "$2" "$(found .nat.mapping)"
  expect "by" "RFC 5780" "$(found .nat.mapping_by)"
  expect "filtering" "$3" "$(found .nat.filtering)"
  expect "seen as" "$nat1_address" "$(found '.interfaces[0].mapped[0]' | cut -d: -f1)"
  ask alice netcheck | indent >&3
}
full_cone() { measure full_cone $any $any; }
address_restricted() { measure address_restricted $any $address; }
port_restricted() { measure port_restricted $any $both; }
symmetric() { measure symmetric $both $both; }
behind_two_nats() { measure behind_nat $any $both; }

# With a server of ours: TCP passes where UDP does not, and that is said.
udp_blocked() {
  world_public
  home 1 udp_blocked
  server_init
  server_start
  node_join 1 alice
  wait_online alice
  check_netcheck
  expect "UDP blocked" true "$(found .udp_blocked)"
  expect "IPv4" '{"address":true,"udp":false}' "$(found '.ipv4 | tojson')"
  expect "the server's state" online "$(found .server.state)"
  expect "the server's RTT is a number" number "$(found '.server.rtt_ms | type')"
  has_problem "UDP seems to be blocked"
  ask alice netcheck | indent >&3
}

# Plain servers: what their answers tell by comparison.
plain_servers() {
  world_public
  home 1 symmetric
  server_init
  server_start
  node_join 1 alice
  wait_online alice
  check_netcheck
  expect "mapping, the least it can be" $address "$(found .nat.mapping)"
  expect "by" comparison "$(found .nat.mapping_by)"
  expect "filtering" null "$(found .nat.filtering)"
}

liars() {
  world_public
  home 1 port_restricted
  coturn_start
  liar_start 4001 127.0.0.1 22
  liar_start 4002 203.0.113.99 7777
  liar_start 4003 10.9.9.9 5000
  daemon_start "\"$server_address:4001\", \"$server_address:4002\", \"$server_address:4003\", \"$server_address:$stun_port\", \"$stun2_address:$stun_port\", \"$server_address:$((stun_port + 1))\", \"$stun2_address:$((stun_port + 1))\""
  check_netcheck
  verdict() { found ".interfaces[0].servers[] | select(.server == \"$server_address:$1\") | .verdict"; }
  expect "a loopback address" bogus "$(verdict 4001)"
  expect "somebody else's address" disagrees "$(verdict 4002)"
  expect "a private address" disagrees "$(verdict 4003)"
  expect "coturn" answered "$(verdict $stun_port)"
  expect "mapping" $any "$(found .nat.mapping)"
  has_problem "it says we are 127.0.0.1:22, where nobody can be"
  has_problem "it says we are 203.0.113.99:7777, most others say $nat1_address"
  # Candidates stay bounded, whatever servers say.
  wait_until 5 "candidates of the liars and of coturn" has_candidates alice srflx 3
  (($(candidate_count alice srflx) <= 4)) || { fail "more than four server-reflexive candidates"; return 1; }
  ok "server-reflexive candidates: $(candidate_count alice srflx)"
  ask alice netcheck | indent >&3
}

# With a relay: the RTT to its server.
relay() {
  world_public
  home 1 symmetric
  start coturn server turnserver -n --use-auth-secret --static-auth-secret=lab-secret --realm=lab --no-cli --no-dtls --no-tls \
    --listening-ip=$server_address --relay-ip=$server_address --listening-port=$stun_port --simple-log \
    --log-file="$lab_dir/log/coturn.log" --pidfile="$lab_dir/coturn.pid" --userdb="$lab_dir/coturn.db"
  wait_until 10 "coturn listens" bash -c "ip netns exec cw-$lab_run-server ss -Hlun 'sport = :$stun_port' | grep -q ."
  local turn="turn:$server_address:$stun_port"
  stun_port=3478
  server_init --turn "$turn" --turn-secret lab-secret
  server_start
  node_join 1 alice
  wait_online alice
  wait_until 10 "a relayed candidate" has_candidates alice relay
  check_netcheck
  expect "the relayed address is the server's" "$server_address" "$(found '.relays[0].address' | cut -d: -f1)"
  expect "its RTT is a number" number "$(found '.relays[0].rtt_ms | type')"
  ask alice netcheck | indent >&3
}

nothing_at_all() {
  world_public
  home 1 port_restricted
  daemon_start ""
  check_netcheck
  expect "mapping" null "$(found .nat.mapping)"
  has_problem "no STUN server is known"
  has_problem "no network was joined"
}

rows=(full_cone address_restricted port_restricted symmetric behind_two_nats udp_blocked plain_servers liars relay nothing_at_all)
(($# == 0)) || rows=("$@")
run_rows "${rows[@]}"
