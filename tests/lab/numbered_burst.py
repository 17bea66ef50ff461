"""A numbered stream of datagrams at a rate, and what came of it.

numbered_burst.py send ADDRESS PORT PER_SECOND BYTES       until SIGTERM; then prints {"sent": N}
numbered_burst.py receive ADDRESS PORT                     until SIGTERM; then prints
    {"received": N, "twice": N, "late": N, "longest_gap_ms": X}

`received` counts numbers, not datagrams; `late` those that came after a higher one."""
import json
import signal
import socket
import sys
import time

SO_RCVBUFFORCE = 33
is_over = False


def end(*_):
    global is_over
    is_over = True


def socket_for(address):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


def send(address, port, per_second, size):
    sock = socket_for(address)
    sock.connect((address, port))
    payload = bytes(size - 8)
    begun, number = time.monotonic(), 0
    while not is_over:
        due = int((time.monotonic() - begun) * per_second)
        # Behind by more than this (the machine was busy), it is not made up for in one burst.
        if due - number > 64:
            begun += (due - number - 64) / per_second
            due = number + 64
        while number < due:
            sock.send(number.to_bytes(8, "big") + payload)
            number += 1
        time.sleep(0.001)
    print(json.dumps({"sent": number}), flush=True)


def receive(address, port):
    sock = socket_for(address)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    sock.bind((address, port))
    sock.settimeout(0.1)
    print("ready", flush=True)
    seen = bytearray(1 << 25)
    received = twice = late = highest = 0
    last, longest = None, 0.0
    while not is_over:
        try:
            data = sock.recv(2048)
        except TimeoutError:
            continue
        now = time.monotonic()
        longest = max(longest, now - last) if last else longest
        last = now
        number = int.from_bytes(data[:8], "big")
        if seen[number]:
            twice += 1
            continue
        seen[number] = 1
        received += 1
        late += number < highest
        highest = max(highest, number)
    print(json.dumps({"received": received, "twice": twice, "late": late, "longest_gap_ms": round(longest * 1e3, 1)}),
          flush=True)


signal.signal(signal.SIGTERM, end)
mode, address, port, *words = sys.argv[1:]
if mode == "send":
    send(address, int(port), float(words[0]), int(words[1]))
else:
    receive(address, int(port))
