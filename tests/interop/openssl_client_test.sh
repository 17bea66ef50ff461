#!/bin/bash
# The address server and nothing but OpenSSL's command-line tools: a line typed into `openssl s_client` is a message, and
# the whole way from a join token to a virtual address and back can be walked by hand (docs/protocol.md §1).
source "$(dirname "$0")/../lab/lab.sh"
lab_begin openssl
needs_binaries
world_public
server_init
server_start

# ---- a connection held by hand ----

# dial [OPTION...]: s_client in the background; say and hear are its two ends.
dial() {
  coproc client { exec ip netns exec "$(ns_name internet)" openssl s_client -connect $server_address:$server_port "$@" 2>&1; }
  # Subshells lose a coprocess's own descriptors, and keep these.
  exec {say_to}>&"${client[1]}" {hear_from}<&"${client[0]}"
  client_pid=$client_PID
}
say() { printf '%s\n' "$1" >&"$say_to"; }
# hear: the next line of JSON, past what s_client itself prints.
hear() {
  local line
  while read -r -t 5 -u "$hear_from" line; do
    [[ $line != '{'* ]] || { echo "$line"; return 0; }
  done
  fail "no answer within 5 s"
  return 1
}
code_of() { hear | jq .error.code; }
hang_up() {
  exec {say_to}>&- {hear_from}<&-
  kill "$client_pid" 2>/dev/null || true
  wait "$client_pid" 2>/dev/null || true
}

step "TLS 1.3 and nothing older"
if on internet openssl s_client -connect $server_address:$server_port -tls1_2 </dev/null >"$lab_dir/tls12" 2>&1; then
  fail "TLS 1.2 is accepted"
  exit 1
fi
check "TLS 1.2 is refused by an alert" grep -q 'alert protocol version' "$lab_dir/tls12"
on internet openssl s_client -connect $server_address:$server_port -tls1_3 -alpn causeway/1 </dev/null >"$lab_dir/tls13" 2>/dev/null
check "TLS 1.3 is agreed on" grep -q 'New, TLSv1.3' "$lab_dir/tls13"
check "so is ALPN causeway/1" grep -q 'ALPN protocol: causeway/1' "$lab_dir/tls13"

step "Garbage and calls before authentication get JSON errors"
dial -tls1_3 -quiet
say '{"jsonrpc":"2.0","id":1,"method":"register","params":{}}'
expect "register" 1 "$(code_of)"
say '{"jsonrpc":"2.0","id":2,"method":"query","params":{"addresses":"*"}}'
expect "query" 1 "$(code_of)"
say 'hello'
expect "no JSON" -32700 "$(code_of)"
hang_up
dial -tls1_3 -quiet
say '[]'
expect "JSON, but no request" -32600 "$(code_of)"
hang_up

step "authenticate, register, deregister by openssl alone"
key=$lab_dir/identity.pem
openssl genpkey -algorithm ed25519 -out "$key"
# The public key is the last 32 bytes of its DER form.
raw_public() { openssl pkey -in "$1" -pubout -outform DER | tail -c 32 | base64 -w0; }
token_body=$(make_token --user hand | cut -d. -f2 | tr '_-' '/+')
while ((${#token_body} % 4)); do token_body+='='; done
secret=$(base64 -d <<<"$token_body" | jq -r .t)

# authenticate ID LABEL [SECRET]: signs what this connection's exporter gives under LABEL.
authenticate() {
  local exporter
  while read -r -t 5 -u "$hear_from" exporter; do [[ $exporter != *'Keying material: '* ]] || break; done
  exporter=${exporter##*: }
  { printf 'causeway auth 1\0%s\0' "$network"; basenc --base16 -d <<<"$exporter"; } >"$lab_dir/payload"
  openssl pkeyutl -sign -rawin -inkey "$key" -in "$lab_dir/payload" -out "$lab_dir/signature"
  say "$(jq -nc --arg network $network --arg identity "$(raw_public "$key")" --arg token "${2:-}" \
    --arg signature "$(base64 -w0 "$lab_dir/signature")" --argjson id "$1" '{jsonrpc: "2.0", id: $id,
    method: "authenticate", params: ({network: $network, identity: $identity, signature: $signature, name: "by-hand",
    version: "openssl"} + if $token == "" then {} else {token: $token} end)}')"
}
dial -tls1_3 -keymatexport WRONG-Label -keymatexportlen 32
authenticate 1 "$secret"
expect "a signature over another exporter" 2 "$(code_of)"
hang_up

dial -tls1_3 -keymatexport EXPORTER-Channel-Binding -keymatexportlen 32
authenticate 1 "$secret"
expect "authenticate" '"by-hand"' "$(hear | jq .result.name)"
openssl genpkey -algorithm x25519 -out "$lab_dir/session.pem"
say "$(jq -nc --arg key "$(raw_public "$lab_dir/session.pem")" '{jsonrpc: "2.0", id: 2, method: "register", params:
  {session_key: $key, candidates: []}}')"
expect "register" '"10.10.0.101"' "$(hear | jq .result.virtual_address)"
expect "the server says" online "$(server_node by-hand state)"
say '{"jsonrpc":"2.0","id":3,"method":"ping","params":{}}'
expect "ping" '{}' "$(hear | jq -c .result)"
hang_up
wait_until 5 "the server sees it go" server_node_is by-hand offline

dial -tls1_3 -keymatexport EXPORTER-Channel-Binding -keymatexportlen 32
authenticate 1
expect "authenticate again, without a token" '"by-hand"' "$(hear | jq .result.name)"
say "$(jq -nc --arg key "$(raw_public "$lab_dir/session.pem")" '{jsonrpc: "2.0", id: 2, method: "register", params:
  {session_key: $key, candidates: []}}')"
expect "register: the same address" '"10.10.0.101"' "$(hear | jq .result.virtual_address)"
say '{"jsonrpc":"2.0","id":3,"method":"deregister","params":{}}'
expect "deregister" '{}' "$(hear | jq -c .result)"
wait_until 5 "the server forgets it" server_forgot by-hand
hang_up
ok "forgotten"
