#!/usr/bin/env python3
"""Moves bytes over TCP in writes of mixed sizes and says what arrived.

  mixed_transfer.py receive ADDRESS PORT FLOWS        prints "ready", then one line per flow: number, bytes, SHA-256
  mixed_transfer.py send ADDRESS PORT FLOWS BYTES SEED    BYTES in all; the same lines for what it sent

The same seed sends the same bytes in the same writes: from 1 byte to 256 KiB, half of the flows without Nagle's delay.
"""
import hashlib
import random
import socket
import sys
import threading

BLOCK = 1 << 20


def connection_lines(results):
    for number in sorted(results):
        size, digest = results[number]
        print(number, size, digest, flush=True)


def receive_flow(connection, results):
    digest, size = hashlib.sha256(), 0
    number = connection.recv(1)[0]
    while data := connection.recv(BLOCK):
        digest.update(data)
        size += len(data)
    connection.sendall(b"!")
    results[number] = (size, digest.hexdigest())
    connection.close()


def receive(address, port, flows):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family, backlog=flows)
    print("ready", flush=True)
    results, threads = {}, []
    for _ in range(flows):
        connection, _ = listener.accept()
        connection.settimeout(120)
        threads.append(threading.Thread(target=receive_flow, args=(connection, results)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    connection_lines(results)
    return 0 if len(results) == flows else 1


def write_size(source):
    kind = source.random()
    if kind < 0.1:
        return source.randint(1, 100)
    if kind < 0.4:
        return source.randint(100, 5000)
    return source.randint(5000, 256 << 10)


def send_flow(address, port, number, size, seed, results):
    source = random.Random(seed * 1000 + number)
    block = source.randbytes(BLOCK)
    digest, left = hashlib.sha256(), size
    with socket.create_connection((address, port), timeout=120) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, number % 2)
        connection.sendall(bytes([number]))
        while left:
            begin = source.randrange(BLOCK)
            data = block[begin : begin + min(left, write_size(source))]
            connection.sendall(data)
            digest.update(data)
            left -= len(data)
        connection.shutdown(socket.SHUT_WR)
        if connection.recv(1) == b"!":
            results[number] = (size, digest.hexdigest())


def send(address, port, flows, size, seed):
    results, threads = {}, []
    for number in range(flows):
        arguments = (address, port, number, size // flows, seed, results)
        threads.append(threading.Thread(target=send_flow, args=arguments))
        threads[-1].start()
    for thread in threads:
        thread.join()
    connection_lines(results)
    return 0 if len(results) == flows else 1


def main(words):
    if words[:1] == ["receive"] and len(words) == 4:
        return receive(words[1], int(words[2]), int(words[3]))
    if words[:1] == ["send"] and len(words) == 6:
        return send(words[1], *map(int, words[2:]))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
