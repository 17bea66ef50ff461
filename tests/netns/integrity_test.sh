#!/bin/bash
# Bytes that go through the data plane come out as they went in: every message format, cipher and offload, and
# every offload's absence, with 1 and 8 TCP flows over IPv4 and IPv6, on a clean link and on one that loses,
# reorders and duplicates. TCP's own checksum would hide little of a coalescer's fault, since most of it is
# computed behind the tunnel; so SHA-256 decides, and the kernel may not have seen one wrong checksum.
#
#   end1 eth0 ---- left  middle  right ---- eth0 end2        middle: link_emulator, or a bridge for the clean link
source "$(dirname "$0")/../lab/lab.sh"
lab_begin ethtool
[[ -x $bin/data_end && -x $bin/link_emulator ]] || die "data_end and link_emulator are not built (./run test builds them)"

transfer=$lab_root/tests/lab/mixed_transfer.py
port=7000
seed=$((RANDOM * 32768 + RANDOM))
printf 'seed %s\n' "$seed"

make_world() {
  local i
  add_ns end1 end2 middle
  add_link end1 eth0 middle left
  add_link end2 eth0 middle right
  for i in 1 2; do
    enable_ipv6 "end$i"
    add_address "end$i" eth0 "192.0.2.$i/24"
  done
  on middle ip link add bridge type bridge
  on middle ip link set bridge up
}
join_by_bridge() {
  local nic
  for nic in left right; do on middle ip link set "$nic" master bridge; done
}
# The emulator copies frames, so what comes in must be packets as they would be on a wire.
join_by_emulator() {
  local nic i
  for nic in left right; do on middle ip link set "$nic" nomaster; done
  for i in 1 2; do on "end$i" ethtool -K eth0 tx off tso off gso off tx-udp-segmentation off gro on >/dev/null 2>&1; done
  for nic in left right; do on middle ethtool -K "$nic" tx off tso off gso off >/dev/null 2>&1; done
  start emulator middle "$bin/link_emulator" left right "$@" seed "$seed"
}

# Every way in which the kernel says "checksum wrong".
checksum_errors() {
  on "$1" cat /proc/net/snmp /proc/net/snmp6 | awk '
    /^(Tcp|Udp|Icmp|UdpLite): [A-Z]/ { split($0, names); next }
    /^(Tcp|Udp|Icmp|UdpLite): / { for (i = 2; i <= NF; ++i) if (names[i] == "InCsumErrors") sum += $i }
    /^[A-Za-z0-9]*InCsumErrors/ { sum += $2 }
    END { print sum + 0 }'
}

answers() { on end1 ping -qc1 -W1 "$1" >/dev/null 2>&1; }
receiver_is_ready() { grep -qs ready "$lab_dir/received"; }

# move ADDRESS FLOWS BYTES: end1 sends, end2 receives.
move() {
  local address=$1 flows=$2 bytes=$3 receiver
  : >"$lab_dir/received"
  on end2 "$python" "$transfer" receive "$address" $port "$flows" >"$lab_dir/received" &
  receiver=$!
  wait_until 10 "the receiver listens" receiver_is_ready
  on end1 "$python" "$transfer" send "$address" $port "$flows" "$bytes" "$seed" >"$lab_dir/sent"
  wait "$receiver"
  cmp -s "$lab_dir/sent" <(grep -v ready "$lab_dir/received") || {
    diff "$lab_dir/sent" "$lab_dir/received" || true
    fail "what arrived is not what was sent (seed $seed)"
    return 1
  }
}

# run_variant MEGABYTES WORD...: both ends with these words; a quarter of the bytes each way it can go.
run_variant() {
  local megabytes=$1 share address flows started
  shift
  share=$((megabytes * 1000000 / 4))
  started=$EPOCHREALTIME
  start end1 end1 "$bin/data_end" 1 "$@"
  start end2 end2 "$bin/data_end" 2 "$@"
  for address in 10.10.0.2 fd10::2; do wait_until 20 "$address answers" answers "$address"; done
  for address in 10.10.0.2 fd10::2; do
    for flows in 1 8; do move "$address" "$flows" "$share"; done
  done
  stop end1
  stop end2
  expect "wrong checksums" "0 0" "$(checksum_errors end1) $(checksum_errors end2)"
  # What the emulator repeats is a replay; nothing else may be lost between two ends that agree.
  expect "drops" "" "$(grep -h drops "$lab_dir/log/end1" "$lab_dir/log/end2" | grep -vE 'tun_not_unicast|replayed' || true)"
  rm -f "$lab_dir/log/end1" "$lab_dir/log/end2"
  ok "$(printf '%4d MB in %4.1f s  %s' "$megabytes" "$(bc <<<"$EPOCHREALTIME - $started")" "$*")"
}

make_world

step "A clean link"
join_by_bridge
for words in aes aes-openssl chacha type4 "aes no-uso" "aes no-tso" "aes no-tun-offload" "aes no-gso" "aes no-gro" \
  "aes no-tun-offload no-gso no-gro" "type4 no-tun-offload no-gso no-gro"; do
  # shellcheck disable=SC2086
  run_variant 300 $words
done

step "A link that loses 0.2 %, reorders 1 % and duplicates 0.5 %"
join_by_emulator loss 0.002 reorder 0.01 duplicate 0.005
for words in aes chacha type4 "aes no-gro" "aes no-tun-offload"; do
  # shellcheck disable=SC2086
  run_variant 60 $words
done
stop emulator
lost=$(grep -ho 'lost [0-9]*' "$lab_dir/log/emulator" | awk '{ sum += $2 } END { print sum }')
check "the emulator lost packets ($lost)" test "$lost" -gt 100

