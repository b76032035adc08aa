"""Makes files that are small on the disk and huge to whoever reads them."""

from report import attempt


def truncate(name, size):
    with open(f"out/{name}", "wb") as file:
        file.truncate(size)


attempt("a file of a petabyte", lambda: truncate("petabyte", 1 << 50))
print("tried: the largest file that may be", flush=True)
truncate("largest", 64 << 20)
