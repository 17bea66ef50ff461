#!/bin/bash
# Two nodes meet by a relay at once, and the direct path that there is later takes over by itself, while pings go on:
# a router with a symmetric NAT is replaced by one with a cone; a network that lets no UDP out lets it out again.
#
#   clienta-KIND - nata-KIND ---- internet ---- server, relay
#   clientb-KIND - natb-KIND ----+
source "$(dirname "$0")/../lab/lab.sh"
source "$lab_source/households.sh"
lab_begin turnserver
needs_binaries

turn_port=3478 secret=lab-secret
coturn_listens() { on relay ss -Huln "sport = :$turn_port" | grep -q .; }
types_of() { peer "$1" "$2" ".path | \"\\(.local_type)-\\(.remote_type)\""; }
transport_of() { peer "$1" "$2" .path.transport; }
relayed() { [[ $(types_of alice bob) == *relay* ]]; }
# both_use TYPES: as alice sees them.
both_use() { [[ "$(types_of alice bob) $(types_of bob alice)" == "$1 ${1#*-}-${1%-*}" ]]; }
replies() { grep -c 'bytes from' "$lab_dir/log/ping" || true; }
more_replies() { (($(replies) > $1 + 5)); }
longest_silence_ms() {
  awk -F'[][]' '/bytes from/ { if (last && $2 - last > most) most = $2 - last; last = $2 } END { printf "%d", most * 1000 }' \
    "$lab_dir/log/ping"
}

# meet KIND_A KIND_B: both online, the first packet by a relay, and pings from then on.
meet() {
  local name first token
  world_public
  relay_machine
  household a "$1" 4
  household b "$2" 5
  start coturn relay turnserver -n --use-auth-secret --static-auth-secret=$secret --realm=lab --no-cli --no-tls --no-dtls \
    --listening-ip=$relay_address --relay-ip=$relay_address --listening-port=$turn_port --simple-log \
    --log-file="$lab_dir/log/coturn.log" --pidfile="$lab_dir/coturn.pid" --userdb="$lab_dir/coturn.db"
  wait_until 10 "coturn listens" coturn_listens
  server_init --turn "turn:$relay_address:$turn_port?transport=udp" --turn "turn:$relay_address:$turn_port?transport=tcp" \
    --turn-secret $secret
  server_start
  token=$(make_token --user lab --uses 2)
  start alice "clienta-$1" "$bin/causewayd" --dir "$lab_dir/alice" --join "$token" --name alice
  start bob "clientb-$2" "$bin/causewayd" --dir "$lab_dir/bob" --join "$token" --name bob
  for name in alice bob; do
    wait_online $name
    wait_until 15 "$name has a relayed candidate" has_candidates $name relay
  done
  first=$(n "clienta-$1" ping -n -c1 -W10 "$(status bob .virtual_address)" | sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p')
  check "the first packet is answered after $first ms" awk "BEGIN { exit !($first < 1000) }"
  check "by a relay" relayed
  start ping "clienta-$1" ping -n -D -i 0.1 "$(status bob .virtual_address)"
  wait_until 5 "pings are answered" more_replies 0
  changed=${EPOCHREALTIME/./}
}
# takes_over SECONDS TYPES MOST_SILENCE_MS
takes_over() {
  local silence
  wait_until "$1" "both use a direct path ($2)" both_use "$2"
  ok "direct $(((${EPOCHREALTIME/./} - changed) / 1000)) ms after the network changed: $2"
  wait_until 5 "pings are answered on it" more_replies "$(replies)"
  silence=$(longest_silence_ms)
  check "the longest silence of the pings was $silence ms" test "$silence" -lt "$3"
}

symmetric_becomes_cone() {
  local wan gateway lan
  meet symmetric symmetric
  household_place a 4
  # Another router remembers nothing: masquerading is forgotten when the NIC goes down. Mappings of the relay links are
  # gone, too: nothing can arrive until something was sent.
  on nata-symmetric ip link set wan down
  on nata-symmetric nft flush ruleset
  nat_full_cone nata-symmetric "$lan.100"
  on nata-symmetric ip link set wan up
  on nata-symmetric ip route add default via "$gateway"
  takes_over 60 srflx-prflx 10000
}

udp_comes_back() {
  meet udp_blocked port_restricted
  expect "alice's relay is reached over" turn-tcp "$(transport_of alice bob)"
  on nata-udp_blocked nft flush chain ip nat block
  takes_over 60 srflx-srflx 1000
}

rows=(symmetric_becomes_cone udp_comes_back)
(($# == 0)) || rows=("$@")
run_rows "${rows[@]}"
