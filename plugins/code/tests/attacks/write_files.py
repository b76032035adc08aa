"""Writes where others would find it."""

from report import SCENE, attempt, write

FOLDERS = (
    "/",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local/bin",
    "/etc",
    "/dev",
    "/proc",
    "/root",
    "/var/tmp",
)
for folder in (SCENE["open_folder"], *FOLDERS):
    attempt(f"write in {folder}", lambda folder=folder: write(f"{folder}/planted-by-attack"))
attempt("change /usr/bin/bash", lambda: open("/usr/bin/bash", "ab").close())
