#!/bin/bash
# causewayd behind a NAT learns its mapped address from coturn, by the plugin candidates-stun; no address server.
#
#   client1 192.168.0.100 ---- nat1 198.51.100.1 ---- internet ---- 192.0.2.10 server (turnserver)
source "$(dirname "$0")/../lab/lab.sh"
lab_begin turnserver
needs_binaries
world_public
home 1 port_restricted

# coturn_start [OPTION...]
coturn_start() {
  start coturn server turnserver -n --no-auth --stun-only --no-cli --no-tls --no-dtls --simple-log \
    --log-file="$lab_dir/coturn.log" --pidfile="$lab_dir/coturn.pid" --userdb="$lab_dir/coturn.db" \
    --listening-ip=$server_address --listening-port=$stun_port "$@"
  wait_until 10 "coturn listens" coturn_listens
}
coturn_listens() { on server ss -Huln "sport = :$stun_port" | grep -q .; }
jq -n --arg server "$server_address:$stun_port" '{stun_servers: [$server], virtual_address: "10.99.0.1/24"}' \
  >"$lab_dir/config.json"
mapped() { ask alice candidates --json | jq -r '[.[] | select(.type == "srflx")][0] | .address'; }

for options in '' --fingerprint --no-rfc5780; do
  step "coturn ${options:-as it comes}"
  coturn_start $options
  node_start 1 alice --config "$lab_dir/config.json"
  wait_until 15 "the server-reflexive candidate is there" has_candidates alice srflx
  expect "address" $nat1_address "$(mapped | cut -d: -f1)"
  # The NAT keeps the port where it can, so the mapping is our own port, seen from outside.
  own=$(ask alice candidates --json | jq -r '[.[] | select(.type == "host")][0] | .address | split(":")[1]')
  expect "port" "$own" "$(mapped | cut -d: -f2)"
  expect "source" candidates-stun "$(ask alice candidates --json | jq -r '[.[] | select(.type == "srflx")][0] | .source')"
  stop alice
  stop coturn
done
