# Causeway on a processor without AES instructions: ChaCha20-Poly1305 by OpenSSL.
source "$lab_root/bench/systems/causeway.sh"
title="Causeway without AES"
settings='`"aes": "off"`, as on a processor without AES instructions'
node=noaes
only_figures="tcp1"
daemons=("${node}1" "${node}2")
echo '{"data_plane": {"aes": "off"}}' >"$lab_dir/no_aes.json"
node_options=(--config "$lab_dir/no_aes.json")
