"""Connects to an abstract Unix socket, which no file system hides."""

import socket

from report import SCENE, attempt

client = socket.socket(socket.AF_UNIX)
attempt("connect to an abstract socket", lambda: client.connect("\0" + SCENE["abstract"]))
