#!/bin/bash
# Our session against the stock user-space WireGuard, in both roles, with and without a preshared key and cookie.
#
#   network namespace cwi-ID
#   +------------------------------------------------------------------+
#   |  peer (ours)   127.0.0.1:51821  <-- UDP -->  127.0.0.1:51820      |
#   |  10.99.0.1, no TUN                            wireguard-go, cwiID |
#   |                                               TUN 10.99.0.2/24    |
#   +------------------------------------------------------------------+
set -u
peer_program=$1
id=$(od -An -N3 -tx1 /dev/urandom | tr -d ' ')
ns=cwi-$id tun=cwi$id
work=$(mktemp -d)
go_pid= peer_pid=

fail() { echo "error: $*" >&2; exit 1; }
inside() { ip netns exec "$ns" "$@"; }
cleanup() {
  [ -n "$peer_pid" ] && kill "$peer_pid" 2>/dev/null
  [ -n "$go_pid" ] && kill "$go_pid" 2>/dev/null && wait "$go_pid" 2>/dev/null
  ip netns del "$ns" 2>/dev/null
  rm -rf "$work" "/var/run/wireguard/$tun.sock"
}
trap cleanup EXIT
wait_for() {  # wait_for SECONDS WHAT COMMAND...
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $until ] || fail "waited in vain for $what"
    sleep 0.05
  done
}

[ "$(id -u)" = 0 ] || fail "needs root, for a network namespace"
[ -c /dev/net/tun ] || fail "needs /dev/net/tun"
for program in wireguard-go wg ip ping; do
  command -v $program >/dev/null || fail "$program is not installed"
done

ip netns add "$ns" || fail "no network namespace can be made"
inside ip link set lo up

our_secret=$(wg genkey) our_public=$(wg pubkey <<<"$our_secret")
none=$(head -c 32 /dev/zero | base64)

# start_stock KEY_OF_PSK: a fresh wireguard-go, so that no run inherits a session of the one before.
start_stock() {
  if [ -n "$go_pid" ]; then
    kill "$go_pid"; wait "$go_pid" 2>/dev/null; go_pid=
    wait_for 5 "the old TUN to go" bash -c "! ip netns exec $ns ip link show $tun"
  fi
  stock_secret=$(wg genkey) stock_public=$(wg pubkey <<<"$stock_secret")
  # Not by inside(): $! shall be the program, not a shell around it.
  ip netns exec "$ns" env LOG_LEVEL=error WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD=1 wireguard-go -f "$tun" \
    >"$work/wireguard-go.log" 2>&1 &
  go_pid=$!
  wait_for 10 "wireguard-go" inside wg show "$tun"
  inside wg set "$tun" private-key <(echo "$stock_secret") listen-port 51820 peer "$our_public" \
    preshared-key <(echo "$1") endpoint 127.0.0.1:51821 allowed-ips 10.99.0.1/32 || fail "wg set"
  inside ip addr add 10.99.0.2/24 dev "$tun"
  inside ip link set "$tun" up
}
start_peer() {  # start_peer MODE PSK
  : >"$work/peer.log"
  ip netns exec "$ns" "$peer_program" "$1" 51821 51820 "$our_secret" "$stock_public" "$2" >"$work/peer.log" 2>&1 &
  peer_pid=$!
  wait_for 5 "our peer" grep -q ready "$work/peer.log"
}
finish_peer() {  # finish_peer TITLE
  wait "$peer_pid"
  local status=$?
  peer_pid=
  tail -n +2 "$work/peer.log"
  [ $status = 0 ] || { cat "$work/wireguard-go.log"; fail "$1"; }
  [ "$(inside wg show "$tun" latest-handshakes | cut -f2)" -gt 0 ] || fail "$1: wg knows of no handshake"
  echo "ok: $1"
}

for psk_name in none set; do
  psk=$none
  [ $psk_name = set ] && psk=$(wg genpsk)

  start_stock "$psk"
  start_peer initiate "$psk"
  finish_peer "we initiate, preshared key $psk_name"

  start_stock "$psk"
  start_peer respond "$psk"
  inside ping -q -c 3 -i 0.2 -W 20 10.99.0.1 >"$work/ping.log" || { cat "$work/ping.log" "$work/peer.log"; fail "ping through wireguard-go"; }
  finish_peer "wireguard-go initiates, preshared key $psk_name"
done

start_stock "$none"
start_peer rekey "$none"
finish_peer "we renew a session that is two minutes old, in use"

# A cookie is honoured with the next initiation, which stock WireGuard sends after 5 s.
start_stock "$none"
start_peer respond-under-load "$none"
inside ping -q -c 3 -i 0.2 -W 20 10.99.0.1 >"$work/ping.log" || { cat "$work/ping.log" "$work/peer.log"; fail "ping through wireguard-go"; }
finish_peer "wireguard-go initiates and is asked for a cookie"

# With another preshared key there must be no session.
start_stock "$(wg genpsk)"
start_peer respond "$none"
inside ping -q -c 1 -W 2 10.99.0.1 >/dev/null && fail "answered in spite of another preshared key"
[ "$(inside wg show "$tun" latest-handshakes | cut -f2)" = 0 ] || fail "a handshake in spite of another preshared key"
echo "ok: another preshared key agrees on nothing"
