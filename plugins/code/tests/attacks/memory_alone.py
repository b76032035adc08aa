"""Takes memory in one process."""

from report import attempt


def fill():
    held = [bytearray(b"x" * (16 << 20)) for _ in range(200)]
    return len(held)


attempt("three gigabytes in one process", fill)
