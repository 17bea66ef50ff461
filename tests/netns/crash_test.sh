#!/bin/bash
# kill -9 in the middle of traffic. Nodes keep identity, address and friends, and come back by themselves, with a server
# or without; no state file is ever half-written; tunnels outlive the server; a node that is put out is dropped by its
# peers within 5 s. CAUSEWAY_CRASH_CYCLES changes how often each is killed (3).
source "$(dirname "$0")/../lab/lab.sh"
lab_begin
needs_binaries

cycles=${CAUSEWAY_CRASH_CYCLES:-3}

# whole FILE: JSON that is whole and carries the checksum of its content; a temporary file beside it is of no account.
whole() { jq -e '.kind and .crc32c and .content' "$1" >/dev/null; }
identity() { status "$1" .identity; }
pings() { on "$1" ping -c1 -W2 "$2"; }
milliseconds_since() { echo $(((${EPOCHREALTIME/./} - $1) / 1000)); }

# ---- the kill table -----------------------------------------------------------------------------------------

# What bob's applications see of alice; ping stamps each reply.
watch_from_bob() { start watch client2 stdbuf -oL ping -D -i 0.02 "$alice_address"; }
# first_reply MICROSECONDS: how many ms later the first reply came.
first_reply() {
  awk -v since="$1" '/bytes from/ { at = substr($1, 2) * 1e6; if (at > since) { printf "%d\n", (at - since) / 1000; exit } }' \
    "$lab_dir/log/watch"
}
has_reply_since() { [[ -n $(first_reply "$1") ]]; }

files_are_whole() {
  local name=$1 file
  for file in keys state peers friends history; do
    [[ ! -e $lab_dir/$name/$file.json ]] || whole "$lab_dir/$name/$file.json" || { fail "$file.json is not whole"; return 1; }
  done
}
friends_of() { jq -Sc '[.content.friends[] | {user, pins: [.pins[].identity]}]' "$lab_dir/$1/friends.json"; }

# row WHAT MILLISECONDS
row() { printf '%s\t%s\n' "$1" "$2" >>"$lab_dir/kills"; }
table() {
  local what
  printf '  %-44s %5s %6s %6s %6s  (ms from start to the first reply)\n' "killed" kills min median max >&3
  cut -f1 "$lab_dir/kills" | awk '!seen[$0]++' | while read -r what; do
    awk -F'\t' -v what="$what" '$1 == what { print $2 }' "$lab_dir/kills" | sort -n |
      awk -v what="$what" '{ v[NR] = $1 } END { printf "  %-44s %5d %6d %6d %6d\n", what, NR, v[1], v[int((NR + 1) / 2)], v[NR] }' >&3
  done
}

# restart_and_wait WHAT: alice again, and how long until bob's ping is answered.
restart_and_wait() {
  local begun=${EPOCHREALTIME/./}
  node_start 1 alice
  wait_until 15 "ping passes again" has_reply_since "$begun"
  row "$1" "$(first_reply "$begun")"
}
has_no_path() { [[ $(peer "$1" "$2" .path) == null ]]; }
is_who_she_was() {
  [[ $(identity alice) == "$alice_identity" ]] || { fail "another identity"; return 1; }
  [[ $(status alice .virtual_address) == "$alice_address" ]] || { fail "another address"; return 1; }
  [[ $(friends_of alice) == "$alice_friends" ]] || { fail "other friends or pins: $(friends_of alice)"; return 1; }
  wait_until 10 "status shows bob as connected" peer_is alice bob connected
  [[ $(peer alice bob .friend) == true ]] || { fail "bob is no friend any more"; return 1; }
}

nodes_survive_kill() {
  local cycle
  start traffic client1 ping -i 0.02 "$bob_address"
  for ((cycle = 1; cycle <= cycles; cycle++)); do
    # A moment that is not the same each time, from just started to well connected.
    sleep "$((RANDOM % 2)).$((RANDOM % 90 + 10))"
    stop alice KILL
    files_are_whole alice
    if ((cycle % 2)); then
      # Again, while she starts.
      node_start 1 alice
      sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
      stop alice KILL
      files_are_whole alice
    fi
    restart_and_wait "alice, with the server"
    wait_online alice 20
    is_who_she_was
  done
  stop traffic
  ok "$cycles kills: same identity, same address, same friends"
}

nodes_survive_kill_without_server() {
  local cycle begun
  stop server
  wait_until 15 "alice notices" node_is alice offline
  for ((cycle = 1; cycle <= cycles; cycle++)); do
    sleep "$((RANDOM % 2)).$((RANDOM % 90 + 10))"
    stop alice KILL
    files_are_whole alice
    restart_and_wait "alice, without a server"
    is_who_she_was
    [[ $(status alice .state) == offline ]] || { fail "alice is $(status alice .state)"; return 1; }
  done
  for ((cycle = 1; cycle <= cycles; cycle++)); do
    sleep "0.$((RANDOM % 90 + 10))"
    stop alice KILL
    stop bob KILL
    files_are_whole bob
    begun=${EPOCHREALTIME/./}
    node_start 2 bob
    restart_and_wait "alice and bob, without a server"
    is_who_she_was
  done
  # Until bob's consent is over: he has no path any more and probes the old one.
  stop alice KILL
  wait_until 40 "bob has lost the path to alice" has_no_path bob alice
  restart_and_wait "alice, without a server, consent over"
  is_who_she_was
  server_start
  wait_online alice 70
  wait_online bob 70
  is_who_she_was
  ok "killed and started without a server: connected by itself; and online again when the server is back"
}

step "Two nodes with traffic between them"
world_two_homes
world_nodes
alice_address=$(status alice .virtual_address)
bob_address=$(status bob .virtual_address)
alice_identity=$(identity alice)
wait_until 15 "ping passes" pings client1 "$bob_address"
ask alice friend add bob >/dev/null
ask bob friend add alice >/dev/null
wait_until 10 "bob is pinned" test -s "$lab_dir/alice/friends.json"
has_pin() { [[ $(friends_of "$1") == *"$2"* ]]; }
wait_until 10 "bob is pinned" has_pin alice "$(identity bob)"
alice_friends=$(friends_of alice)
ok "$alice_address and $bob_address, friends"

# Each kill and start adds a success to what is remembered of a path, if what was remembered before is still there.
remembers() {
  local rows
  rows=$(ask alice history bob --json) || return 1
  jq -e "map(select(.successes > $1 and .rtt_ms > 0 and .last_used != null)) | length > 0" <<<"$rows" >/dev/null
}
history_survives_kill() {
  wait_until 10 "a path to bob is remembered" remembers 0.9
  wait_until 10 "and stored" test -s "$lab_dir/alice/history.json"
  stop alice KILL
  files_are_whole alice
  restart_and_wait "alice, for her history"
  wait_until 10 "alice remembers two connections" remembers 1.9
  [[ $(ask alice history "$bob_address" --json | jq length) == $(ask alice history bob --json | jq length) ]] ||
    { fail "another answer by bob's address"; return 1; }
  ask alice history | grep -q "LAST USED" || { fail "no table"; return 1; }
  ! ask alice history nobody 2>/dev/null || { fail "something is remembered of nobody"; return 1; }
  ok "after kill -9 alice still knows how her path to bob did"
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
watch_from_bob
nodes_survive_kill
step "kill -9, and the history of paths"
history_survives_kill
step "kill -9 of nodes while the server is down"
nodes_survive_kill_without_server
stop watch
table
step "kill -9 of the server under traffic"
tunnels_survive_server_kill
step "Revoked tokens and nodes"
token_revoked
revoked_is_dropped
