# Point to point by TLS as openvpn-examples(5) shows it with --peer-fingerprint. AES-256-GCM, tun-mtu 1500 and
# mssfix 1492 are its defaults, which openvpn(8) says to keep; --fast-io is its option for less CPU over UDP.
# --disable-dco: the daemon is compared, not a kernel module that Debian 12 lacks.
title=OpenVPN
settings="AES-256-GCM, UDP, tun, fast-io, tun-mtu 1500 and mssfix 1492 (its defaults), no DCO"
daemons=(openvpn1 openvpn2)
version() { version_of openvpn; }

prepare() {
  local number
  for number in 1 2; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:secp384r1 -nodes -days 30 -subj /CN=node$number \
      -keyout "$work/$number.key" -out "$work/$number.crt" 2>/dev/null
  done
}
up() {
  local other=$((3 - $1)) role=tls-server
  (($1 == 1)) || role=tls-client
  start "openvpn$1" "client$1" openvpn --dev tun --proto udp4 --local "$(cable "$1")" --remote "$(cable $other)" \
    --ifconfig "10.20.0.$1" "10.20.0.$other" --$role --dh none --cert "$work/$1.crt" --key "$work/$1.key" \
    --peer-fingerprint "$(openssl x509 -in "$work/$other.crt" -noout -fingerprint -sha256 | cut -d= -f2)" \
    --data-ciphers AES-256-GCM --cipher AES-256-GCM --fast-io --disable-dco --verb 2
  wait_until 10 "openvpn's interface is up" has_address "client$1" "10.20.0.$1"
}
