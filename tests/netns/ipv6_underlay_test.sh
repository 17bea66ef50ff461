#!/bin/bash
# IPv6 under the tunnel: both sides without IPv4, both with both, one with IPv4 only; the server and STUN over IPv6.
# Clients have global addresses behind stateful firewalls (world_ipv6); each case pings and moves a file.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin curl nginx sha256sum
needs_binaries

server6=2001:db8:ffff::10 server6b=2001:db8:ffff::11
client6_1=2001:db8:1:2::100 client6_2=2001:db8:2:2::100

# The address server listening at $1 (tokens name $2, or the same), and its STUN on IPv6 and IPv4.
server6_start() {
  add_address server eth0 $server6b/64
  on server "$bin/causeway-server" init --dir "$lab_dir/server" --network $network --pool "$pool" \
    --listen "$1" --public "${2:-$1}" --stun-listen "[$server6]:$stun_port" --stun-listen "[$server6b]:$stun_port" \
    --stun-listen $server_address:$stun_port >"$lab_dir/init.out" 2>&1 || { indent <"$lab_dir/init.out" >&3; return 1; }
  server_start
}
both_online() {
  node_join 1 alice
  node_join 2 bob
  wait_online alice
  wait_online bob
}
no_ipv4() { on "client$1" ip -4 addr flush dev eth0; }
no_ipv6() { on "client$1" ip -6 addr flush dev eth0 scope global; }
udp4_passes() { on "nat$1" nft delete chain ip nat block; }

ends_of() { peer "$1" "$2" '.path | [.local, .remote] | map(sub(":[0-9]+$"; "")) | join(" ")'; }
ends_are() { [[ $(ends_of "$1" "$2") == "$3 $4" ]]; }
# connects LOCAL REMOTE: alice's addresses of the path; then a file each way.
connects() {
  local name address file sum
  n1 ping -c1 -W15 "$(status bob .virtual_address)" >/dev/null
  n2 ping -c1 -W15 "$(status alice .virtual_address)" >/dev/null
  wait_until 5 "alice uses $1 to $2 (it has $(ends_of alice bob))" ends_are alice bob "$1" "$2"
  ok "alice: $1 to $2"
  mkdir -p "$lab_dir/www"
  head -c 20M /dev/urandom >"$lab_dir/www/file"
  sum=$(sha256sum "$lab_dir/www/file" | cut -d' ' -f1)
  web_server client2 "$(status bob .virtual_address)" "$lab_dir/www"
  expect "SHA-256 of 20 MiB" "$sum" \
    "$(on client1 curl -sf --max-time 60 "http://$(status bob .virtual_address)/file" | sha256sum | cut -d' ' -f1)"
  ask alice explain bob | indent >&3
}
# What a NIC of 1500 leaves: 40 for IPv6, 8 for UDP, 25 for our header and tag.
path_mtu_is() { [[ $(peer alice bob .path.mtu) == "$1" ]]; }

ipv6_only_at_both_sides() {
  world_ipv6
  no_ipv4 1; no_ipv4 2
  server6_start "[$server6]:$server_port"
  both_online
  expect "the server's address" "[$server6]:$server_port" "$(status alice .server.address)"
  connects "[$client6_1]" "[$client6_2]"
  wait_until 10 "the path's MTU is proven" path_mtu_is 1500
  ask alice netcheck --json >"$lab_dir/netcheck.json"
  expect "netcheck: IPv6" '{"address":true,"udp":true}' "$(jq -c .ipv6 "$lab_dir/netcheck.json")"
  expect "netcheck: IPv4" '{"address":false,"udp":null}' "$(jq -c .ipv4 "$lab_dir/netcheck.json")"
  expect "netcheck: NAT" false "$(jq -c .nat.nat "$lab_dir/netcheck.json")"
}
both_families_at_both_sides() {
  world_ipv6
  udp4_passes 1; udp4_passes 2
  server6_start "$server_address:$server_port"
  both_online
  n1 ping -c1 -W15 "$(status bob .virtual_address)" >/dev/null
  wait_until 10 "pairs of both families work" both_families_valid
  ok "pairs of both families work"
  connects "[$client6_1]" "[$client6_2]"
  wait_until 10 "explain says of each pair what it would take" explain_is_complete
  ok "explain: $(ask alice explain bob --json | jq -r '[.pairs[] | select(.valid and (.selected | not)) | .would_take][0]')"
}
# The one in use with its layers' scores; of every other one a sentence.
explain_is_complete() {
  ask alice explain bob --json | jq -e '(.pairs | length) >= 2 and (.outlook != "")
    and all(.pairs[]; if .selected then (.layers | length) == 1 and .layers[0].score == .score else .would_take != "" end)'
}
both_families_valid() {
  [[ $(ask alice checks bob --json | jq '[.[] | select(.valid) | .remote | startswith("[")] | unique | length') == 2 ]]
}
ipv4_only_at_one_side() {
  world_ipv6
  udp4_passes 1; udp4_passes 2
  no_ipv6 2
  # One server for both families, as those who have one alone must meet there.
  server6_start "[::]:$server_port" "$server_address:$server_port"
  both_online
  connects $client1_address $nat2_address
}
# A new privacy address: the one that shows the hardware is no candidate, and a deprecated one is for what it has.
temporary_addresses() {
  world_ipv6
  server6_start "$server_address:$server_port"
  on client1 ip -6 addr add 2001:db8:1:2:211:22ff:fe33:4455/64 dev eth0 nodad
  both_online
  has_candidate() { ask alice candidates --json | jq -e --arg a "$1" 'any(.[]; .address | startswith("[" + $a + "]"))'; }
  has_no_candidate() { ! has_candidate "$1"; }
  reason_for() { ask alice candidates --ignored --json | jq -r --arg a "$1" '.ignored[] | select(.address == $a) | .reason'; }
  wait_until 5 "the stable address is a candidate" has_candidate 2001:db8:1:2:211:22ff:fe33:4455
  connects "[$client6_1]" "[$client6_2]"
  on client1 ip -6 addr change $client6_1/64 dev eth0 preferred_lft 0 valid_lft 600
  n1 ping -c2 -i0.2 -W5 "$(status bob .virtual_address)" >/dev/null
  wait_until 5 "a deprecated address in use stays" has_candidate $client6_1
  ok "a deprecated address in use stays"
  stop alice
  node_start 1 alice
  wait_online alice
  wait_until 5 "after a restart it is ignored" has_no_candidate $client6_1
  expect "why" "deprecated: not for new connections" "$(reason_for $client6_1)"
  n1 ping -c1 -W15 "$(status bob .virtual_address)" >/dev/null
  ok "the other address serves"
}

rows=(ipv6_only_at_both_sides both_families_at_both_sides ipv4_only_at_one_side temporary_addresses)
(($# == 0)) || rows=("$@")
run_rows "${rows[@]}"
