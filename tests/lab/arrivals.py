#!/usr/bin/env python3
"""A TCP stream and the gaps in it, as its receiver sees them.

  arrivals.py send ADDRESS PORT SECONDS        as fast as it goes
  arrivals.py receive ADDRESS PORT             prints "ready", then "gap BEGIN_US LENGTH_US" for each silence of
                                               50 ms or more, as it ends, and at the end "bytes N"

Moments are microseconds of the wall clock. Every eight bytes are a number that counts up: a byte that is lost,
doubled or out of place ends the receiver with an error."""
import socket
import struct
import sys
import time

BLOCK = 8192  # numbers of one write
LEAST_GAP = 0.05


def send(address, port, seconds):
    stream = socket.create_connection((address, port), timeout=30)
    stream.settimeout(60)
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        stream.sendall(struct.pack(f"!{BLOCK}Q", *range(number, number + BLOCK)))
        number += BLOCK
    stream.shutdown(socket.SHUT_WR)
    stream.recv(1)  # until the receiver has it all


def receive(address, port):
    listener = socket.create_server((address, port))
    print("ready", flush=True)
    stream, _ = listener.accept()
    rest, expected, last = b"", 0, time.time()
    while True:
        data = stream.recv(1 << 18)
        now = time.time()
        if now - last >= LEAST_GAP:
            print(f"gap {int(last * 1e6)} {int((now - last) * 1e6)}", flush=True)
        last = now
        if not data:
            break
        data = rest + data
        count = len(data) // 8
        numbers = struct.unpack(f"!{count}Q", data[: count * 8])
        if numbers and (numbers[0] != expected or numbers != tuple(range(expected, expected + count))):
            sys.exit(f"error: the stream is wrong near number {expected}")
        expected += count
        rest = data[count * 8 :]
    print(f"bytes {expected * 8 + len(rest)}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    else:
        receive(sys.argv[2], int(sys.argv[3]))
