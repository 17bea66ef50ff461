"""Sends bytes that mean nothing, or almost something. A bounded number, always the same ones (fixed seed).

garbage.py udp ADDRESS PORT COUNT    random, truncated and bit-flipped packets of every first byte
garbage.py tcp ADDRESS PORT COUNT    connections that speak no TLS, or stop in the middle of it
garbage.py tls ADDRESS PORT COUNT    good TLS, bad JSON-RPC
"""
import random
import socket
import ssl
import struct
import sys

MAGIC_COOKIE = 0x2112A442


def stun_like(rng):
    """A STUN header with a length and attributes that need not be true."""
    body = rng.randbytes(rng.randrange(0, 200))
    length = rng.choice([len(body), 0, 3, 65532, len(body) + 4])
    message_type = rng.choice([0x0001, 0x0101, 0x0111, 0x0011, rng.randrange(0x4000)])
    return struct.pack("!HHI", message_type, length, MAGIC_COOKIE) + rng.randbytes(12) + body


def wireguard_like(rng):
    """Message types 1 to 4 with right and wrong lengths."""
    kind = rng.randrange(1, 5)
    length = rng.choice([148, 92, 64, 32, 31, 4, rng.randrange(4, 1500)])
    return bytes([kind, 0, 0, 0]) + rng.randbytes(length - 4)


def compact_like(rng):
    return bytes([rng.choice([0x80, 0x80 | rng.randrange(128)])]) + rng.randbytes(rng.randrange(0, 1472))


def channel_data_like(rng):
    return bytes([rng.randrange(0x40, 0x80)]) + rng.randbytes(rng.randrange(0, 300))


def udp(address, port, count, rng):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    makers = [stun_like, wireguard_like, compact_like, channel_data_like, lambda r: r.randbytes(r.randrange(0, 1472))]
    for number in range(count):
        sock.sendto(makers[number % len(makers)](rng), (address, port))


def tcp(address, port, count, rng):
    hello = bytes.fromhex("160301020001fc0303")
    for number in range(count):
        with socket.create_connection((address, port), timeout=5) as sock:
            opening = [b"", hello, b"GET / HTTP/1.1\r\n\r\n", b"\n" * 100][number % 4]
            try:
                sock.sendall(opening + rng.randbytes(rng.randrange(0, 5000)))
            except (ConnectionResetError, BrokenPipeError):
                pass  # the server may hang up at the first wrong byte


LINES = [
    b"", b"{}", b"[]", b"null", b"{", b'"', b"\xff\xfe\x00", b"[" * 10000, b'{"a":' * 1000,
    b'{"jsonrpc":"2.0","id":1,"method":"authenticate"}',
    b'{"jsonrpc":"2.0","id":1,"method":"authenticate","params":[]}',
    b'{"jsonrpc":"2.0","id":-1,"method":"register","params":{}}',
    b'{"jsonrpc":"2.0","id":1e400,"method":"register","params":{}}',
    b'{"jsonrpc":"2.0","id":1,"id":2,"method":"query","params":{"addresses":"*"}}',
    b'{"jsonrpc":"2.0","id":1,"method":"authenticate","params":{"network":"lab","identity":"AAAA","signature":"AAAA"}}',
    b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * 70000 + b'"}',
]


def tls(address, port, count, rng):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for number in range(count):
        line = LINES[number] if number < len(LINES) else rng.randbytes(rng.randrange(0, 3000))
        with socket.create_connection((address, port), timeout=5) as raw:
            try:
                with context.wrap_socket(raw) as sock:
                    sock.sendall(line + b"\n")
                    sock.settimeout(0.02)  # an answer, a hang-up or silence are all fine
                    sock.recv(4096)
            except (ssl.SSLError, OSError):
                pass


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in ("udp", "tcp", "tls"):
        sys.exit(__doc__)
    verb, address, port, count = sys.argv[1:]
    {"udp": udp, "tcp": tcp, "tls": tls}[verb](address, int(port), int(count), random.Random(1))


if __name__ == "__main__":
    main()
