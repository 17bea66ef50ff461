#!/bin/bash
# Plugins that are not to be trusted, met by a real daemon: one that crashes in use, twice; one that hangs in a decision;
# files that others may write, that are unsigned, or signed by somebody else. And who may ask for changes.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin minisign setpriv
needs_binaries

plugins=$(dirname "$bin")/lib/causeway/plugins
broken=$(dirname "$bin")/lib/causeway/test-plugins
world_one_lan
server_init
server_start

# An own key, and a stranger's.
for key in own stranger; do minisign -GWf -p "$lab_dir/$key.pub" -s "$lab_dir/$key.key" >/dev/null; done
key_of() { sed -n 2p "$lab_dir/$1.pub"; }
# put NAME: a copy in the folder that the daemon loads from.
mkdir "$lab_dir/plugins"
put() { cp "$1" "$lab_dir/plugins/"; }
sign() { minisign -S -s "$lab_dir/$1.key" -m "$lab_dir/plugins/$2.so" "${@:3}" >/dev/null </dev/null; }
load() { ask alice plugin load "$lab_dir/plugins/$1.so"; }
refuses() { ! load "$1" >"$lab_dir/refusal" 2>&1 && grep -q "$2" "$lab_dir/refusal"; }
row() { ask alice plugins --json | jq -r ".[] | select(.name == \"$1\") | .$2"; }
row_is() { [[ $(row "$1" "$2") == "$3" ]]; }

put "$plugins/candidates-stun.so"
put "$plugins/priority-ice.so"
put "$broken/crashes-later.so"
put "$broken/overruns.so"
put "$broken/plain-c.so"

step "A plugin that crashes the daemon is kept out after the second time"
cat >"$lab_dir/crash.json" <<END
{"plugins": {"load": ["$plugins/candidates-stun.so", "$lab_dir/plugins/crashes-later.so"], "priority": [{"name": "variant"}]}}
END
node_join 2 bob
wait_online bob
node_join 1 alice --config "$lab_dir/crash.json"
bob_address=$(status bob .virtual_address)
# It scores bob as soon as a packet wants to go there.
dies_of_bob() {
  on client1 ping -qc1 -W1 "$bob_address" || true
  is_stopped alice
}
for crash in first second; do
  [[ $crash == first ]] || node_start 1 alice --config "$lab_dir/crash.json"
  wait_until 20 "alice dies for the $crash time" dies_of_bob
  stop alice
done
node_start 1 alice --config "$lab_dir/crash.json"
wait_online alice
wait_until 20 "alice pings bob" on client1 ping -qc1 -W1 "$bob_address"
check "the log says why" grep -q "kept out: the daemon ended 2 times within 60 s of its use" "$lab_dir/log/alice"
expect "rows of it" "" "$(row variant state)"

step "One that hangs in a decision is left behind"
load overruns >/dev/null
ask alice plugin use variant >/dev/null
wait_until 10 "it has failed" row_is variant state failed
ok "$(row variant reason)"
check "the daemon goes on" on client1 ping -qc1 -W1 "$bob_address" >/dev/null

step "A file that others may write"
chmod 666 "$lab_dir/plugins/plain-c.so"
check "it is refused" refuses plain-c "writable by others (mode 0666)"
chmod 644 "$lab_dir/plugins/plain-c.so"

step "Signatures, where keys are configured"
stop alice
cat >"$lab_dir/signed.json" <<END
{"plugins": {"directory": "$lab_dir/plugins", "keys": ["$(key_of own)"]}, "control_group": "nogroup"}
END
sign own priority-ice
sign stranger candidates-stun
node_start 1 alice --config "$lab_dir/signed.json"
wait_online alice
expect "signed by the own key" active "$(row priority-ice state)"
expect "signed by a stranger" "" "$(row candidates-stun state)"
check "the log says so" grep -q "candidates-stun.so: signed by key [0-9A-F]*, which the configuration does not trust" "$lab_dir/log/alice"
check "an unsigned one is refused" refuses plain-c "not signed, and plugins.keys asks for it"
sign own plain-c -l
check "minisign's older format is good" load plain-c >/dev/null
sign own candidates-stun
printf 'x' >>"$lab_dir/plugins/candidates-stun.so"
check "a file that was changed afterwards is refused" refuses candidates-stun "is of another file"

step "Who may"
as_member() { on client1 setpriv --reuid=65534 --regid=65534 --clear-groups "$bin/causeway" --dir "$lab_dir/alice" "$@"; }
as_stranger() { on client1 setpriv --reuid=65533 --regid=65533 --clear-groups "$bin/causeway" --dir "$lab_dir/alice" "$@"; }
expect "the folder's mode" "710 nogroup" "$(stat -c '%a %G' "$lab_dir/alice")"
expect "the socket's mode" "660 nogroup" "$(stat -c '%a %G' "$lab_dir/alice/causeway.sock")"
check "a member of the group may ask" as_member status >/dev/null
member_refused() { ! as_member plugin unload plain-c 2>"$lab_dir/refusal" && grep -q "only root or the daemon's user" "$lab_dir/refusal"; }
check "and may not change anything" member_refused
stranger_refused() { ! as_stranger status >/dev/null 2>&1; }
check "others may not even ask" stranger_refused
