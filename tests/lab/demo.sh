#!/bin/bash
# demo.sh [--keep] [--size MEGABYTES] | --teardown RUN. Called by `./run demo`.
# Two households behind NATs become one network: everything a user would do, shown and checked.
source "$(dirname "$0")/lab.sh"

keep=
megabytes=200
while (($#)); do
  case $1 in
    --keep) keep=1 ;;
    --size) megabytes=$2; shift ;;
    --teardown) lab_teardown "$2"; echo "removed"; exit 0 ;;
    *) die "usage: demo [--keep] [--size MEGABYTES] | --teardown RUN" ;;
  esac
  shift
done

started=$SECONDS
lab_begin nginx curl ssh ssh-keygen sha256sum
needs_binaries
bytes=$((megabytes * 1000000))

# fetch OUTPUT [OPTION...]: curl in client 1 from nginx in client 2, by virtual address.
fetch() { curl -sS --fail --max-time 120 -o "$1" "${@:2}" "http://$bob_address/file"; }
sum() { sha256sum "$1" | cut -d' ' -f1; }
grown_to() { (($(stat -c %s "$1" 2>/dev/null || echo 0) >= $2)); }

step "The world: two households, each behind a NAT of its own, and a public side"
cat >&3 <<'END'

      client 1                NAT 1                               server
      192.168.0.100 ── 192.168.0.1 │ 198.51.100.1 ──┐        ┌── 192.0.2.10   address server, STUN
                                                    internet
      172.16.13.11 ──── 172.16.0.1 │ 203.0.113.1 ───┘        └── 192.0.2.11   STUN
      client 2                NAT 2

END
world_two_homes port_restricted port_restricted
count_server_traffic
ok "$(lab_namespaces | wc -l) network namespaces, real veth NICs, NATs that filter (port-restricted cones)"
note "their names begin with cw-$lab_run-, temporary files are in $lab_dir (\$LAB below)"

step "Without Causeway the two cannot talk"
if n1 ping -c1 -W1 $client2_address >"$lab_dir/out"; then
  fail "ping got through, the NATs do not separate anything"
  exit 1
fi
ok "ping from client 1 to $client2_address fails: $(grep -m1 -oE 'Destination .*|100% packet loss' "$lab_dir/out")"

step "The address server starts"
show_command server "causeway-server init --dir \$LAB/server --network $network --pool $pool --listen $server_address:$server_port …"
server_init
sed "s#$lab_dir#\$LAB#g" "$lab_dir/init.out" | indent >&3
server_start
ok "listening on $server_address:$server_port (TLS), STUN on $server_address and $stun2_address"
alice_token=$(make_token --user alice)
bob_token=$(make_token --user bob)
ok "two join tokens made, e.g. ${alice_token:0:24}…"

step "A daemon on each client joins"
show_command client1 "causewayd --dir \$LAB/alice --join TOKEN --name alice"
node_start 1 alice --join "$alice_token" --name alice
wait_online alice
show_command client2 "causewayd --dir \$LAB/bob --join TOKEN --name bob"
node_start 2 bob --join "$bob_token" --name bob
wait_online bob
alice_address=$(status alice .virtual_address)
bob_address=$(status bob .virtual_address)
expect "virtual address of client 1 (alice)" 10.10.0.101 "$alice_address"
expect "virtual address of client 2 (bob)  " 10.10.0.102 "$bob_address"

step "Each has found its candidates"
for name in alice bob; do
  wait_until 10 "$name has a host candidate" has_candidates $name host
  wait_until 10 "$name learnt its NAT-mapped address from STUN" has_candidates $name srflx
  note "$name:"
  ask $name candidates --json | jq -r '.[] | "\(.type) \(.address) \(.source) \(.priority)"' |
    while read -r type address source priority; do
      printf '        %-6s %-22s from %-16s priority %s\n' "$type" "$address" "$source" "$priority" >&3
    done
done
ok "host (own NIC) and srflx (as the NAT shows it) on both sides"

step "Ping by virtual address: the first packet makes the path"
n1 ping -c3 -i0.3 -W10 "$bob_address" | grep -E 'bytes from|packet loss' | indent >&3
n2 ping -c1 -W10 "$alice_address" >"$lab_dir/out"
ok "and back, from client 2 to $alice_address: $(grep -o 'time=.*' "$lab_dir/out")"

# show_path NODE PEER OWN_NIC PEER_NAT
show_path() {
  local path
  wait_until 10 "$1 is connected with $2" peer_is "$1" "$2" connected
  path=$(peer "$1" "$2" .path)
  jq -r --arg name "$1" '"\($name): \(.local) (\(.local_type)) ⇄ \(.remote) (\(.remote_type)), \(.transport), " +
    "rtt \(.rtt_ms * 100 | round / 100) ms, priority \(.priority)\n  because: \(.reason)"' <<<"$path" | indent >&3
  expect "local NIC of $1" "$3" "$(jq -r .local <<<"$path" | sed 's/:[0-9]*$//')"
  expect "NAT of its peer" "$4" "$(jq -r .remote <<<"$path" | sed 's/:[0-9]*$//')"
}
step "The path that was chosen, and why"
show_path alice bob $client1_address $nat2_address
show_path bob alice $client2_address $nat1_address
ok "direct, own NIC to the peer's NAT; no server in between"
note "the mapping table of alice:"
ask alice mappings --json | jq -c '.[]' | indent >&3

step "A file of $megabytes MB: stock curl in client 1, stock nginx in client 2"
mkdir "$lab_dir/www"
head -c "$bytes" /dev/urandom >"$lab_dir/www/file"
web_server client2 "$bob_address" "$lab_dir/www"
expected=$(sum "$lab_dir/www/file")
server_before=$(($(link_bytes server eth0 rx) + $(link_bytes server eth0 tx)))
show_command client1 "curl http://$bob_address/file"
export -f fetch
export bob_address
read -r rate seconds < <(on client1 bash -c 'fetch "$@"' - "$lab_dir/got" -w '%{speed_download} %{time_total}\n')
server_after=$(($(link_bytes server eth0 rx) + $(link_bytes server eth0 tx)))
ok "$megabytes MB in $seconds s: $(human_bytes "$rate")/s, $(awk -v r="$rate" 'BEGIN { printf "%.2f", r * 8 / 1e9 }') Gbit/s"
expect "sha256" "$expected" "$(sum "$lab_dir/got")"
rm "$lab_dir/got"
expect "bytes on the server's link that are neither signalling nor STUN" 0 "$(server_bytes other)"
# What did pass there is keep-alives and reports: far below a thousandth of the file.
check "and of those only $((server_after - server_before)) bytes during the transfer, both directions" \
  test $((server_after - server_before)) -lt 100000

step "What a TCP byte costs on the wire"
# Segments cut before the NIC, as a real Ethernet would carry them, so that every frame is counted with its headers.
on client2 ip link set eth0 gso_max_segs 1
tx=$(link_bytes client2 eth0 tx)
on client1 bash -c 'fetch "$@"' - "$lab_dir/got" -r 0-19999999
tx=$(($(link_bytes client2 eth0 tx) - tx))
on client2 ip link set eth0 gso_max_segs 65535
ok "$(awk -v tx="$tx" 'BEGIN { printf "%.4f Ethernet bytes sent per TCP byte delivered", tx / 20000000 }')"
note "native TCP: 1.0456 (1,448 of 1,514); WireGuard at its default MTU of 1,420: 1.0921 (1,368 of 1,494)"
rm "$lab_dir/got"

step "An ssh session by virtual address"
ssh_server client2 "$bob_address"
ssh_to client1 "$bob_address" 'echo "from $SSH_CLIENT"' | tee "$lab_dir/out" | indent >&3
check "the session came from $alice_address" grep -q "from $alice_address " "$lab_dir/out"

step "Server and STUN stop in the middle of a transfer"
show_command client1 "curl --limit-rate 40M http://$bob_address/file"
start download client1 bash -c 'fetch "$@"; echo $? >"$0"' "$lab_dir/download.code" "$lab_dir/got" --limit-rate 40M
wait_until 20 "a tenth of the file has arrived" grown_to "$lab_dir/got" $((bytes / 10))
stop server
ok "stopped after $(human_bytes "$(stat -c %s "$lab_dir/got")") of $(human_bytes "$bytes")"
wait_until 15 "alice notices" node_is alice offline
ok "alice says: $(status alice .state), server $(status alice .server.state); her peer stays $(peer alice bob .state)"
wait_until 60 "the download ends" test -s "$lab_dir/download.code"
expect "exit code of curl" 0 "$(cat "$lab_dir/download.code")"
expect "sha256" "$expected" "$(sum "$lab_dir/got")"
rm "$lab_dir/got"
n1 ping -c1 -W5 "$bob_address" >/dev/null
ok "and ping still passes with no server anywhere"

step "The server comes back"
server_start
wait_online alice 20
wait_online bob 20
ok "both are online again, by themselves, with the same addresses: $(status alice .virtual_address), $(status bob .virtual_address)"

step "Leave, and join again"
n1 "$bin/causeway" --dir "$lab_dir/alice" leave | indent >&3
wait_until 5 "alice shows as disconnected" node_is alice disconnected
ok "alice shows as $(status alice .state)"
wait_until 5 "the server forgets alice" server_forgot alice
ok "the server knows: $(server_admin nodes --json | jq -r '[.[].name] | join(", ")')"
if on client1 ping -c1 -W1 "$bob_address" >/dev/null 2>&1; then
  fail "ping still passes after leave"
  exit 1
fi
ok "ping to $bob_address no longer passes"
n1 "$bin/causeway" --dir "$lab_dir/alice" join | indent >&3
wait_online alice
ok "joined again: $(status alice .virtual_address)"
n1 ping -c1 -W10 "$bob_address" >/dev/null
ok "ping passes again"

if [[ -n $keep ]]; then
  lab_keep=1
  cat >&3 <<END

The world stays up (run id $lab_run). Try:
  sudo ip netns exec cw-$lab_run-client1 ping $bob_address
  sudo ip netns exec cw-$lab_run-client1 curl -o /dev/null http://$bob_address/file
  sudo $bin/causeway --dir $lab_dir/alice status
  sudo $bin/causeway --dir $lab_dir/bob peers --json | jq
  sudo $bin/causeway-server nodes --dir $lab_dir/server
Logs: $lab_dir/log. To remove everything:
  ./run demo --teardown $lab_run
END
  exit 0
fi

step "Stop"
for name in nginx sshd alice bob server; do stop $name; done
expect "processes left in the namespaces" 0 "$(lab_pids | wc -l)"
lab_delete_namespaces
expect "namespaces left" 0 "$(lab_namespaces | wc -l)"
printf '\n%sAll of it worked, in %d s.%s\n' "$c_bold" $((SECONDS - started)) "$c_off" >&3
