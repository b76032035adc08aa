"""Connects to a server of this machine, by each of its addresses."""

import socket

from report import SCENE, attempt

for host in SCENE["addresses"]:
    attempt(
        f"connect to {host}", lambda host=host: socket.create_connection((host, SCENE["tcp"]), 2) and None
    )
