#!/bin/bash
# A relayed path through the life of its relay, under a steady stream of datagrams: a direct path dies silently and
# the relay takes over; direct works again and is found; the plugin is reloaded; coturn is killed and comes back; a node
# gets another address; the plugin is unloaded and loaded.
#
#   client1 - nat1 (port-restricted) ---- internet ---- server: address server, STUN, coturn
#   client2 - nat2 (port-restricted) ----+
source "$(dirname "$0")/../lab/lab.sh"
lab_begin turnserver openssl
needs_binaries

turn_port=3479 secret=lab-secret interval_ms=10 stream_port=9000
declare -A address
world_two_homes

coturn_start() {
  start coturn server turnserver -n --use-auth-secret --static-auth-secret=$secret --realm=lab --no-cli --no-tls --no-dtls \
    --listening-ip=$server_address --relay-ip=$server_address --listening-port=$turn_port --simple-log \
    --log-file="$lab_dir/log/coturn.log" --pidfile="$lab_dir/coturn.pid" --userdb="$lab_dir/coturn.db"
  wait_until 10 "coturn listens" coturn_listens
}
coturn_listens() { on server ss -Huln "sport = :$turn_port" | grep -q .; }
path_of() { peer "$1" "$2" ".path.$3"; }
relayed() { [[ "$(path_of "$1" "$2" local_type) $(path_of "$1" "$2" remote_type)" == *relay* ]]; }
direct() { [[ -n $(path_of "$1" "$2" local_type) ]] && ! relayed "$1" "$2"; }

# cut_direct [FROM [TO]]: silently, what the two homes send each other without a relay; both ways unless said.
cut_direct() {
  on internet nft -f - <<<"table ip cut {
    chain forward {
      type filter hook forward priority filter; policy accept;
      ip saddr { ${1:-$nat1_address, $nat2_address} } ip daddr { ${2:-$nat1_address, $nat2_address} } udp length > 0 drop
    }
  }"
}
heal_direct() { on internet nft delete table ip cut; }

monotonic() { "$python" -c 'import time; print(time.monotonic_ns())'; }
# One datagram every 10 ms from alice to bob.
stream_begin() {
  start receiver client2 "$python" -u "$lab_source/numbered_stream.py" receive "${address[bob]}" $stream_port
  wait_until 5 "the receiver listens" grep -qs ready "$lab_dir/log/receiver"
  start sender client1 "$python" -u "$lab_source/numbered_stream.py" send "${address[bob]}" $stream_port $interval_ms
  wait_until 10 "datagrams arrive" flows
}
arrived() { wc -l <"$lab_dir/log/receiver"; }
flows() { local before; before=$(arrived); poll 1 arrived_more "$before"; }
arrived_more() { (($(arrived) > $1 + 20)); }
# gap_since MOMENT FIELD: of the longest silence that ended after the moment.
gap_since() { "$python" "$lab_source/numbered_stream.py" gap "$lab_dir/log/receiver" "$1" | jq ".$2 | floor"; }
# gap TEXT MOMENT MOST_MS
gap() {
  local gap lost
  gap=$(gap_since "$2" gap_ms)
  lost=$(gap_since "$2" lost)
  check "$1: a gap of $gap ms, $lost datagrams lost in it" test "$gap" -lt "$3"
}

coturn_start
server_init --turn "turn:$server_address:$turn_port?transport=udp" --turn-secret $secret
server_start
node_join 1 alice
# Two loops at one end: the relay's datagrams of the other loop's session are handed over.
echo '{"data_plane": {"loops": 2}}' >"$lab_dir/loops.json"
node_join 2 bob --config "$lab_dir/loops.json"

# Both are there, and the stream flows the direct way.
under_way() {
  local name
  for name in alice bob; do
    wait_online $name
    address[$name]=$(status "$name" .virtual_address)
    wait_until 10 "$name has a relayed candidate" has_candidates "$name" relay
  done
  wait_until 20 "alice pings bob" on client1 ping -qc1 -W1 "${address[bob]}"
  wait_until 10 "the path is direct" direct alice bob
  stream_begin
}
under_way

step "The direct path dies without a word"
for round in 1 2 3; do
  wait_until 20 "the path is direct" direct alice bob
  wait_until 20 "and bob's too" direct bob alice
  since=$(monotonic)
  cut_direct
  wait_until 10 "the path goes by the relay" relayed alice bob
  wait_until 5 "datagrams arrive" flows
  gap "onto the relay, round $round" "$since" 1000
  heal_direct
done

# A path that died three times within five minutes takes over 30 s later at the soonest (docs/paths.md). Nodes that start
# anew count from nothing.
for process in sender receiver alice bob; do stop $process; done
node_start 1 alice
node_start 2 bob --config "$lab_dir/loops.json"
under_way

step "It dies in one direction only"
# Towards bob, whose answers and own datagrams still come the direct way; then the other way round.
for direction in "$nat1_address $nat2_address" "$nat2_address $nat1_address"; do
  wait_until 20 "the path is direct" direct alice bob
  wait_until 20 "and bob's too" direct bob alice
  since=$(monotonic)
  # shellcheck disable=SC2086
  cut_direct $direction
  wait_until 10 "alice's path goes by the relay" relayed alice bob
  wait_until 10 "bob's path goes by the relay" relayed bob alice
  wait_until 5 "datagrams arrive" flows
  gap "from ${direction/ / to }" "$since" 1000
  heal_direct
done

step "Direct works again and takes over"
since=$(monotonic)
wait_until 30 "the path is direct" direct alice bob
wait_until 5 "datagrams arrive" flows
gap "back to the direct path" "$since" 500

test_generation() { [[ $(generation alice) == "2 active" ]]; }
no_path() { ! flows; }
has_no_relay() { (($(candidate_count "$1" relay) == 0)); }

step "The plugin is reloaded while it carries everything"
cut_direct
wait_until 10 "the path goes by the relay" relayed alice bob
relay_of() { ask "$1" candidates --json | jq -r '[.[] | select(.type == "relay") | .address] | join(" ")'; }
before=$(relay_of alice)
since=$(monotonic)
n1 "$bin/causeway" --dir "$lab_dir/alice" plugin reload transport-turn
another_relay() { [[ -n $(relay_of alice) && " $(relay_of alice) " != *" $before "* ]]; }
wait_until 20 "alice has another relayed address" another_relay
generation() { ask "$1" plugins --json | jq -r '[.[] | select(.name == "transport-turn")] | map("\(.generation) \(.state)") | join(", ")'; }
wait_until 10 "the old generation is gone" test_generation
expect "one generation is left" "2 active" "$(generation alice)"
wait_until 5 "datagrams arrive" flows
gap "over the reload" "$since" 1000

step "coturn is killed and comes back"
stop coturn KILL
wait_until 30 "bob is not reached" no_path
since=$(monotonic)
coturn_start
wait_until 60 "the path goes by the relay" relayed alice bob
wait_until 10 "datagrams arrive" flows
after=$(gap_since "$since" after_up_ms)
check "datagrams arrive $after ms after it is back" test "$after" -lt 10000

step "Alice's address changes while the relay carries everything"
wait_until 20 "the path goes by the relay" relayed alice bob
before=$(relay_of alice)
on client1 ip addr del $client1_address/24 dev eth0
on client1 ip addr add 192.168.0.150/24 dev eth0
on client1 ip route add default via 192.168.0.1
since=$(monotonic)
wait_until 20 "alice has another relayed address" another_relay
wait_until 20 "datagrams arrive" flows
after=$(gap_since "$since" after_up_ms)
check "datagrams arrive $after ms after the new address is there" test "$after" -lt 3000

step "The plugin is unloaded, and loaded again"
n1 "$bin/causeway" --dir "$lab_dir/alice" plugin unload transport-turn
wait_until 10 "alice has no relayed candidate" has_no_relay alice
heal_direct
wait_until 30 "the path is direct" direct alice bob
n1 "$bin/causeway" --dir "$lab_dir/alice" plugin load "$(dirname "$bin")/lib/causeway/plugins/transport-turn.so"
wait_until 10 "alice has a relayed candidate" has_candidates alice relay
