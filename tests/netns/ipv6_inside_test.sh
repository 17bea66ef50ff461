#!/bin/bash
# IPv6 virtual addresses beside the IPv4 ones, with ordinary programs over an IPv4-only Internet; and a network in which
# one node has none.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin
needs_binaries

six_of() { status "$1" .virtual_address6; }
seen_six() { peer "$1" "$2" .virtual_address6; }
seen_six_is() { [[ $(seen_six "$1" "$2") == "$3" ]]; }
ping6_works() { on "client$1" ping -6 -c1 -W2 "$2" >/dev/null 2>&1; }
ping_works() { on "client$1" ping -4 -c1 -W2 "$2" >/dev/null 2>&1; }
addresses_of() { on "client$1" getent ahosts "$2" | awk '{ print $1 }' | sort -u | tr "\n" " "; }

world_two_homes port_restricted port_restricted
enable_ipv6 client1
enable_ipv6 client2
world_nodes

step "Each node has an address of both families"
prefix=$(server_admin networks --json | jq -r '.[0].prefix6')
printf '%s\n' "$prefix" | indent >&3
check "a unique local /64" grep -qE '^fd[0-9a-f:]+::/64$' <<<"$prefix"
alice=$(status alice .virtual_address) bob=$(status bob .virtual_address)
alice6=$(six_of alice) bob6=$(six_of bob)
expect "alice's follows from $alice" "${prefix%/64}a0a:65" "$alice6"
expect "bob's follows from $bob" "${prefix%/64}a0a:66" "$bob6"
expect "the server says so" "$bob6" "$(server_node bob virtual_address6)"
check "it is on her NIC" grep -q "$alice6/64" <(on client1 ip -6 addr show dev cw0)

step "The first packet may be an IPv6 one, to a node not connected yet"
check "ping -6 by address" ping6_works 1 "$bob6"
check "ping -6 back" ping6_works 2 "$alice6"
check "ping -4 beside it" ping_works 1 "$bob"
expect "bob as alice sees him" "$bob6" "$(seen_six alice bob)"
expect "one session, compact for both families" compact "$(ask alice metrics --json | jq -r .peers.bob.format)"

step "Names and PEER arguments"
expect "bob.cw" "$bob $bob6 " "$(addresses_of 1 bob.cw)"
check "ping -6 by name" ping6_works 1 bob.cw
ask alice ping "$bob6" -c 2 | indent >&3
expect "explain by IPv6 address" bob "$(ask alice explain "$bob6" --json | jq -r .peer)"

step "Full packets in both directions, and none that is too big"
check "1,419 bytes of payload fit" on client1 ping -6 -c1 -W2 -M do -s 1419 "$bob6"
check "1,420 don't, and the kernel knows" eval '! on client1 ping -6 -c1 -W2 -M do -s 1420 "$bob6" >/dev/null 2>&1'

step "300 MB by curl from nginx over IPv6"
mkdir -p "$lab_dir/www"
head -c 300000000 /dev/urandom >"$lab_dir/www/file"
want=$(sha256sum <"$lab_dir/www/file")
web_server client2 "[$bob6]" "$lab_dir/www"
started=$EPOCHREALTIME
got=$(on client1 curl -sS --max-time 120 "http://[$bob6]/file" | sha256sum)
seconds=$(bc <<<"$EPOCHREALTIME - $started")
expect "SHA-256" "$want" "$got"
ok "300 MB in $(printf %.1f "$seconds") s"
expect "wrong checksums" "0 0" "$(for i in 1 2; do on client$i cat /proc/net/snmp6 | awk '/InCsumErrors/ { sum += $2 } END { printf "%s%s", sum + 0, "'"$([[ $i == 1 ]] && echo ' ')"'" }'; done)"
expect "nothing was dropped as not bob's or not alice's" "0 0" \
  "$(ask alice metrics --json | jq .drops.source_not_allowed) $(ask bob metrics --json | jq .drops.source_not_allowed)"

step "A sender that takes another address of the prefix is not heard"
on client1 ip -6 addr add "${prefix%/64}a0a:99/128" dev cw0 nodad
check "no answer" eval '! on client1 ping -6 -c1 -W1 -I "${prefix%/64}a0a:99" "$bob6" >/dev/null 2>&1'
on client1 ip -6 addr del "${prefix%/64}a0a:99/128" dev cw0

step "A node without IPv6: the others see it, and nothing waits in vain"
stop nginx
cat >"$lab_dir/without.json" <<<'{"ipv6": false}'
stop bob
node_start 2 bob --config "$lab_dir/without.json"
wait_online bob
wait_until 20 "alice sees that bob has none" seen_six_is alice bob null
expect "bob's own view" null "$(six_of bob)"
wait_until 15 "ping -4 goes on" ping_works 1 "$bob"
expect "bob.cw" "$bob " "$(addresses_of 1 bob.cw)"
started=$EPOCHREALTIME
check "ping -6 is refused" eval '! ping6_works 1 "$bob6"'
check "at once: $(bc <<<"$EPOCHREALTIME - $started") s" test "$(bc <<<"$EPOCHREALTIME - $started < 2.5")" = 1
ask bob metrics --json | jq -e .drops.source_not_allowed >/dev/null

step "With IPv6 again, on the address of before"
stop bob
node_start 2 bob
wait_online bob
wait_until 20 "alice sees it" seen_six_is alice bob "$bob6"
wait_until 15 "ping -6 works" ping6_works 1 "$bob6"
ok "back"
