#!/bin/bash
# A relay that gives each node one allocation: what a node holds is given back when it ends, and when the plugin is
# unloaded; a reload that would need a second one is refused where there is no other path, unless by force.
#
#   client1 - nat1 (symmetric) ---- internet ---- server: address server, STUN, coturn --user-quota=1
#   client2 - nat2 (symmetric) ----+                                            (bob has no relay of his own)
source "$(dirname "$0")/../lab/lab.sh"
lab_begin turnserver
needs_binaries

turn_port=3479 secret=lab-secret stream_port=9000
declare -A address
world_two_homes symmetric symmetric
start coturn server turnserver -n --use-auth-secret --static-auth-secret=$secret --realm=lab --no-cli --no-tls --no-dtls \
  --listening-ip=$server_address --relay-ip=$server_address --listening-port=$turn_port --user-quota=1 --simple-log \
  --verbose --log-file="$lab_dir/log/coturn.log" --pidfile="$lab_dir/coturn.pid" --userdb="$lab_dir/coturn.db"
coturn_listens() { on server ss -Huln "sport = :$turn_port" | grep -q .; }
wait_until 10 "coturn listens" coturn_listens
server_init --turn "turn:$server_address:$turn_port?transport=udp" --turn-secret $secret
server_start
echo '{"plugins": {"load": ["priority-ice", "candidates-stun"]}}' >"$lab_dir/bob.json"
node_join 1 alice
node_join 2 bob --config "$lab_dir/bob.json"

relayed() { [[ $(peer alice bob .path.local_type) == relay ]]; }
under_way() {
  wait_online alice
  wait_online bob
  for name in alice bob; do address[$name]=$(status "$name" .virtual_address); done
  wait_until "$1" "alice has a relayed candidate" has_candidates alice relay
  wait_until 20 "alice pings bob" on client1 ping -qc1 -W1 "${address[bob]}"
  wait_until 10 "the path is alice's relay" relayed
}
generations() { ask alice plugins --json | jq -r '[.[] | select(.name == "transport-turn")] | map("\(.generation) \(.state)") | join(", ")'; }
one_generation() { [[ $(generations) == "$1 active" ]]; }
reload() { ask alice plugin reload transport-turn "$@"; }
no_relay() { (($(candidate_count alice relay) == 0)); }
refused() { ! reload >"$lab_dir/refusal" 2>&1; }
deleted() { grep -c "lifetime=0" "$lab_dir/log/coturn.log" || true; }

step "A node gets its one relay"
under_way 10

step "It ends, and begins again"
before=$(deleted)
stop alice
check "coturn was given the allocation back" test "$(deleted)" -gt "$before"
node_start 1 alice
# An allocation that was left behind would fill the quota for ten minutes.
under_way 5

step "No second allocation, and no other path"
start receiver client2 "$python" -u "$lab_source/numbered_stream.py" receive "${address[bob]}" $stream_port
wait_until 5 "the receiver listens" grep -qs ready "$lab_dir/log/receiver"
start sender client1 "$python" -u "$lab_source/numbered_stream.py" send "${address[bob]}" $stream_port 10
arrived() { wc -l <"$lab_dir/log/receiver"; }
arrived_more() { (($(arrived) > $1 + 20)); }
flows() { poll 2 arrived_more "$(arrived)"; }
wait_until 10 "datagrams arrive" flows
since=$("$python" -c 'import time; print(time.monotonic_ns())')
check "the reload is refused" refused
ok "$(cat "$lab_dir/refusal")"
check "with the reason" grep -q "no second allocation.*--force" "$lab_dir/refusal"
expect "the generation that goes on" "1 active" "$(generations)"
check "datagrams arrive" flows
gap=$("$python" "$lab_source/numbered_stream.py" gap "$lab_dir/log/receiver" "$since" | jq '.lost')
expect "datagrams lost over it" 0 "$gap"

step "By force"
reload --force
wait_until 20 "the path is alice's relay" relayed
wait_until 20 "datagrams arrive" flows
wait_until 10 "one generation is left" one_generation 3
gap=$("$python" "$lab_source/numbered_stream.py" gap "$lab_dir/log/receiver" "$since" | jq '.gap_ms | floor')
check "a gap of $gap ms" test "$gap" -lt 10000

step "Unloaded, and loaded again"
ask alice plugin unload transport-turn
wait_until 5 "alice has no relayed candidate" no_relay
ask alice plugin load "$(dirname "$bin")/lib/causeway/plugins/transport-turn.so" >/dev/null
wait_until 5 "alice has a relayed candidate" has_candidates alice relay
