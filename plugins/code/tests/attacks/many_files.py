"""Makes files without content and without end: each takes memory of the kernel."""

print("tried: files without end", flush=True)
for number in range(2_000_000):
    open(f"/tmp/{number}", "w").close()
print("got: two million files", flush=True)
