#!/bin/bash
# Every switch of the configuration's section `data_plane` off, one by one and all at once: files arrive whole in
# both directions, and `metrics` says what is in use.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin nginx curl sha256sum
needs_binaries

megabytes=16
declare -A number=([alice]=1 [bob]=2) address sum

metric() { ask "$1" metrics --json | jq -r "$2"; }
# What a node's packets to the other one are sealed with: "compact AES-256-GCM by libipsec-mb".
in_use() { metric "$1" ".peers.$2 | .format + \" \" + .cipher"; }
uses() { [[ $(in_use "$1" "$2") == "$3" ]]; }

restart_with() {
  local name=$1
  echo "{\"data_plane\": {$2}}" >"$lab_dir/$name.json"
  stop "$name"
  node_start "${number[$name]}" "$name" --config "$lab_dir/$name.json"
  wait_online "$name"
}
# fetch FROM TO: FROM gets TO's file.
fetch() {
  on "client${number[$1]}" curl -sf --max-time 60 "http://${address[$2]}/file" | sha256sum | cut -d' ' -f1
}
# both_ways FORMAT: files cross, and from then on both send in this format.
both_ways() {
  local format=$1
  wait_until 20 "alice pings bob" on client1 ping -qc1 -W1 "${address[bob]}" >/dev/null
  wait_until 10 "alice sends $format (now: $(in_use alice bob))" uses alice bob "$format"
  wait_until 10 "bob sends $format (now: $(in_use bob alice))" uses bob alice "$format"
  expect "alice gets bob's file" "${sum[bob]}" "$(fetch alice bob)"
  expect "bob gets alice's file" "${sum[alice]}" "$(fetch bob alice)"
  expect "both still send" "$format, $format" "$(in_use alice bob), $(in_use bob alice)"
}

world_one_lan
server_init
server_start
for name in alice bob; do
  node_join "${number[$name]}" "$name"
  wait_online "$name"
  address[$name]=$(status "$name" .virtual_address)
  mkdir "$lab_dir/www-$name"
  head -c "${megabytes}M" /dev/urandom >"$lab_dir/www-$name/file"
  sum[$name]=$(sha256sum "$lab_dir/www-$name/file" | cut -d' ' -f1)
  web_server "client${number[$name]}" "${address[$name]}" "$lab_dir/www-$name" "nginx-$name"
done

chacha="compact ChaCha20-Poly1305 by OpenSSL"
fastest=$chacha openssl=$chacha
if [[ $(metric alice .data_plane.aes_in_hardware) == true ]]; then
  fastest="compact $(metric alice .data_plane.aes)"
  openssl="compact AES-256-GCM by OpenSSL"
fi

step "Nothing switched off"
both_ways "$fastest"
expect "the NIC's MTU" 1467 "$(status alice .mtu)"

step "aes: openssl, at alice"
restart_with alice '"aes": "openssl"'
wait_until 20 "alice pings bob" on client1 ping -qc1 -W1 "${address[bob]}" >/dev/null
wait_until 10 "alice seals by OpenSSL" uses alice bob "$openssl"
expect "bob has what he had" "$fastest" "$(in_use bob alice)"
expect "alice gets bob's file" "${sum[bob]}" "$(fetch alice bob)"
expect "bob gets alice's file" "${sum[alice]}" "$(fetch bob alice)"

step "aes: off, at alice"
restart_with alice '"aes": "off"'
both_ways "$chacha"

step "compact: false, at alice"
restart_with alice '"compact": false'
both_ways "wireguard ChaCha20-Poly1305 by OpenSSL"

offloads=(udp_segmentation udp_gro tun_tso tun_uso)
reported=(.udp.segmenting .udp.coalescing .tun.tso .tun.uso)
absent=(0 0 false false)
for i in "${!offloads[@]}"; do
  step "${offloads[i]}: false, at both"
  for name in alice bob; do restart_with "$name" "\"${offloads[i]}\": false"; done
  expect "alice reports" "${absent[i]}" "$(metric alice ".data_plane${reported[i]}")"
  both_ways "$fastest"
done

step "Everything off, at both"
for name in alice bob; do
  restart_with "$name" '"compact": false, "aes": "off", "udp_segmentation": false, "udp_gro": false,
                        "tun_tso": false, "tun_uso": false, "loops": 1'
done
both_ways "wireguard ChaCha20-Poly1305 by OpenSSL"
for i in "${!offloads[@]}"; do
  expect "bob reports ${offloads[i]}" "${absent[i]}" "$(metric bob ".data_plane${reported[i]}")"
done
