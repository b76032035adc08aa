"""Changes settings of the kernel, which could run a program outside; each is written as it is."""

from report import attempt

PATHS = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/fs/file-max",
    "/proc/self/uid_map",
)


def rewrite(path):
    with open(path) as file:
        value = file.read()
    with open(path, "w") as file:
        file.write(value)


for path in PATHS:
    attempt(f"rewrite {path}", lambda path=path: rewrite(path))


def survive():
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")


attempt("be the last to be killed for want of memory", survive)
