"""What the sandbox costs: a run in it beside a bare subprocess, and runs a second over HTTP.

    PYTHONPATH=. python benchmarks/sandbox.py [--rounds 30] [--seconds 5]

Each round starts hello world both ways, one after the other: the figures are the medians, and the ratio is
the median of the rounds' ratios. The sandbox is that of the function, without server and worker.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tests.serving import Server

from skyhook_functions.code.command import VARIABLES
from skyhook_functions.code.languages import LANGUAGES, LanguageName
from skyhook_functions.code.messages import Ended, File, RunRequest
from skyhook_functions.code.run import RUNS_AT_ONCE, CodeRunner

HELLO: dict[LanguageName, str] = {
    "shell": "echo hello",
    "python": "print('hello')",
    "javascript": "console.log('hello')",
    "c": '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }',
}
RUN = """mutation { codeRun(input: { language: SHELL, source: "echo hello" }) { exitCode } }"""


def bare_ms(language: LanguageName, folder: Path) -> float:
    """Milliseconds of hello world in a bare subprocess, compiling included."""
    known = LANGUAGES[language]
    source = folder / known.main
    source.write_text(HELLO[language])
    words = [str(known.found()), str(source)]
    if known.is_compiled:
        program = folder / "program"
        words = ["/bin/sh", "-c", f"{known.found()} -O1 -o {program} {source} -lm && {program}"]
    begun = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, env=VARIABLES | {"TMPDIR": str(folder)}, check=True)  # noqa: S603
    return (time.perf_counter() - begun) * 1000


def sandboxed_ms(runner: CodeRunner, language: LanguageName) -> float:
    """Milliseconds of the same in the sandbox, from the request to the last event."""
    request = RunRequest(language=language, files=[File(LANGUAGES[language].main, HELLO[language].encode())])
    begun = time.perf_counter()
    *_, ended = runner.run(request)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 0
    return (time.perf_counter() - begun) * 1000


def overhead(rounds: int) -> None:
    """Prints what a start costs, for each language."""
    runner = CodeRunner()
    runner.load()
    print("| language | bare ms | sandbox ms | more ms | ratio |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for language in HELLO:
            sandboxed_ms(runner, language), bare_ms(language, Path(folder))
            pairs = [(bare_ms(language, Path(folder)), sandboxed_ms(runner, language)) for _ in range(rounds)]
            bare, sandboxed = (statistics.median(column) for column in zip(*pairs, strict=True))
            more = statistics.median(inside - outside for outside, inside in pairs)
            ratio = statistics.median(inside / outside for outside, inside in pairs)
            print(f"| {language} | {bare:.1f} | {sandboxed:.1f} | {more:.1f} | {ratio:.1f} |")


def throughput(seconds: float) -> None:
    """Prints how many runs a second a server answers, by how many callers ask at once."""
    server = Server(Path(tempfile.mkdtemp()))
    server.prepare()
    server.start()
    try:
        server.graphql(RUN)
        print("\n| callers | runs/s | median ms |\n|---|---|---|")
        for callers in (1, RUNS_AT_ONCE):
            took = runs(server, callers, seconds)
            print(f"| {callers} | {len(took) / seconds:.1f} | {statistics.median(took):.0f} |")
    finally:
        server.stop()


def runs(server: Server, callers: int, seconds: float) -> list[float]:
    """Milliseconds of each run that was answered in this time."""
    took: list[float] = []
    end = time.perf_counter() + seconds

    def ask() -> None:
        with server.client() as client:
            while time.perf_counter() < end:
                begun = time.perf_counter()
                answer = client.post("/graphql", json={"query": RUN}).json()
                assert answer["data"]["codeRun"]["exitCode"] == 0, answer
                took.append((time.perf_counter() - begun) * 1000)

    threads = [threading.Thread(target=ask) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    overhead(options.rounds)
    throughput(options.seconds)


if __name__ == "__main__":
    main()
