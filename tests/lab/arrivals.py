#!/usr/bin/env python3
"""A TCP stream and the gaps in it, as its receiver sees them.

  arrivals.py send ADDRESS PORT SECONDS                as fast as it goes
  arrivals.py send ADDRESS PORT SECONDS BYTES RATE     BYTES in all, at most RATE bytes per second (0: any)
  arrivals.py receive ADDRESS PORT                     prints "ready", then "gap BEGIN_US LENGTH_US" for each silence
                                                       of 50 ms or more, as it ends, and at the end "bytes N"

Both print "sha256 HEX" of the whole stream at the end. Moments are microseconds of the wall clock. Every eight bytes
are a number that counts up: a byte that is lost, doubled or out of place ends the receiver with an error."""
import hashlib
import socket
import struct
import sys
import time

BLOCK = 8192  # numbers of one write
LEAST_GAP = 0.05


def send(address, port, seconds, most=None, rate=0):
    stream = socket.create_connection((address, port), timeout=30)
    stream.settimeout(60)
    digest = hashlib.sha256()
    begun = time.monotonic()
    number = 0
    while time.monotonic() < begun + seconds and (most is None or number * 8 < most):
        block = struct.pack(f"!{BLOCK}Q", *range(number, number + BLOCK))
        stream.sendall(block)
        digest.update(block)
        number += BLOCK
        if rate > 0:
            time.sleep(max(0, begun + number * 8 / rate - time.monotonic()))
    stream.shutdown(socket.SHUT_WR)
    stream.recv(1)  # until the receiver has it all
    print(f"sha256 {digest.hexdigest()}", flush=True)


def receive(address, port):
    listener = socket.create_server((address, port))
    print("ready", flush=True)
    stream, _ = listener.accept()
    digest = hashlib.sha256()
    rest, expected, last = b"", 0, time.time()
    while True:
        data = stream.recv(1 << 18)
        now = time.time()
        if now - last >= LEAST_GAP:
            print(f"gap {int(last * 1e6)} {int((now - last) * 1e6)}", flush=True)
        last = now
        if not data:
            break
        digest.update(data)
        data = rest + data
        count = len(data) // 8
        numbers = struct.unpack(f"!{count}Q", data[: count * 8])
        if numbers and (numbers[0] != expected or numbers != tuple(range(expected, expected + count))):
            sys.exit(f"error: the stream is wrong near number {expected}")
        expected += count
        rest = data[count * 8 :]
    print(f"bytes {expected * 8 + len(rest)}")
    print(f"sha256 {digest.hexdigest()}", flush=True)


if __name__ == "__main__":
    role, address, port, *more = sys.argv[1:]
    if role == "send":
        send(address, int(port), *(float(word) for word in more))
    else:
        receive(address, int(port))
