#!/bin/bash
# What a careless or hostile hand can give the programs: each row ends in a sentence that says what to do, or is
# dropped while service continues. One function per row.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin setpriv unshare openssl
needs_binaries

# fails_fast SECONDS NS CMD...: ends by itself within that time with exit code 1 and an `error: …` line on stderr;
# leaves that line in $complaint.
fails_fast() {
  local seconds=$1 ns=$2 code=0
  shift 2
  show_command "$ns" "$@"
  on "$ns" timeout -k 2 "$seconds" "$@" >"$lab_dir/stdout" 2>"$lab_dir/stderr" </dev/null || code=$?
  complaint=$(grep -m1 '^error: ' "$lab_dir/stderr" || true)
  if [[ $code != 1 || -z $complaint ]]; then
    fail "expected exit code 1 and an error: line within $seconds s, got code $code and:"
    tail -n 5 "$lab_dir/stderr" | indent >&3
    return 1
  fi
  ok "exit code 1, $complaint"
}
says() { check "it names: $1" grep -qiE -- "$1" <<<"$complaint"; }
daemon() { echo "$bin/causewayd"; }

# ---- tokens -------------------------------------------------------------------------------------------------

token_malformed() {
  local token
  for token in nonsense cw1. 'cw1.!!!!' "cw1.$(head -c 30 /dev/urandom | base64 -w0)" "cw1.$(head -c 5000 /dev/zero | tr '\0' A)"; do
    fails_fast 5 client1 "$(daemon)" --dir "$lab_dir/malformed" --join "$token"
    says token
  done
}

# Well-formed, of this server, and never issued: the secret's last characters differ.
token_wrong() {
  local good body
  good=$(make_token --user mallory)
  body=$("$python" - "${good#cw1.}" <<'PYTHON'
import base64, json, sys
raw = sys.argv[1]
data = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
data["t"] = base64.urlsafe_b64encode(bytes(16)).decode().rstrip("=")
print(base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("="))
PYTHON
  )
  fails_fast 5 client1 "$(daemon)" --dir "$lab_dir/wrong" --join "cw1.$body"
  says token
}

# A token whose pinned key is not this server's: somebody stands in between. The right server may come back, so
# the daemon goes on trying, says why it fails, and tells this one nothing.
token_of_another_server() {
  local good body
  good=$(make_token --user mallory)
  body=$("$python" - "${good#cw1.}" <<'PYTHON'
import base64, json, sys
raw = sys.argv[1]
data = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
data["k"] = [base64.b64encode(bytes(32)).decode()]
print(base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("="))
PYTHON
  )
  node_start 1 pinned --join "cw1.$body" --name pinned
  wait_until 5 "it names the key" grep -q 'not the one that the join token names' "$lab_dir/log/pinned"
  ok "it says: $(grep -m1 -o 'its key.*' "$lab_dir/log/pinned" | cut -c1-90)…"
  expect "nodes that the server has heard of" 0 "$(server_admin nodes --json | jq length)"
}

token_expired() {
  local token
  token=$(make_token --user mallory --expires 1s)
  : >"$lab_dir/mark"
  wait_until 5 "the token expires" token_has_expired
  fails_fast 5 client1 "$(daemon)" --dir "$lab_dir/expired" --join "$token"
  says expired
}
token_has_expired() { (($(date +%s) > $(stat -c %Y "$lab_dir/mark") + 2)); }

token_used_up() {
  local token
  token=$(make_token --user dora)
  node_start 1 dora --join "$token" --name dora
  wait_online dora
  fails_fast 5 client2 "$(daemon)" --dir "$lab_dir/thief" --join "$token"
  says 'used|spent'
}

token_revoked() {
  local token
  token=$(make_token --user mallory --uses 5)
  on server "$bin/causeway-server" token revoke --dir "$lab_dir/server" "$token"
  fails_fast 5 client1 "$(daemon)" --dir "$lab_dir/revoked" --join "$token"
  says 'token|revoked'
}

# Without an enrolment the daemon waits, says so, and joins when it is told to.
never_joined() {
  node_start 1 fresh
  wait_until 5 "it answers as disconnected" node_is fresh disconnected
  fails_fast 5 client1 "$bin/causeway" --dir "$lab_dir/fresh" join
  says token
  fails_fast 5 client1 "$bin/causeway" --dir "$lab_dir/fresh" join cw1.nonsense
  says token
  n1 "$bin/causeway" --dir "$lab_dir/fresh" join "$(make_token --user fresh)"
  wait_online fresh
  ok "joined later, by the command-line tool"
}

# ---- the server is not there --------------------------------------------------------------------------------

server_unreachable() {
  local token
  token=$(make_token --user erin)
  stop server
  node_start 1 erin --join "$token" --name erin
  wait_until 10 "the log says that the server cannot be reached" grep -qiE 'unreachable|cannot reach|refused|retry|try' "$lab_dir/log/erin"
  ok "it says: $(grep -m1 -iE 'unreachable|cannot reach|refused|retry|try' "$lab_dir/log/erin")"
  check "and keeps running" is_running erin
  expect "state" offline "$(status erin .state)"
  server_start
  wait_online erin 20
  ok "online as soon as the server is there"
}

# ---- configuration and state --------------------------------------------------------------------------------

unknown_configuration_key() {
  echo '{ "lisen_port": 4000 }' >"$lab_dir/config.json"
  fails_fast 5 client1 "$(daemon)" --check-config --config "$lab_dir/config.json"
  says lisen_port
  says "listen_port"
}

broken_configuration() {
  local text
  for text in '{' '[]' '{ "listen_port": "many" }' '{ "listen_port": 70000 }' ''; do
    printf '%s' "$text" >"$lab_dir/config.json"
    fails_fast 5 client1 "$(daemon)" --check-config --config "$lab_dir/config.json"
  done
  fails_fast 5 client1 "$(daemon)" --check-config --config "$lab_dir/no-such-file.json"
}

# enrolled NAME: a state folder that has been online once, its daemon stopped.
enrolled() {
  node_join 1 "$1"
  wait_online "$1"
  stop "$1"
}

state_of_another_version() {
  enrolled frank
  echo "causeway state 999" >"$lab_dir/frank/version"
  fails_fast 5 client1 "$(daemon)" --dir "$lab_dir/frank"
  says 'causeway state 999'
}

# Cut anywhere, the files that hold who the node is are refused by name, never read as something else.
state_half_written() {
  local file size
  enrolled grace
  for file in keys.json state.json; do
    [[ -s $lab_dir/grace/$file ]] || { fail "the state folder has no $file"; return 1; }
    cp "$lab_dir/grace/$file" "$lab_dir/whole"
    for size in 0 1 20 $(($(stat -c %s "$lab_dir/whole") - 2)); do
      head -c "$size" "$lab_dir/whole" >"$lab_dir/grace/$file"
      fails_fast 5 client1 "$(daemon)" --dir "$lab_dir/grace"
      says "$file"
    done
    cp "$lab_dir/whole" "$lab_dir/grace/$file"
  done
  node_start 1 grace
  wait_online grace
  ok "with the whole files back, it is online again"
}

# Root passes permission bits, so the folder stands on a read-only mount.
state_read_only() {
  enrolled heidi
  # shellcheck disable=SC2016
  fails_fast 5 client1 unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" --dir "$1"' \
    - "$lab_dir/heidi" "$(daemon)"
  says 'read-only|writ'
}

state_in_use() {
  node_join 1 ivan
  wait_online ivan
  fails_fast 5 client1 "$(daemon)" --dir "$lab_dir/ivan"
  says 'use|running|locked'
  check "the first one goes on" node_is ivan online
}

server_folder_in_use() {
  fails_fast 5 server "$bin/causeway-server" run --dir "$lab_dir/server"
  says 'use|running|locked'
}

server_folder_missing() {
  fails_fast 5 server "$bin/causeway-server" run --dir "$lab_dir/nowhere"
  says init
}

server_initialised_twice() {
  fails_fast 5 server "$bin/causeway-server" init --dir "$lab_dir/server" --network again --pool "$pool" --listen $server_address:444
}

stale_socket() {
  node_join 1 judy
  wait_online judy
  stop judy KILL
  [[ -S $lab_dir/judy/causeway.sock ]] || { fail "no stale socket to be removed"; return 1; }
  node_start 1 judy
  wait_online judy
  ok "a socket left by SIGKILL is no obstacle"
}

daemon_not_running() {
  fails_fast 5 client1 "$bin/causeway" --dir "$lab_dir/nobody" status
  says 'causewayd|running'
}

# ---- resources ----------------------------------------------------------------------------------------------

pool_exhausted() {
  stop server
  rm -rf "$lab_dir/server"
  pool=10.10.0.101-10.10.0.101 server_init
  server_start
  node_join 1 kim
  wait_online kim
  node_join 2 leo
  wait_until 10 "leo says that no address is free" grep -q 'no free virtual address' "$lab_dir/log/leo"
  ok "it says: $(grep -m1 -o 'the server has no free.*' "$lab_dir/log/leo")"
  on server "$bin/causeway-server" node remove --dir "$lab_dir/server" kim
  wait_online leo 30
  ok "leo got the address as soon as it was free: $(status leo .virtual_address)"
}

pool_overlaps_lan() {
  stop server
  rm -rf "$lab_dir/server"
  pool=192.168.0.0/24 server_init
  server_start
  fails_fast 5 client1 "$(daemon)" --dir "$lab_dir/mia" --join "$(make_token --user mia)" --name mia
  says '192\.168\.0\.'
}

no_tun_device() {
  # shellcheck disable=SC2016
  fails_fast 5 client1 unshare -m sh -c 'mount -t tmpfs tmpfs /dev/net && exec "$@"' - \
    "$(daemon)" --dir "$lab_dir/nina" --join "$(make_token --user nina)" --name nina
  says '/dev/net/tun'
}

no_capability() {
  fails_fast 5 client1 setpriv --bounding-set -net_admin --inh-caps -net_admin \
    "$(daemon)" --dir "$lab_dir/olga" --join "$(make_token --user olga)" --name olga
  says 'CAP_NET_ADMIN|root'
}

interface_name_taken() {
  on client1 ip link add cw0 type veth peer name other
  fails_fast 5 client1 "$(daemon)" --dir "$lab_dir/pat" --join "$(make_token --user pat)" --name pat --tun cw0
  says cw0
}

# ---- plugins ------------------------------------------------------------------------------------------------

plugins_that_are_none() {
  node_join 1 quinn
  wait_online quinn
  echo 'not a library' >"$lab_dir/text.so"
  head -c 4096 /dev/urandom >"$lab_dir/noise.so"
  local library
  library=$(ldconfig -p | awk '/libm\.so\.6/ { found = $NF } END { print found }')
  cp "$library" "$lab_dir/foreign.so"
  head -c 2000 "$library" >"$lab_dir/truncated.so"
  local name
  for name in text noise foreign truncated missing; do
    fails_fast 10 client1 "$bin/causeway" --dir "$lab_dir/quinn" plugin load "$lab_dir/$name.so"
  done
  chmod 666 "$lab_dir/foreign.so"
  fails_fast 10 client1 "$bin/causeway" --dir "$lab_dir/quinn" plugin load "$lab_dir/foreign.so"
  says 'writ'
  check "the daemon goes on" node_is quinn online
  expect "active priority plugin" 1 "$(ask quinn plugins --json | jq '[.[] | select(.kind == "priority" and .state == "active")] | length')"
}

plugin_of_another_version() {
  node_join 1 rob
  wait_online rob
  cat >"$lab_dir/version.c" <<'END'
#include <causeway/entry.h>
CW_EXPORT const cw_entry cw_plugin_entry = {
  .struct_size = sizeof(cw_entry), .abi_version = CW_ABI_MAKE(9, 0), .lowest_host_abi = CW_ABI_MAKE(9, 0),
  .kind = CW_KIND_PRIORITY};
END
  cc -shared -fPIC -I "$lab_root/sdk/include" -o "$lab_dir/version.so" "$lab_dir/version.c"
  fails_fast 10 client1 "$bin/causeway" --dir "$lab_dir/rob" plugin load "$lab_dir/version.so"
  says 'version'
  check "the daemon goes on" node_is rob online
}

# ---- hostile packets ----------------------------------------------------------------------------------------

garbage_on_udp() {
  world_nodes_online
  n1 ping -c1 -W15 "$sybil_address" >/dev/null
  local port
  port=$(peer ted sybil .path.local | sed 's/.*://')
  n nat1 "$python" "$lab_source/garbage.py" udp "$client1_address" "$port" 3000
  n1 "$python" "$lab_source/garbage.py" udp $server_address $stun_port 3000
  check "both daemons and the server live" all_alive
  n1 ping -c3 -i0.2 -W5 "$sybil_address" >/dev/null
  ok "ping passes as before"
}

garbage_on_tls() {
  world_nodes_online
  n1 "$python" "$lab_source/garbage.py" tcp $server_address $server_port 200
  n1 "$python" "$lab_source/garbage.py" tls $server_address $server_port 200
  check "both daemons and the server live" all_alive
  stop ted
  node_join 1 uma
  wait_online uma
  ok "and a new node joins"
}

world_nodes_online() {
  node_join 1 ted
  node_join 2 sybil
  wait_online ted
  wait_online sybil
  sybil_address=$(status sybil .virtual_address)
}
all_alive() { is_running ted && is_running sybil && is_running server && node_is ted online && node_is sybil online; }

# Each row has a world and a server of its own: nothing that one spoilt can help or hurt the next.
row() {
  world_two_homes
  server_init
  server_start
  "$row_function"
}
rows=(
  token_malformed token_wrong token_of_another_server token_expired token_used_up token_revoked never_joined
  server_unreachable
  unknown_configuration_key broken_configuration
  state_of_another_version state_half_written state_read_only state_in_use stale_socket
  server_folder_in_use server_folder_missing server_initialised_twice daemon_not_running
  pool_exhausted pool_overlaps_lan no_tun_device no_capability interface_name_taken
  plugins_that_are_none plugin_of_another_version
  garbage_on_udp garbage_on_tls
)
(($# == 0)) || rows=("$@")
row_world=row
run_rows "${rows[@]}"
