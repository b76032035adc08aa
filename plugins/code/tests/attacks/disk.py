"""Fills the disk, by one file and by many."""

from report import attempt


def fill(folder):
    size = 0
    for number in range(100):
        with open(f"{folder}/filler-{number}", "wb") as file:
            for _ in range(10):
                size += file.write(bytes(1 << 20))
    return size


for folder in ("/home/code", "/tmp", "/dev/shm", "/home"):
    attempt(f"a gigabyte in {folder}", lambda folder=folder: fill(folder))
