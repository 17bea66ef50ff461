#!/bin/bash
# Two nodes that no direct path can join reach each other by a relay (coturn), over UDP, TCP and TLS: files arrive
# whole in both directions, and the status says by what.
#
#   client1 - nat1 (symmetric) ---- internet ---- server: address server, STUN, coturn
#   client2 - nat2 (symmetric) ----+
source "$(dirname "$0")/../lab/lab.sh"
lab_begin turnserver openssl nginx curl sha256sum
needs_binaries

megabytes=${RELAY_MEGABYTES:-50}
turn_port=3479 turns_port=5349 secret=lab-secret
declare -A address

coturn_start() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=relay.lab \
    -keyout "$lab_dir/turn.key" -out "$lab_dir/turn.pem" 2>/dev/null
  start coturn server turnserver -n --use-auth-secret --static-auth-secret=$secret --realm=lab --no-cli --no-dtls \
    --listening-ip=$server_address --relay-ip=$server_address --listening-port=$turn_port \
    --tls-listening-port=$turns_port --cert="$lab_dir/turn.pem" --pkey="$lab_dir/turn.key" --simple-log \
    --log-file="$lab_dir/log/coturn.log" --pidfile="$lab_dir/coturn.pid" --userdb="$lab_dir/coturn.db"
  wait_until 10 "coturn listens" coturn_listens
}
coturn_listens() {
  on server ss -Huln "sport = :$turn_port" | grep -q . && on server ss -Htln "sport = :$turns_port" | grep -q .
}
# credentials: of the kind that the address server hands out (coturn's use-auth-secret).
turn_config() {
  local user
  user=$(($(date +%s) + 3600)):lab
  jq -n --arg user "$user" --arg password "$(printf %s "$user" | openssl dgst -sha1 -hmac $secret -binary | base64)" \
    '{turn_servers: [$ARGS.positional[] | {uri: ., username: $user, password: $password}]}' --args "$@" \
    >"$lab_dir/turn.json"
}

# block WHAT [NAT...]: on top of what they do, at both unless one is named.
block() {
  local nat
  for nat in ${2:-nat1 nat2}; do
    on $nat nft -f - <<<"table ip block {
      chain forward {
        type filter hook forward priority filter - 2; policy accept;
        iifname \"lan\" $1 drop
      }
    }"
  done
}

path_of() { peer "$1" "$2" ".path.$3"; }
relayed() { [[ "$(path_of "$1" "$2" local_type) $(path_of "$1" "$2" remote_type)" == *relay* ]]; }
uses() { [[ $(path_of "$1" "$2" transport) == "$3" ]]; }
one_uses() { uses alice bob "$1" || uses bob alice "$1"; }
both_use() { uses alice bob "$1" && uses bob alice "$1"; }

# transfer TRANSPORT: ping, then a file each way.
transfer() {
  local began seconds
  wait_until 20 "alice pings bob" on client1 ping -qc1 -W1 "${address[bob]}"
  wait_until 10 "the path goes by a relay" relayed alice bob
  wait_until 10 "somebody's path is $1" one_uses "$1"
  began=$EPOCHREALTIME
  expect "$1: alice gets bob's file" "$sum" \
    "$(on client1 curl -sf --max-time 120 "http://${address[bob]}/file" | sha256sum | cut -d' ' -f1)"
  seconds=$(awk "BEGIN { print $EPOCHREALTIME - $began }")
  note "$1: $megabytes MB in $seconds s"
  expect "$1: bob gets alice's file" "$sum" \
    "$(on client2 curl -sf --max-time 120 "http://${address[alice]}/file" | sha256sum | cut -d' ' -f1)"
  relayed alice bob || fail "$1: not by a relay any more"
}
unblock() { for nat in nat1 nat2; do on $nat nft delete table ip block; done; }
# restart URI...: both nodes, with TURN servers in their own configuration.
restart() {
  turn_config "$@"
  for name in alice bob; do stop "$name"; done
  node_start 1 alice --config "$lab_dir/turn.json"
  node_start 2 bob --config "$lab_dir/turn.json"
  wait_online alice
  wait_online bob
}

world_two_homes symmetric symmetric
coturn_start
step "TURN over UDP, told by the address server"
server_init --turn "turn:$server_address:$turn_port?transport=udp" --turn-secret $secret
server_start
node_join 1 alice
wait_online alice
node_join 2 bob
wait_online bob
mkdir "$lab_dir/www"
head -c "${megabytes}M" /dev/urandom >"$lab_dir/www/file"
sum=$(sha256sum "$lab_dir/www/file" | cut -d' ' -f1)
for name in alice bob; do address[$name]=$(status "$name" .virtual_address); done
web_server client1 "${address[alice]}" "$lab_dir/www" nginx-alice
web_server client2 "${address[bob]}" "$lab_dir/www" nginx-bob
wait_until 10 "alice has a relayed candidate" has_candidates alice relay
expect "it is the relay's address" $server_address \
  "$(ask alice candidates --json | jq -r '[.[] | select(.type == "relay")][0].address | split(":")[0]')"
transfer turn-udp

step "TURN over TCP, while UDP to the relay is blocked"
block "udp dport $turn_port"
restart "turn:$server_address:$turn_port?transport=tcp"
transfer turn-tcp

step "TURN over TLS, without any UDP"
unblock
block "meta l4proto udp"
restart "turns:$server_address:$turns_port"
transfer turn-tls
wait_until 5 "both ends' paths are turn-tls" both_use turn-tls

step "All of them told, and one end without any UDP"
unblock
block "meta l4proto udp" nat1
restart "turn:$server_address:$turn_port?transport=udp" "turn:$server_address:$turn_port?transport=tcp" \
  "turns:$server_address:$turns_port"
alice_uses_a_stream() { uses alice bob turn-tcp || uses alice bob turn-tls; }
wait_until 20 "alice pings bob" on client1 ping -qc1 -W1 "${address[bob]}"
wait_until 10 "alice goes by TCP or TLS" alice_uses_a_stream
ok "alice: $(path_of alice bob transport), bob: $(path_of bob alice transport)"
expect "alice gets bob's file" "$sum" \
  "$(on client1 curl -sf --max-time 120 "http://${address[bob]}/file" | sha256sum | cut -d' ' -f1)"
