"""Sends a datagram to a socket of this machine, and one to a name server."""

import socket

from report import SCENE, attempt

sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.settimeout(1)


def exchange(address):
    sender.sendto(b"out", address)
    return sender.recvfrom(100)


attempt("exchange with this machine", lambda: exchange(("127.0.0.1", SCENE["udp"])))
attempt("ask a name server", lambda: exchange(("192.0.2.53", 53)))
