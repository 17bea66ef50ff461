#!/bin/bash
# A node's disk that is full, read-only, broken or slow: tunnels stay and packets never wait for it, errors say what to
# do, what was acknowledged is there after kill -9, and all is stored by itself once the disk works again.
# The state folder is a small tmpfs in a mount namespace of this test; faults of a running daemon's disk come from a
# library that is loaded into it (tests/server/disk_fault.cpp).
[[ -n ${CAUSEWAY_OWN_MOUNTS:-} || $(id -u) != 0 ]] || CAUSEWAY_OWN_MOUNTS=1 exec unshare --mount "$0" "$@"
source "$(dirname "$0")/../lab/lab.sh"
lab_begin
needs_binaries

fault_library=${CAUSEWAY_DISK_FAULT_LIBRARY:-$lab_root/build/release/tests/server/libdisk_fault.so}
[[ -e $fault_library ]] || die "$fault_library is not built (./run test builds it)"

alice() { start alice client1 env LD_PRELOAD="$fault_library" CAUSEWAY_DISK_FAULT="$lab_dir/alice" "$bin/causewayd" --dir "$lab_dir/alice" "$@"; }
fault() { touch "$lab_dir/alice/$1"; }
heal() { rm -f "$lab_dir/alice/$1"; }
store_is() { [[ $(status alice .store.state) == "$1" ]]; }
pings() { on client1 ping -c1 -W2 "$bob_address"; }
log_lines() { grep -c "$1" "$lab_dir/log/alice" || true; }
# Users and how many identities are pinned for each: the server knows the list, only this disk the pins.
listed() { jq -r '[.content.friends[] | "\(.user):\(.pins | length)"] | join(" ")' "$lab_dir/alice/friends.json"; }
new_key() { head -c 32 /dev/urandom | base64; }
# A user with a token only; a friend whom nobody has to meet.
make_user() { make_token --user "$1" >/dev/null; }

# Each phase: pings every 20 ms from bob's side and alice's, none lost and none late, however the disk is.
begin_traffic() {
  rm -f "$lab_dir/log/traffic"
  cpu_before=$(cpu_seconds alice)
  start traffic client2 ping -i 0.02 "$alice_address"
}
end_traffic() {
  local what=$1 sent got slowest cpu
  kill -INT "$(pid_of traffic)"
  wait_until 5 "ping ends" is_stopped traffic
  sent=$(grep -oE '[0-9]+ packets transmitted' "$lab_dir/log/traffic" | cut -d' ' -f1)
  got=$(grep -oE '[0-9]+ received' "$lab_dir/log/traffic" | cut -d' ' -f1)
  slowest=$(sed -n 's|^rtt min/avg/max/mdev = [^/]*/[^/]*/\([0-9]*\)\..*|\1|p' "$lab_dir/log/traffic")
  cpu=$(awk -v a="$(cpu_seconds alice)" -v b="$cpu_before" 'BEGIN { printf "%.2f", a - b }')
  check "$what: $got of $sent pings came back, the slowest after $slowest ms; $cpu s of CPU" \
    test $((sent - got)) -le 1 -a "$slowest" -lt 500 -a "${cpu%.*}" -lt 3
}

# refuses WORDS COMMAND...: exit 1 and one line of error that has the words.
refuses() {
  local words=$1
  shift
  if "$@" >"$lab_dir/stdout" 2>"$lab_dir/stderr"; then
    fail "it was accepted"
    return 1
  fi
  grep -qE "^error: .*$words" "$lab_dir/stderr" || { indent <"$lab_dir/stderr" >&3; fail "another error"; return 1; }
  ok "$(head -c 200 "$lab_dir/stderr")"
}

# kill -9, and what was acknowledged is there.
still_there_after_kill() {
  stop alice KILL
  alice
  wait_online alice 20
  expect "address after kill -9" "$alice_address" "$(status alice .virtual_address)"
  expect "identity after kill -9" "$alice_identity" "$(status alice .identity)"
  expect "friends after kill -9" "$1" "$(listed)"
  wait_until 15 "ping passes" pings
}

step "Two nodes; alice's state is on a disk of 256 KiB"
world_two_homes port_restricted port_restricted
mkdir -m 700 "$lab_dir/alice"
mount -t tmpfs -o size=256k,mode=700 disk "$lab_dir/alice"
server_init
server_start
alice --join "$(make_token --user alice)" --name alice
wait_online alice
node_join 2 bob
wait_online bob
alice_address=$(status alice .virtual_address) bob_address=$(status bob .virtual_address)
alice_identity=$(status alice .identity)
wait_until 15 "ping passes" pings
for name in u1 u2 u3 u4; do make_user $name; done

step "Full"
begin_traffic
dd if=/dev/zero of="$lab_dir/alice/filler" bs=1k count=1024 2>/dev/null || true
refuses "could not store it: cannot write .*friends.json.*No space left on device: free some space" \
  ask alice friend add u1 --key "$(new_key)"
wait_until 5 "status tells" store_is failing
# Long enough for many tries, if they were without a pause.
poll 5 false || true
check "the log tells once: $(grep -m1 -o 'cannot write.*' "$lab_dir/log/alice")" test "$(log_lines 'cannot write')" -le 2
wait_until 5 "alice is online" node_is alice online
rm "$lab_dir/alice/filler"
wait_until 10 "it is stored by itself" store_is ok
ask alice friend add u2 --key "$(new_key)" >/dev/null
end_traffic "full"
still_there_after_kill "u1:1 u2:1"

step "Read-only while running"
begin_traffic
fault erofs
refuses "could not store it: cannot write .*Read-only file system: the file system is read-only: remount it writable" \
  ask alice friend add u3 --key "$(new_key)"
stop server
wait_until 15 "alice notices" node_is alice offline
server_start
wait_online alice 20
wait_until 5 "status tells" store_is failing
heal erofs
wait_until 10 "it is stored by itself" store_is ok
end_traffic "read-only"
still_there_after_kill "u1:1 u2:1 u3:1"

step "Slow: each fsync takes two seconds"
begin_traffic
fault slow
begun=${EPOCHREALTIME/./}
ask alice friend add u4 --key "$(new_key)" >/dev/null
took=$(((${EPOCHREALTIME/./} - begun) / 1000))
check "friend add was acknowledged after $took ms" test "$took" -ge 2000
# At once, while ports, peers and stamps are still being written.
end_traffic "slow"
begun=${EPOCHREALTIME/./}
still_there_after_kill "u1:1 u2:1 u3:1 u4:1"
ok "and with that disk it took $(((${EPOCHREALTIME/./} - begun) / 1000)) ms from kill to ping"
heal slow

step "Read-only from the start"
stop alice
mount -o remount,ro "$lab_dir/alice"
refuses "Read-only file system: the file system is read-only: remount it writable, or choose another directory" \
  on client1 "$bin/causewayd" --dir "$lab_dir/alice"
mount -o remount,rw "$lab_dir/alice"

step "A damaged peers.json is set aside"
head -c 100 "$lab_dir/alice/peers.json" >"$lab_dir/half"
cat "$lab_dir/half" >"$lab_dir/alice/peers.json"
still_there_after_kill "u1:1 u2:1 u3:1 u4:1"
check "set aside" test -e "$lab_dir/alice/peers.json.damaged"
stop alice
umount "$lab_dir/alice"
