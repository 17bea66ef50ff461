"""Measures how a NAT behaves, in the words of RFC 4787 (the idea of RFC 5780, without STUN).

nat_probe.py serve ADDRESS1 ADDRESS2 PORT1 PORT2
nat_probe.py probe ADDRESS1 ADDRESS2 PORT1 PORT2 [SOURCE_PORT]

The server owns four sockets and answers "who am I, from here", or first sends an unasked packet from another of
its sockets. On a cable packets keep their order, so the answer that follows proves that an unasked packet which
has not arrived by then was dropped: nothing has to wait for silence.
"""
import json
import select
import socket
import sys


def bound(address, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


def serve(address1, address2, port1, port2):
    sockets = {(a, p): bound(a, p) for a in (address1, address2) for p in (port1, port2)}
    print("ready", flush=True)
    while True:
        for sock in select.select(list(sockets.values()), [], [])[0]:
            data, source = sock.recvfrom(2048)
            request = json.loads(data)
            for address, port in request["unasked"]:
                packet = {"unasked": [address, port], "number": request["number"]}
                sockets[(address, port)].sendto(json.dumps(packet).encode(), source)
            sock.sendto(json.dumps({"source": source, "number": request["number"]}).encode(), source)


class Probe:
    def __init__(self, source_port):
        self.sock = bound("0.0.0.0", source_port)
        self.number = 0

    def ask(self, target, unasked=()):
        """The mapped address seen by target, and which unasked packets came through; None without an answer."""
        self.number += 1
        request = {"number": self.number, "unasked": list(unasked)}
        for _ in range(3):  # a first packet may be lost while neighbours are being resolved
            self.sock.sendto(json.dumps(request).encode(), target)
            self.sock.settimeout(1)
            arrived = []
            try:
                while True:
                    packet = json.loads(self.sock.recv(2048))
                    if packet["number"] != self.number:
                        continue
                    if "source" in packet:
                        return tuple(packet["source"]), arrived
                    arrived.append(tuple(packet["unasked"]))
            except socket.timeout:
                continue
        return None


def probe(address1, address2, port1, port2, source_port=0):
    client = Probe(source_port)
    first, second, third = (address1, port1), (address1, port2), (address2, port1)
    answer = client.ask(first, unasked=[second, third])
    if answer is None:
        return {"mapping": "none", "filtering": "none", "port_kept": False}
    mapped, arrived = answer
    if third in arrived:
        filtering = "endpoint-independent"
    elif second in arrived:
        filtering = "address-dependent"
    else:
        filtering = "address-and-port-dependent"
    # Only now, after both have knocked unasked at the mapped port: a NAT that lets such a knock take the port
    # away from its owner shows here.
    if client.ask(third)[0] == mapped and client.ask(second)[0] == mapped:
        mapping = "endpoint-independent"
    elif client.ask(second)[0] == mapped:
        mapping = "address-dependent"
    else:
        mapping = "address-and-port-dependent"
    own_port = client.sock.getsockname()[1]
    return {"mapping": mapping, "filtering": filtering, "port_kept": mapped[1] == own_port, "mapped": mapped[0]}


def main():
    verb, address1, address2, *ports = sys.argv[1:]
    ports = [int(port) for port in ports]
    if verb == "serve":
        serve(address1, address2, *ports)
    elif verb == "probe":
        print(json.dumps(probe(address1, address2, *ports)))
    else:
        sys.exit(f"unknown verb {verb}")


if __name__ == "__main__":
    main()
