"""Opens the kinds of sockets that reach past a network namespace, or the kernel's rarer corners."""

import socket

from report import attempt

FAMILIES = {"vsock": 40, "netlink": 16, "packet": 17, "alg": 38, "bluetooth": 31, "can": 29}
for name, number in FAMILIES.items():
    kind = socket.SOCK_STREAM if name == "vsock" else socket.SOCK_RAW
    kind = socket.SOCK_SEQPACKET if name == "alg" else kind
    attempt(f"a {name} socket", lambda number=number, kind=kind: socket.socket(number, kind).close())

for name, number in {"sctp": 132, "mptcp": 262, "udplite": 136, "dccp": 33}.items():
    attempt(f"{name} over the internet's", lambda number=number: socket.socket(2, 1, number).close())
