#!/bin/bash
# causewayd with a stock WireGuard device as its only peer: no address server anywhere.
#
#   client1 eth0 198.51.100.1 -------- 198.51.100.2 eth0 client2 lan 192.168.77.1 ---- 192.168.77.7 eth0 inner
#   causewayd, cw0 10.99.0.1                        wireguard-go, 10.99.0.2
source "$(dirname "$0")/../lab/lab.sh"
lab_begin wireguard-go wg iperf3
needs_binaries

add_ns client1 client2 inner
add_link client1 eth0 client2 eth0
add_address client1 eth0 198.51.100.1/24
add_address client2 eth0 198.51.100.2/24
add_link client2 lan inner eth0
add_address client2 lan 192.168.77.1/24
add_address inner eth0 192.168.77.7/24 192.168.77.1
forwarding client2

device=cw$lab_run  # wireguard-go's control socket has this name, in a folder that namespaces do not part
(umask 077; wg genkey >"$lab_dir/stock.key"; wg genpsk >"$lab_dir/psk")
stock_key=$(wg pubkey <"$lab_dir/stock.key")

# ours_start ENDPOINT KEEPALIVE: the daemon with the stock device as peer; null and 0 for none.
ours_start() {
  jq -n --arg key "$stock_key" --arg psk "$(<"$lab_dir/psk")" --argjson endpoint "$1" --argjson keepalive "$2" '{
    name: "ours", listen_port: 51821, virtual_address: "10.99.0.1/24", wireguard_peers: [{
      public_key: $key, preshared_key: $psk, endpoint: $endpoint, persistent_keepalive: $keepalive,
      allowed_ips: ["10.99.0.2/32", "192.168.77.0/24"]}]}' >"$lab_dir/ours.json"
  node_start 1 ours --config "$lab_dir/ours.json"
  wait_until 5 "the daemon answers" status ours .state
}
# stock_start [ENDPOINT]: a fresh wireguard-go, so that it has no session.
stock_start() {
  start stock client2 env LOG_LEVEL=error WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD=1 wireguard-go -f "$device"
  wait_until 10 "wireguard-go answers" on client2 wg show "$device"
  on client2 wg set "$device" private-key "$lab_dir/stock.key" listen-port 51820 peer "$(status ours .public_key)" \
    preshared-key "$lab_dir/psk" allowed-ips 10.99.0.1/32 ${1:+endpoint "$1"}
  on client2 ip addr add 10.99.0.2/24 dev "$device"
  on client2 ip link set "$device" up mtu 1420
}
stock() { on client2 wg show "$device" "$1" | cut -f2; }
stock_says() { [[ $(stock "$1") == "$2" ]]; }
field() { peer ours 10.99.0.2 "$1"; }
field_is() { [[ $(field "$1") == "$2" ]]; }
counter() { ask ours metrics --json | jq "$1"; }
# pings NS ADDRESS WHAT [SECONDS]
pings() {
  on "$1" ping -q -c1 -W"${4:-5}" "$2" >/dev/null || { fail "no answer: $3"; on client2 wg show "$device" >&3; return 1; }
  ok "$3"
}

step "Without a server and before any packet: status works, the routes are there"
ours_start '"198.51.100.2:51820"' 0
stock_start
expect "virtual address" 10.99.0.1 "$(status ours .virtual_address)"
expect "server" null "$(status ours .server)"
expect "kind" wireguard "$(field .kind)"
expect "state" idle "$(field .state)"
expect "path" "198.51.100.1:51821 to 198.51.100.2:51820" "$(field '"\(.path.local) to \(.path.remote)"')"
expect "route to the LAN behind the peer" cw0 "$(on client1 ip -j route get 192.168.77.7 | jq -r '.[0].dev')"
expect "handshakes the peer knows of" 0 "$(stock latest-handshakes)"

step "We initiate: the peer has no endpoint for us"
pings client1 10.99.0.2 "ping to the peer"
pings client2 10.99.0.1 "ping from the peer"
expect "state" connected "$(field .state)"
expect "the peer's endpoint for us" 198.51.100.1:51821 "$(stock endpoints)"

step "allowed_ips: a LAN behind the peer, and nothing else"
pings client1 192.168.77.7 "ping to a host of the LAN"
pings inner 10.99.0.1 "ping from a host of the LAN"
on inner ip addr add 192.168.78.7/24 dev eth0
on client2 ip route add 192.168.78.0/24 dev lan
before=$(counter .drops.source_not_allowed)
if on inner ping -q -c1 -W1 -I 192.168.78.7 10.99.0.1 >/dev/null; then
  fail "a source outside of allowed_ips is answered"
  exit 1
fi
check "a source outside of allowed_ips is dropped and counted" test "$(counter .drops.source_not_allowed)" -gt "$before"

step "iperf3, both ways, in one session"
handshake=$(stock latest-handshakes)
for direction in '' -R; do
  start iperf client2 iperf3 -s -1 -B 10.99.0.2
  wait_until 5 "iperf3 listens" on client2 sh -c "ss -Hltn 'sport = :5201' | grep -q ."
  on client1 iperf3 -c 10.99.0.2 -t 3 -J $direction >"$lab_dir/iperf.json"
  rate=$(jq '.end.sum_received.bits_per_second / 1e6 | floor' "$lab_dir/iperf.json")
  check "${direction:-out}: $rate Mbit/s" test "$rate" -ge 50
  wait_until 5 "iperf3 ends" is_stopped iperf
done
expect "the peer's newest handshake" "$handshake" "$(stock latest-handshakes)"
expect "state" connected "$(field .state)"

step "The peer roams: another port, then another address"
on client2 wg set "$device" listen-port 51999
pings client2 10.99.0.1 "ping from the peer's new port"
wait_until 5 "our path follows" field_is .path.remote 198.51.100.2:51999
pings client1 10.99.0.2 "ping to the new port"
on client2 ip addr flush dev eth0
add_address client2 eth0 198.51.100.3/24
# wireguard-go keeps sending from the address it was answered at, gone or not, until it is given an endpoint.
on client2 wg set "$device" peer "$(status ours .public_key)" endpoint 198.51.100.1:51821
pings client2 10.99.0.1 "ping from the peer's new address"
wait_until 5 "our path follows" field_is .path.remote 198.51.100.3:51999
pings client1 10.99.0.2 "ping to the new address"

step "We roam: the peer learns our new address at once, and we keep to where it roamed"
on client1 ip addr flush dev eth0
add_address client1 eth0 198.51.100.11/24
wait_until 5 "the peer sends to our new address" stock_says endpoints 198.51.100.11:51821
pings client2 10.99.0.1 "ping from the peer"
pings client1 10.99.0.2 "ping to the peer"
expect "path" "198.51.100.11:51821 to 198.51.100.3:51999" "$(field '"\(.path.local) to \(.path.remote)"')"
expect "the peer's newest handshake" "$handshake" "$(stock latest-handshakes)"

step "The peer initiates: we have no endpoint for it"
stop ours
stop stock
ours_start null 0
expect "path" null "$(field .path)"
stock_start 198.51.100.11:51821
pings client2 10.99.0.1 "ping from the peer"
pings client1 10.99.0.2 "ping to the peer"
expect "state" connected "$(field .state)"

step "Either may be started anew"
stop stock
stock_start 198.51.100.11:51821
pings client2 10.99.0.1 "ping from the peer"
stop ours
ours_start '"198.51.100.3:51820"' 0
pings client1 10.99.0.2 "ping to the peer"
pings client2 10.99.0.1 "ping from the peer"

step "A persistent keepalive connects without a packet"
stop ours
stop stock
ours_start '"198.51.100.3:51820"' 1
stock_start
wait_until 10 "the peer is connected" field_is .state connected
received=$(stock transfer)
heard_more() { (($(stock transfer) > received)); }
wait_until 5 "keepalives arrive" heard_more
ok "connected, and keepalives arrive"

step "Cookies: a flood of handshakes keeps nobody out"
stop ours
stop stock
ours_start null 0
on client2 nft -f - <<'END'
table ip account {
  counter cookies { }
  chain arriving {
    type filter hook input priority filter; policy accept;
    # Message type 3, to the stock peer.
    udp sport 51821 udp dport 51820 udp length 72 @th,64,32 0x03000000 counter name cookies
  }
}
END
add_address client2 eth0 198.51.100.66/24
start flood client2 "$python" "$lab_root/tests/interop/handshake_flood.py" 198.51.100.66 198.51.100.11 51821 \
  "$(status ours .public_key)"
is_flooded() { (($(counter .control.cookies_sent) > 1000)); }
wait_until 10 "the daemon asks for cookies" is_flooded
stock_start 198.51.100.11:51821
# Asked for a cookie, stock WireGuard tries again after 5 s.
pings client2 10.99.0.1 "ping from the peer, in the flood" 20
expect "state" connected "$(field .state)"
check "the peer was asked for a cookie" \
  test "$(on client2 nft -j list counter ip account cookies | jq '.nftables[] | .counter? // empty | .packets')" -ge 1
stop flood
pings client1 10.99.0.2 "ping to the peer, after it"

step "Everything stops cleanly"
stop stock
stop ours
expect "TUN devices left" 0 "$(on client1 ip -j link show type tun | jq length)"
