#!/bin/bash
# Subscriptions with real daemons (spec M9/M10): two friends who are not connected hear of each other's changes, if the
# other side lets them; how fast; and what ends it.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin
needs_binaries

subscription() { peer "$1" "$2" .subscription; }
subscription_is() { [[ $(subscription "$1" "$2") == "$3" ]]; }
online_is() { [[ $(peer "$1" "$2" .online) == "$3" ]]; }
changes() { grep -c '\[node\] bob .* tells new addresses' "$lab_dir/log/alice" || true; }
has_changes() { (($(changes) >= $1)); }

world_two_homes port_restricted port_restricted

step "Two users in an ordinary network, no friends yet"
server_init
server_start
cat >"$lab_dir/policy.json" <<<'{"subscriptions": "friends"}'
node_join 1 alice --log-level debug
wait_online alice
node_join 2 bob --config "$lab_dir/policy.json"
wait_online bob
wait_until 40 "alice has heard of bob" online_is alice bob true
expect "alice subscribes to friends and connected peers only" null "$(subscription alice bob)"

step "One side alone: asked, and refused by the default policy"
ask alice friend add bob >/dev/null
wait_until 5 "bob has refused" subscription_is alice bob refused
ok "refused"

step "Both sides: accepted, without a connection"
ask bob friend add alice >/dev/null
wait_until 5 "bob has accepted" subscription_is alice bob accepted
wait_until 5 "alice has accepted" subscription_is bob alice accepted
expect "they are not connected" "idle idle" "$(peer alice bob .state) $(peer bob alice .state)"

step "Each update of bob reaches alice at once"
# The time of alice's log line minus the moment before the command that changes bob: command, daemon, disk, server, all.
latencies=()
for round in $(seq 20); do
  before=$(changes)
  started=$((${EPOCHREALTIME/./} / 1000))
  if ((round % 2)); then
    ask bob candidate add $nat2_address:4500 >/dev/null
  else
    ask bob candidate remove $nat2_address:4500 >/dev/null
  fi
  wait_until 5 "alice hears of change $round" has_changes $((before + 1))
  told=$(grep '\[node\] bob .* tells new addresses' "$lab_dir/log/alice" | tail -1 | cut -d' ' -f1)
  latencies+=($(($(date -d "$told" +%s%3N) - started)))
done
sorted=$(printf '%s\n' "${latencies[@]}" | sort -n)
ok "20 changes: $(head -1 <<<"$sorted") ms at best, median $(sed -n 10p <<<"$sorted") ms, $(tail -1 <<<"$sorted") ms at worst"
check "each within 100 ms" test "$(tail -1 <<<"$sorted")" -lt 100
expect "still not connected" idle "$(peer alice bob .state)"

step "Going and coming"
stop bob
wait_until 2 "alice sees bob offline" online_is alice bob false
node_start 2 bob --config "$lab_dir/policy.json"
wait_online bob
wait_until 2 "alice sees bob online" online_is alice bob true
wait_until 5 "bob, started anew, has accepted again" subscription_is alice bob accepted
ok "both told"

step "The policy changes while it runs"
cat >"$lab_dir/policy.json" <<<'{"subscriptions": "none"}'
kill -HUP "$(pid_of bob)"
wait_until 5 "bob has refused" subscription_is alice bob refused
before=$(changes)
ask bob candidate add $nat2_address:4600 >/dev/null
bob_has_told() { ask bob candidates --json | jq -e --arg a "$nat2_address:4600" '.[] | select(.address == $a)'; }
wait_until 5 "bob has the candidate" bob_has_told
cat >"$lab_dir/policy.json" <<<'{"subscriptions": "all"}'
kill -HUP "$(pid_of bob)"
wait_until 5 "bob has accepted" subscription_is alice bob accepted
wait_until 5 "alice catches up" has_changes $((before + 1))
expect "what she heard in between, and at the end" $((before + 1)) "$(changes)"

step "The server restarts"
stop server
server_start
wait_online alice 20
wait_online bob 20
wait_until 10 "restored" subscription_is alice bob accepted
before=$(changes)
ask bob candidate remove $nat2_address:4600 >/dev/null
wait_until 5 "alice hears of bob" has_changes $((before + 1))
ok "restored on both sides"

step "The end of it"
expect "the server counts both" 2 "$(server_admin stats --json | jq .subscriptions)"
ask bob leave >/dev/null
bob_is_gone() { [[ -z $(peer alice bob .name) ]]; }
wait_until 5 "alice drops bob" bob_is_gone
expect "none is left" 0 "$(server_admin stats --json | jq .subscriptions)"
