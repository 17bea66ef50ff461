# Its example configuration (/usr/share/doc/nebula/examples/config.yml): MTU 1300, batch 64, one pair of routines, AES
# are its defaults; read_buffer and write_buffer are the values that file proposes. The first end is the lighthouse.
title=nebula
settings="AES-256-GCM, MTU 1300, socket buffers 10 MB"
daemons=(nebula1 nebula2)
version() { version_of nebula; }

prepare() {
  local number
  nebula-cert ca -name bench -out-crt "$work/ca.crt" -out-key "$work/ca.key"
  for number in 1 2; do
    nebula-cert sign -ca-crt "$work/ca.crt" -ca-key "$work/ca.key" -name node$number -ip 10.20.0.$number/24 \
      -out-crt "$work/$number.crt" -out-key "$work/$number.key"
    cat >"$work/$number.yml" <<END
pki: { ca: $work/ca.crt, cert: $work/$number.crt, key: $work/$number.key }
static_host_map: { "10.20.0.1": ["$cable1:4242"] }
lighthouse: $( ((number == 1)) && echo '{ am_lighthouse: true }' || echo '{ hosts: ["10.20.0.1"] }')
listen: { host: 0.0.0.0, port: 4242, batch: 64, read_buffer: 10485760, write_buffer: 10485760 }
punchy: { punch: true }
cipher: aes
tun: { dev: nebula, tx_queue: 500, mtu: 1300 }
firewall:
  outbound: [{ port: any, proto: any, host: any }]
  inbound: [{ port: any, proto: any, host: any }]
END
  done
}
up() {
  start "nebula$1" "client$1" nebula -config "$work/$1.yml"
  wait_until 5 "nebula's interface is up" has_address "client$1" "10.20.0.$1"
}
