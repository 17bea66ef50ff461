#!/bin/bash
# Friends with real daemons (spec U3.4, V5): a friends-only network, pinned identities, and a server that lies.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin
needs_binaries

# No address to spare: whoever comes for somebody who was removed gets his.
pool=10.10.0.101-10.10.0.102
alice_address=10.10.0.101 bob_address=10.10.0.102

knows() { [[ -n $(peer "$1" "$2" .name) ]]; }
knows_not() { ! knows "$1" "$2"; }
no_ping() { ! on "client$1" ping -c1 -W2 "$2" >/dev/null 2>&1; }
pings() { on "client$1" ping -c1 -W2 "$2" >/dev/null 2>&1; }
is_friend() { [[ $(peer "$1" "$2" .friend) == true ]]; }

world_two_homes port_restricted port_restricted

step "A friends-only network, two users with a node each (S6)"
server_init --friends-only
server_start
expect "networks shows the kind" true "$(server_admin networks --json | jq -r '.[0].friends_only')"
node_join 1 alice
wait_online alice
node_join 2 bob
wait_online bob
expect "alice's address" $alice_address "$(status alice .virtual_address)"
expect "bob's address" $bob_address "$(status bob .virtual_address)"
expect "alice knows whose node she is" alice "$(status alice .user)"

step "Strangers are unreachable and unseen (V5)"
check "no ping from alice" no_ping 1 $bob_address
check "no ping from bob" no_ping 2 $alice_address
check "alice has not heard of bob" knows_not alice bob
expect "friends of alice" "[]" "$(ask alice friends --json | jq -c .)"

step "Who is no user is an error that says what to do"
if ask alice friend add nobody >"$lab_dir/stdout" 2>"$lab_dir/stderr"; then fail "it was accepted"; exit 1; fi
check "one line on stderr" grep -q '^error: .*nobody.*causeway peers' "$lab_dir/stderr"

step "One side alone opens nothing, both do (U3.4)"
n1 "$bin/causeway" --dir "$lab_dir/alice" friend add bob | indent >&3
expect "alice's list" "waiting" "$(ask alice friends --json | jq -r '.[] | select(.name == "bob") | .state')"
check "still no ping" no_ping 1 $bob_address
n2 "$bin/causeway" --dir "$lab_dir/bob" friend add alice | indent >&3
wait_until 10 "alice pings bob" pings 1 $bob_address
wait_until 10 "bob pings alice" pings 2 $alice_address
ok "ping passes both ways"
wait_until 5 "alice calls bob a friend" is_friend alice bob
expect "and both lists are mutual" "mutual mutual" \
  "$(ask alice friends --json | jq -r '.[0].state') $(ask bob friends --json | jq -r '.[0].state')"
ask alice friends | indent >&3

step "Removal cuts within 5 s"
n2 "$bin/causeway" --dir "$lab_dir/bob" friend remove alice | indent >&3
wait_until 5 "both have dropped each other" eval 'knows_not alice bob && knows_not bob alice'
check "no ping from alice" no_ping 1 $bob_address
check "no ping from bob" no_ping 2 $alice_address

step "Added again, it goes on; the list survives restarts of all three (U5)"
ask bob friend add alice >/dev/null
wait_until 10 "alice pings bob" pings 1 $bob_address
stop alice
stop server
server_start
node_start 1 alice
wait_online alice
wait_online bob 20
wait_until 10 "alice pings bob" pings 1 $bob_address
ok "ping passes"
wait_until 5 "alice calls bob a friend" is_friend alice bob

step "A server that gives bob's name and address to another key gets nobody into his place"
old_identity=$(status bob .identity)
on server "$bin/causeway-server" node remove --dir "$lab_dir/server" bob
wait_until 5 "alice drops bob" knows_not alice bob
stop bob
node_start 2 bob2 --join "$(make_token --user bob)" --name bob
wait_online bob2
expect "its address is bob's" $bob_address "$(status bob2 .virtual_address)"
check "its identity is not" test "$old_identity" != "$(status bob2 .identity)"
wait_until 40 "alice blocks it" peer_is alice bob blocked
expect "and says why" "identity changed" "$(peer alice bob .reason)"
check "and what to do" grep -q 'causeway friend remove bob' <<<"$(peer alice bob .hint)"
ask alice peers | indent >&3
check "no ping from alice" no_ping 1 $bob_address
check "no ping to alice" no_ping 2 $alice_address
expect "friend" false "$(peer alice bob .friend)"

step "A restart forgets no pin"
stop alice
node_start 1 alice
wait_online alice
wait_until 10 "alice still blocks it" peer_is alice bob blocked
ok "blocked"

step "The user's word lets it in: remove, then add again"
ask alice friend remove bob | indent >&3
ask alice friend add bob --key "$(status bob2 .identity)" | indent >&3
wait_until 20 "alice pings bob" pings 1 $bob_address
ok "ping passes"
expect "pinned" "by key" "$(ask alice friends --json | jq -r '.[0].nodes[0].pinned')"
