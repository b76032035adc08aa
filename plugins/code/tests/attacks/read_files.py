"""Reads the server's secrets and those of the machine."""

from report import SCENE, attempt, read

for path in (
    *SCENE["secret_files"],
    "/etc/shadow",
    "/root/.bashrc",
    "/var/log/dpkg.log",
    "/sys/kernel/notes",
):
    attempt(f"read {path}", lambda path=path: read(path))
