#!/bin/bash
# Two nodes behind symmetric NATs meet by a relay at once. Then one router is replaced by one whose NAT is a cone: the
# direct path that there is from then on takes over by itself, and pings go on.
#
#   clienta-symmetric - nata-symmetric ---- internet ---- server, relay
#   clientb-symmetric - natb-symmetric ----+
source "$(dirname "$0")/../lab/lab.sh"
source "$lab_source/households.sh"
lab_begin turnserver
needs_binaries

turn_port=3478 secret=lab-secret
coturn_listens() { on relay ss -Huln "sport = :$turn_port" | grep -q .; }
path_of() { peer "$1" "$2" ".path | \"\\(.local_type)-\\(.remote_type)\""; }
relayed() { [[ $(path_of "$1" "$2") == *relay* ]]; }
both_direct() { [[ "$(path_of alice bob) $(path_of bob alice)" == "srflx-prflx prflx-srflx" ]]; }
replies() { grep -c 'bytes from' "$lab_dir/log/ping" || true; }
more_replies() { (($(replies) > $1 + 5)); }

step "Symmetric on both sides"
world_public
relay_machine
household a symmetric 4
household b symmetric 4
start coturn relay turnserver -n --use-auth-secret --static-auth-secret=$secret --realm=lab --no-cli --no-tls --no-dtls \
  --listening-ip=$relay_address --relay-ip=$relay_address --listening-port=$turn_port --simple-log \
  --log-file="$lab_dir/log/coturn.log" --pidfile="$lab_dir/coturn.pid" --userdb="$lab_dir/coturn.db"
wait_until 10 "coturn listens" coturn_listens
server_init --turn "turn:$relay_address:$turn_port?transport=udp" --turn-secret $secret
server_start
token=$(make_token --user lab --uses 2)
start alice clienta-symmetric "$bin/causewayd" --dir "$lab_dir/alice" --join "$token" --name alice
start bob clientb-symmetric "$bin/causewayd" --dir "$lab_dir/bob" --join "$token" --name bob
for name in alice bob; do
  wait_online $name
  wait_until 15 "$name has a relayed candidate" has_candidates $name relay
done
first=$(n clienta-symmetric ping -n -c1 -W10 "$(status bob .virtual_address)" | sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p')
check "the first packet is answered after $first ms" awk "BEGIN { exit !($first < 1000) }"
check "by a relay" relayed alice bob

step "A router whose NAT is a cone takes the place of alice's"
start ping clienta-symmetric ping -n -D -i 0.1 "$(status bob .virtual_address)"
wait_until 5 "pings are answered" more_replies 0
household_place a 4
# Another router remembers nothing: masquerading is forgotten when the NIC goes down.
on nata-symmetric ip link set wan down
on nata-symmetric nft flush ruleset
nat_full_cone nata-symmetric "$lan.100"
on nata-symmetric ip link set wan up
on nata-symmetric ip route add default via "$gateway"
changed=${EPOCHREALTIME/./}
wait_until 60 "both use the direct path" both_direct
ok "direct after $(((${EPOCHREALTIME/./} - changed) / 1000)) ms: alice $(path_of alice bob), bob $(path_of bob alice)"
wait_until 5 "pings are answered on it" more_replies "$(replies)"
silence=$(awk -F'[][]' '/bytes from/ { if (last && $2 - last > most) most = $2 - last; last = $2 } END { printf "%d", most * 1000 }' "$lab_dir/log/ping")
# The new router has forgotten every mapping, those of the relay links, too: nothing can arrive until something was sent.
check "the longest silence of the pings was $silence ms" test "$silence" -lt 10000
