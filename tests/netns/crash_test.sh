#!/bin/bash
# kill -9 in the middle of traffic. Nodes keep identity and address, and come back by themselves; no state file is ever
# half-written; tunnels outlive the server; a node that is put out is dropped by its peers within 5 s.
# CAUSEWAY_CRASH_CYCLES changes how often each of the two is killed (3).
source "$(dirname "$0")/../lab/lab.sh"
lab_begin
needs_binaries

cycles=${CAUSEWAY_CRASH_CYCLES:-3}

# whole FILE: JSON that is whole and carries the checksum of its content; a temporary file beside it is of no account.
whole() { jq -e '.kind and .crc32c and .content' "$1" >/dev/null; }
identity() { status "$1" .identity; }
pings() { on "$1" ping -c1 -W2 "$2"; }
milliseconds_since() { echo $(((${EPOCHREALTIME/./} - $1) / 1000)); }

step "Two nodes with traffic between them"
world_two_homes
world_nodes
alice_address=$(status alice .virtual_address)
bob_address=$(status bob .virtual_address)
alice_identity=$(identity alice)
wait_until 15 "ping passes" pings client1 "$bob_address"
ok "$alice_address and $bob_address"

nodes_survive_kill() {
  local cycle begun worst=0 took file
  start traffic client1 ping -i 0.02 "$bob_address"
  for ((cycle = 1; cycle <= cycles; cycle++)); do
    # A moment that is not the same each time, from just started to well connected.
    sleep "0.$((RANDOM % 90 + 10))"
    stop alice KILL
    for file in keys state peers; do
      [[ ! -e $lab_dir/alice/$file.json ]] || whole "$lab_dir/alice/$file.json" || { fail "$file.json is not whole"; return 1; }
    done
    begun=${EPOCHREALTIME/./}
    node_start 1 alice
    wait_online alice 20
    wait_until 15 "ping passes again" pings client1 "$bob_address"
    took=$(milliseconds_since "$begun")
    ((took <= worst)) || worst=$took
    [[ $(identity alice) == "$alice_identity" ]] || { fail "another identity after kill $cycle"; return 1; }
    [[ $(status alice .virtual_address) == "$alice_address" ]] || { fail "another address after kill $cycle"; return 1; }
    wait_until 10 "status shows bob as connected" peer_is alice bob connected
  done
  stop traffic
  ok "$cycles kills: same identity, same address; ping again after $worst ms at worst"
}

tunnels_survive_server_kill() {
  local cycle before after
  rm -f "$lab_dir/log/traffic"
  start traffic client1 ping -i 0.02 -D "$bob_address"
  for ((cycle = 1; cycle <= cycles; cycle++)); do
    sleep "0.$((RANDOM % 90 + 10))"
    stop server KILL
    wait_until 15 "alice notices" node_is alice offline
    [[ $(peer alice bob .state) == connected ]] || { fail "the tunnel went with the server"; return 1; }
    server_start
    wait_online alice 20
    wait_online bob 20
    [[ $(status alice .virtual_address) == "$alice_address" && $(status bob .virtual_address) == "$bob_address" ]] ||
      { fail "another address after kill $cycle of the server"; return 1; }
  done
  kill -INT "$(pid_of traffic)"
  wait_until 5 "ping ends" is_stopped traffic
  before=$(grep -oE '[0-9]+ packets transmitted' "$lab_dir/log/traffic" | cut -d' ' -f1)
  after=$(grep -oE '[0-9]+ received' "$lab_dir/log/traffic" | cut -d' ' -f1)
  # The last one may be under way when ping is told to end.
  check "$cycles kills of the server: $after of $before pings came back" test $((before - after)) -le 1
}

token_revoked() {
  local token
  token=$(make_token --user mallory)
  server_admin token revoke "$token"
  if on client2 timeout 10 "$bin/causewayd" --dir "$lab_dir/mallory" --tun cw9 --join "$token" 2>"$lab_dir/out"; then
    fail "the revoked token still admits"
    return 1
  fi
  check "a revoked token admits nobody: $(grep -m1 -o 'error:.*' "$lab_dir/out")" grep -q 'error:.*token' "$lab_dir/out"
}

dropped() { ! peer_is alice bob connected 2>/dev/null; }
revoked_is_dropped() {
  local begun
  wait_until 15 "ping passes" pings client1 "$bob_address"
  show_command server causeway-server node revoke bob
  on server "$bin/causeway-server" node revoke --dir "$lab_dir/server" bob
  begun=${EPOCHREALTIME/./}
  wait_until 5 "alice has dropped bob" dropped
  if pings client1 "$bob_address" >/dev/null; then
    fail "ping still passes"
    return 1
  fi
  ok "alice dropped bob after $(milliseconds_since "$begun") ms, and ping no longer passes"
  stop bob
  node_start 2 bob
  poll 5 node_is bob online && { fail "bob is back"; return 1; }
  ok "bob does not come back: $(status bob .state 2>/dev/null || tail -n1 "$lab_dir/log/bob")"
}

step "kill -9 of a node under traffic"
nodes_survive_kill
step "kill -9 of the server under traffic"
tunnels_survive_server_kill
step "Revoked tokens and nodes"
token_revoked
revoked_is_dropped
