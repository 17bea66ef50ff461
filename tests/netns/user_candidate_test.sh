#!/bin/bash
# A way in that no protocol finds: a port forwarding on a symmetric NAT, told by `causeway candidate add`. And what
# is kept away from candidates by configuration, live, with the reason.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin
needs_binaries

forwarded=$nat1_address:41000

has_user_candidate() { ask alice candidates --json | jq -e --arg a "$1" 'any(.[]; .source == "user" and .address == $a)'; }
has_none_of_user() { ! has_user_candidate "$forwarded"; }
base_of() { ask alice candidates --json | jq -r '.[] | select(.type == "host") | .address'; }
reason_for() { ask alice candidates --ignored --json | jq -r --arg a "$1" '.ignored[] | select(.address == $a) | .reason'; }
is_ignored_because() { [[ $(reason_for "$1") == *"$2"* ]]; }
refused() {
  local what=$1 expected=$2 said
  if said=$(ask alice candidate add "$what" 2>&1); then fail "$what was taken"; return 1; fi
  [[ $said == "error: "*"$expected"* ]] || { fail "$what: $said"; return 1; }
  ok "$what: ${said#error: }"
}
reload_alice() {
  echo "{\"listen_port\": 5000, \"candidates\": {$1}}" >"$lab_dir/alice.json"
  kill -HUP "$(pid_of alice)"
}

step "Two symmetric NATs: no way"
world_two_homes symmetric symmetric
server_init
server_start
echo '{"listen_port": 5000}' >"$lab_dir/alice.json"
node_join 1 alice --config "$lab_dir/alice.json"
node_join 2 bob
wait_online alice
wait_online bob
address=$(status alice .virtual_address)
if n2 ping -c1 -W3 "$address" >/dev/null; then fail "bob reaches alice without the forwarding"; exit 1; fi
ok "bob does not reach alice"

step "What cannot be a candidate is refused, with the reason"
refused 127.0.0.1:41000 "loopback"
refused 224.0.0.5:41000 "multicast"
refused 198.51.100.1:0 "port 0"
refused "$address:41000" "own virtual address"
refused nonsense "give an address with its port"

step "A forwarding on the router, told by hand"
on nat1 nft add chain ip nat forwarded '{ type nat hook prerouting priority dstnat; }'
on nat1 nft add rule ip nat forwarded iifname wan udp dport 41000 dnat to "$client1_address:5000"
ask alice candidate add "$forwarded"
wait_until 5 "the candidate is there" has_user_candidate "$forwarded"
wait_until 20 "bob reaches alice" on client2 ping -qc1 -W1 "$address"
expect "bob's path" "$forwarded" "$(peer bob alice .path.remote)"
expect "its type" srflx "$(peer bob alice .path.remote_type)"
ask alice candidates | indent >&3

step "It is kept over a restart, and works without having been told again"
stop alice
stop bob
node_start 2 bob
node_start 1 alice --config "$lab_dir/alice.json"
wait_online alice
wait_online bob
wait_until 5 "the candidate is there" has_user_candidate "$forwarded"
wait_until 20 "bob reaches alice" on client2 ping -qc1 -W1 "$address"
expect "bob's path" "$forwarded" "$(peer bob alice .path.remote)"

step "Allow and deny take effect by SIGHUP, and say why"
reload_alice '"deny_prefixes": ["192.168.0.0/16"]'
wait_until 5 "192.168.0.100 is ignored" is_ignored_because "$client1_address" "candidates.deny_prefixes has 192.168.0.0/16"
expect "host candidates" "" "$(base_of)"
wait_until 5 "the forwarding leads nowhere now" is_ignored_because "$forwarded" "no local address of its family"
ask alice candidates | indent >&3
reload_alice '"deny_interfaces": ["eth*"]'
wait_until 5 "eth0 is denied" is_ignored_because "$client1_address" 'candidates.deny_interfaces has "eth*"'
reload_alice ''
wait_until 5 "all is as it was" has_user_candidate "$forwarded"
expect "host candidates" "$client1_address:5000" "$(base_of)"
wait_until 20 "bob reaches alice" on client2 ping -qc1 -W1 "$address"
ok "bob reaches alice again"

step "Taken back"
ask alice candidate remove "$forwarded"
wait_until 5 "the candidate is gone" has_none_of_user
if ask alice candidate remove "$forwarded" 2>"$lab_dir/said"; then fail "removed twice"; exit 1; fi
ok "twice: $(cat "$lab_dir/said")"
