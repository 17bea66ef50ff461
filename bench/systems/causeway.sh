# Two nodes as a user has them: joined before, nothing configured. The address server stands beside the cable in
# client1's namespace and is idle during the measurements. What the nodes remember of each other is removed before
# every start, so that the time to connect holds the question to the server.
title=Causeway
settings="as installed"
node=causeway
node_options=()
daemons=("${node}1" "${node}2")
version() { "$bin/causewayd" --version | awk '{ print $NF }'; }

# The daemons are to find a server at their first start, and every later one.
prepare() {
  local number
  rm -rf "$lab_dir/$node"{server,1,2}
  on client1 "$bin/causeway-server" init --dir "$lab_dir/${node}server" --network $network --pool 10.20.0.0/24 \
    --listen $cable1:443 --public $cable1:443 --stun-listen $cable1:3478
  start_server
  for number in 1 2; do
    node_start $number "$node$number" "${node_options[@]}" --name "$node$number" --join \
      "$(on client1 "$bin/causeway-server" token --dir "$lab_dir/${node}server" --network $network --user "$node$number")"
    wait_online "$node$number"
  done
  status "${node}2" .virtual_address >"$work/address"
  down
}
start_server() {
  start server client1 "$bin/causeway-server" run --dir "$lab_dir/${node}server"
  wait_until 10 "the address server listens" listens client1 443
}

up() {
  if (($1 == 1)); then start_server; fi
  rm -f "$lab_dir/$node$1/peers.json"
  node_start "$1" "$node$1" "${node_options[@]}"
  wait_online "$node$1"
  address=$(<"$work/address")
}
down() { stop "${node}1"; stop "${node}2"; stop server; }
