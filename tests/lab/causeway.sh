# shellcheck shell=bash disable=SC2154,SC2034,SC2086,SC2119,SC2120
# Starting, asking and stopping the three programs. Sourced by lab.sh. State folders are $lab_dir/NAME.

network=lab
pool=10.10.0.101-10.10.0.250

needs_binaries() {
  local program
  for program in causewayd causeway causeway-server; do
    [[ -x $bin/$program ]] || die "$bin/$program is not built (./run test builds it)"
  done
}

# ---- the address server -------------------------------------------------------------------------------------

# server_init [OPTION...]: address server with its own STUN on two addresses.
server_init() {
  on server "$bin/causeway-server" init --dir "$lab_dir/server" --network $network --pool "$pool" \
    --listen $server_address:$server_port --public $server_address:$server_port \
    --stun-listen $server_address:$stun_port --stun-listen $stun2_address:$stun_port "$@" >"$lab_dir/init.out" 2>&1 ||
    { indent <"$lab_dir/init.out" >&3; return 1; }
}
server_start() {
  start server server "$bin/causeway-server" run --dir "$lab_dir/server"
  wait_until 10 "the server listens" server_listens
}
server_listens() { [[ -n $(on server ss -Hltn "sport = :$server_port") ]]; }
server_admin() { local verb=$1; shift; on server "$bin/causeway-server" "$verb" --dir "$lab_dir/server" "$@"; }
make_token() { server_admin token --network $network "$@"; }

# server_node NAME FIELD: what the server says of a node; empty when it knows none of that name.
server_node() { server_admin nodes --json | jq -r --arg name "$1" ".[] | select(.name == \$name) | .$2"; }
server_node_is() { [[ $(server_node "$1" state) == "$2" ]]; }
server_forgot() { [[ -z $(server_node "$1" name) ]]; }

# ---- nodes --------------------------------------------------------------------------------------------------

# node_start NUMBER NAME [OPTION...]: the daemon in client NUMBER, its state in $lab_dir/NAME.
node_start() {
  local number=$1 name=$2
  shift 2
  start "$name" "client$number" "$bin/causewayd" --dir "$lab_dir/$name" "$@"
}
node_join() { node_start "$1" "$2" --join "$(make_token --user "$2")" --name "$2" "${@:3}"; }

ask() { local name=$1; shift; "$bin/causeway" --dir "$lab_dir/$name" "$@"; }
status() { ask "$1" status --json | jq -r "$2"; }

node_is() { [[ $(status "$1" .state 2>/dev/null) == "$2" ]]; }
wait_online() { wait_until "${2:-15}" "$1 is online" node_is "$1" online; }

# peer NAME PEER FILTER: a field of one peer as NAME sees it.
peer() { status "$1" ".peers[] | select(.name == \"$2\" or .virtual_address == \"$2\") | $3"; }
peer_is() { [[ $(peer "$1" "$2" .state) == "$3" ]]; }

# candidate_count NAME TYPE: how many candidates of that type.
candidate_count() { ask "$1" candidates --json | jq "[.[] | select(.type == \"$2\")] | length"; }
has_candidates() { (($(candidate_count "$1" "$2") >= ${3:-1})); }

# world_nodes: server and both daemons of a world that stands, online.
world_nodes() {
  server_init
  server_start
  node_join 1 alice
  wait_online alice
  node_join 2 bob
  wait_online bob
}

# ---- ordinary programs --------------------------------------------------------------------------------------

# web_server NS ADDRESS FOLDER [NAME]: stock nginx with a configuration of its own.
web_server() {
  local name=${4:-nginx}
  mkdir -p "$lab_dir/$name"
  cat >"$lab_dir/$name.conf" <<END
daemon off;
user root;
worker_processes 1;
pid $lab_dir/$name/pid;
error_log stderr;
events { }
http {
  access_log off;
  sendfile on;
  client_body_temp_path $lab_dir/$name; proxy_temp_path $lab_dir/$name; fastcgi_temp_path $lab_dir/$name;
  uwsgi_temp_path $lab_dir/$name; scgi_temp_path $lab_dir/$name;
  server { listen $2:80; root $3; }
}
END
  start "$name" "$1" nginx -e stderr -p "$lab_dir/$name" -c "$lab_dir/$name.conf"
  wait_until 5 "nginx listens on $2:80" on "$1" sh -c "ss -Hltn 'sport = :80' | grep -q ."
}

# ssh_server NS ADDRESS: an sshd of our own; host key and user key live in the temporary folder.
ssh_server() {
  local pam=no
  # sshd refuses a locked root without PAM, and wants its empty folder to exist.
  [[ $(getent shadow root | cut -d: -f2) != '!'* ]] || pam=yes
  [[ -d /run/sshd ]] || { mkdir /run/sshd; : >"$lab_dir/made_run_sshd"; }
  mkdir "$lab_dir/ssh"
  chmod 700 "$lab_dir/ssh"
  ssh-keygen -q -t ed25519 -N '' -f "$lab_dir/ssh/host"
  ssh-keygen -q -t ed25519 -N '' -f "$lab_dir/ssh/user"
  cat >"$lab_dir/ssh/config" <<END
ListenAddress $2
Port 22
HostKey $lab_dir/ssh/host
PidFile $lab_dir/ssh/pid
AuthorizedKeysFile $lab_dir/ssh/user.pub
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
UsePAM $pam
PrintMotd no
END
  printf '%s %s\n' "$2" "$(cut -d' ' -f1-2 "$lab_dir/ssh/host.pub")" >"$lab_dir/ssh/known_hosts"
  start sshd "$1" /usr/sbin/sshd -D -e -f "$lab_dir/ssh/config"
  wait_until 5 "sshd listens on $2:22" on "$1" sh -c "ss -Hltn 'sport = :22' | grep -q ."
}
ssh_to() {
  local ns=$1 address=$2
  shift 2
  n "$ns" ssh -F none -i "$lab_dir/ssh/user" -o BatchMode=yes -o ConnectTimeout=5 \
    -o UserKnownHostsFile="$lab_dir/ssh/known_hosts" "root@$address" "$@"
}
