"""A numbered stream of datagrams, and the gaps in it as its receiver saw them.

numbered_stream.py send ADDRESS PORT INTERVAL_MS     until it is stopped
numbered_stream.py receive ADDRESS PORT              one line per datagram: monotonic nanoseconds, number
numbered_stream.py gap FILE SINCE_NS                 the outage that ended last in FILE: JSON

Clocks: the namespaces of a lab share the machine's monotonic clock. `gap` looks at the longest silence that ends
after SINCE_NS (when the new network was up) and tells how long it was, and how much of it was after SINCE_NS.
"""
import json
import select
import socket
import sys
import time


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def send(address, port, interval):
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    number = 0
    start = time.monotonic()
    while True:
        number += 1
        try:
            sock.sendto(number.to_bytes(8, "big") + bytes(92), (address, port))
        except OSError:
            pass  # no route at this moment: that is what is measured
        pause = start + number * interval / 1000 - time.monotonic()
        if pause > 0:
            select.select([], [], [], pause)


def receive(address, port):
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    sock.bind((address, port))
    print("ready", flush=True)
    while True:
        data = sock.recv(2048)
        print(time.monotonic_ns(), int.from_bytes(data[:8], "big"), flush=True)


def gap(file, since):
    arrivals = [line.split() for line in open(file) if line[0].isdigit()]
    times = [(int(at), int(number)) for at, number in arrivals]
    longest, after_up, lost = 0, 0, 0
    for (before, first), (after, second) in zip(times, times[1:]):
        if after >= since and after - before > longest:
            longest, after_up, lost = after - before, after - max(before, since), second - first - 1
    print(json.dumps({"gap_ms": longest / 1e6, "after_up_ms": after_up / 1e6, "lost": lost,
                      "received": len(times)}))


mode, *words = sys.argv[1:]
if mode == "send":
    send(words[0], int(words[1]), float(words[2]))
elif mode == "receive":
    receive(words[0], int(words[1]))
else:
    gap(words[0], int(words[1]))
