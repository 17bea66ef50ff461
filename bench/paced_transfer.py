#!/usr/bin/env python3
"""paced_transfer.py receive PORT | send ADDRESS PORT BYTES BITS_PER_SECOND

One TCP transfer below the rate at which anything is lost. The kernel paces it (SO_MAX_PACING_RATE), so that every
segment but the last is full. The sender waits until the receiver has read all of it, then prints how many segments
were sent again: only with none of them do bytes on the wire divided by BYTES say what a payload byte costs.
"""
import socket
import struct
import sys

SO_MAX_PACING_RATE = 47
TOTAL_RETRANSMITS = 100  # offset of tcpi_total_retrans in struct tcp_info
PIECE = bytes(1 << 16)


def receive(port):
    with socket.create_server(("0.0.0.0", port)) as listener:
        connection, _ = listener.accept()
        with connection:
            while connection.recv(1 << 20):
                pass
            connection.sendall(b"!")


def send(address, port, count, bits_per_second):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, bits_per_second // 8)
        connection.connect((address, port))
        while count > 0:
            count -= connection.send(PIECE[:count])
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        print(struct.unpack_from("I", info, TOTAL_RETRANSMITS)[0])


match sys.argv[1:]:
    case ["receive", port]:
        receive(int(port))
    case ["send", address, port, count, bits_per_second]:
        send(address, int(port), int(count), int(bits_per_second))
    case _:
        sys.exit(__doc__)
