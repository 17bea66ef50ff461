# The cable itself: what the machine can do without any tunnel.
title="raw veth"
settings="no tunnel, no encryption; MTU 1500"
daemons=()
version() { uname -r; }
prepare() { :; }
up() { :; }
address=$cable2
