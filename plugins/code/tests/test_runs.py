"""Programs run over real HTTP: their output, files, limits, charges and refusals."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest
from programs import PRICE, Programs, running_with

HELLO = {
    "PYTHON": "import sys\nprint('hello', sys.argv[1], sys.stdin.read())",
    "JAVASCRIPT": "console.log('hello', process.argv[2], require('fs').readFileSync(0, 'utf8'))",
    "C": """#include <stdio.h>
int main(int count, char **words) {
    char line[20];
    printf("hello %s %s\\n", words[1], fgets(line, sizeof line, stdin));
}""",
    "SHELL": 'echo "hello $1 $(cat)"',
}


@pytest.mark.parametrize("language", HELLO)
def test_a_program_of_each_language_gets_its_arguments_and_input(programs: Programs, language: str) -> None:
    result = programs.run(HELLO[language], language, arguments=["big world"], stdin="now")
    assert (result["stdout"], result["stderr"]) == ("hello big world now\n", "")
    assert (result["exitCode"], result["signal"], result["limit"], result["compiled"]) == (
        0,
        None,
        None,
        True,
    )


def test_the_time_it_ran_is_charged_and_no_more_than_was_held(programs: Programs) -> None:
    answer = programs.ask("import time; time.sleep(0.2)", seconds=2)
    credit, result = answer["extensions"]["cost"]["credit"], answer["data"]["codeRun"]
    assert credit["held"] == 2000 * PRICE
    assert credit["charged"] == int(result["cost"]) == result["durationMs"] * PRICE <= credit["held"]
    assert result["durationMs"] >= 200


def test_a_failing_program_is_an_answer_with_its_exit_code(programs: Programs) -> None:
    result = programs.run("import sys; print('no', file=sys.stderr); sys.exit(3)")
    assert (result["exitCode"], result["stderr"], result["stdout"]) == (3, "no\n", "")


def test_a_signal_is_named(programs: Programs) -> None:
    result = programs.run("int main(void) { return *(volatile int *)0; }", "C")
    assert (result["exitCode"], result["signal"], result["limit"]) == (None, "SIGSEGV", None)


def test_a_program_that_does_not_compile_is_told_from_one_that_fails(programs: Programs) -> None:
    result = programs.run("int main(void) { return", "C")
    assert not result["compiled"]
    assert "main.c:1" in result["stderr"]
    assert programs.run("int main(void) { return 1; }", "C")["compiled"]


def test_several_files_and_artifacts_are_there_under_their_paths(programs: Programs) -> None:
    data = programs.upload(bytes(range(256)), "bytes.bin")
    source = "from tools.sums import total\nprint(total(open('data/bytes.bin', 'rb').read()))"
    files = [
        {"path": "tools/sums.py", "text": "def total(numbers):\n    return sum(numbers)\n"},
        {"path": "data/bytes.bin", "artifact": data},
    ]
    assert programs.run(source, files=files)["stdout"] == f"{sum(range(256))}\n"


def test_the_first_file_is_the_program_where_there_is_no_source(programs: Programs) -> None:
    files = [{"path": "one.c", "text": "int two(void); int main(void) { return two(); }"}]
    files.append({"path": "parts/two.c", "text": "int two(void) { return 2; }"})
    assert programs.run(None, "C", files=files)["exitCode"] == 2


def test_files_in_the_output_folder_come_back_as_artifacts(programs: Programs) -> None:
    source = """
import os
open('out/table.csv', 'w').write('a,b\\n1,2\\n')
os.makedirs('out/deep/er')
open('out/deep/er/raw.bin', 'wb').write(bytes(range(256)))
open('elsewhere.txt', 'w').write('stays')
"""
    result = programs.run(source)
    assert programs.contents(result) == {"table.csv": b"a,b\n1,2\n", "deep/er/raw.bin": bytes(range(256))}
    assert {one["artifact"]["madeBy"] for one in result["files"]} == {"codeRun"}


def test_a_stream_gives_the_parts_in_order_then_the_whole(programs: Programs) -> None:
    source = """
import sys, time
for number in range(3):
    print(number, file=sys.stderr if number == 1 else sys.stdout)
    time.sleep(0.1)
"""
    *parts, last = [payload["data"]["codeRunStream"] for payload in programs.events(source)]
    assert "".join(part["text"] for part in parts) == "0\n1\n2\n"
    streams = [part["stream"] for part in parts]
    assert sorted(set(streams)) == ["STDERR", "STDOUT"]
    assert (last["result"]["stdout"], last["result"]["stderr"]) == ("0\n2\n", "1\n")
    assert last["result"]["cost"] == str(last["result"]["durationMs"] * PRICE)


def test_output_is_there_while_the_program_runs(programs: Programs) -> None:
    events = programs.events("import time; print('first'); time.sleep(30)", seconds=40)
    assert next(events)["data"]["codeRunStream"]["text"].startswith("first")
    events.close()  # type: ignore[attr-defined]


def test_a_client_that_goes_away_ends_the_program_and_pays_for_its_part(programs: Programs) -> None:
    programs.run("print(1)")
    before = programs.newest_usage()["id"]
    marker = f"marker-{os.getpid()}-{time.monotonic_ns()}"
    source = """
import os, subprocess, sys, time
for _ in range(3):
    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', sys.argv[1]])
print('started')
time.sleep(60)
"""
    events = programs.events(source, seconds=100, arguments=[marker])
    next(events)
    deadline = time.monotonic() + 10
    while len(running_with(marker)) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(running_with(marker)) >= 4
    events.close()  # type: ignore[attr-defined]
    while (running_with(marker) or programs.newest_usage()["id"] == before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running_with(marker) == []
    usage = programs.newest_usage()
    assert (usage["operation"], usage["outcome"]) == ("codeRunStream", "cancelled")
    assert 0 < int(usage["quantities"][0]["quantity"]) < 100_000


def test_a_worker_that_is_killed_takes_its_programs_along(programs: Programs) -> None:
    marker = f"marker-{os.getpid()}-{time.monotonic_ns()}"
    before = programs.balance()
    events = programs.events("print('started'); import time; time.sleep(60)", seconds=70, arguments=[marker])
    next(events)
    (worker,) = programs.workers()
    os.kill(worker, signal.SIGKILL)
    (error,) = list(events)[-1]["errors"]
    assert error["extensions"]["code"] == "FUNCTION_INTERRUPTED"
    deadline = time.monotonic() + 10
    while running_with(marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running_with(marker) == []
    assert programs.balance() == before
    assert programs.run("print(1)")["exitCode"] == 0


def test_bytes_that_are_no_utf8_are_replaced_and_split_letters_are_whole(programs: Programs) -> None:
    source = """
import sys, time
for piece in (b'\\xff|', '€'.encode()[:1], '€'.encode()[1:], b'|\\xe2'):
    sys.stdout.buffer.write(piece)
    sys.stdout.flush()
    time.sleep(0.05)
"""
    *parts, last = [payload["data"]["codeRunStream"] for payload in programs.events(source)]
    assert "".join(part["text"] for part in parts) == last["result"]["stdout"] == "�|€|�"


def test_a_retry_under_an_idempotency_key_runs_nothing(programs: Programs) -> None:
    source = "import time; print(time.time_ns()); open('out/a', 'w').write('a')"
    first, second = (programs.run(source, idempotencyKey="run-1") for _ in range(2))
    assert first["stdout"] == second["stdout"]
    assert first["files"][0]["artifact"]["id"] == second["files"][0]["artifact"]["id"]
    assert programs.refused("print(1)", idempotencyKey="run-1")[0] == "IDEMPOTENCY_KEY_REUSED"


def test_a_deleted_file_of_a_retried_run_is_null(programs: Programs) -> None:
    source = "open('out/a', 'w').write('b')"
    (made,) = programs.run(source, idempotencyKey="run-2")["files"]
    delete = "mutation ($id: ID!) { artifactDelete(id: $id) }"
    assert "errors" not in programs.server.graphql(delete, id=made["artifact"]["id"])
    assert programs.run(source, idempotencyKey="run-2")["files"] == [{"path": "a", "artifact": None}]


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"source": "  "}, ("INVALID_INPUT", "source")),
        ({"source": None}, ("INVALID_INPUT", "source")),
        ({"seconds": 0}, ("INVALID_INPUT", "seconds")),
        ({"seconds": -1}, ("INVALID_INPUT", "seconds")),
        ({"seconds": 121}, ("INVALID_INPUT", "seconds")),
        ({"memoryMib": 31}, ("INVALID_INPUT", "memoryMib")),
        ({"memoryMib": 1025}, ("INVALID_INPUT", "memoryMib")),
        ({"arguments": ["a"] * 65}, ("INVALID_INPUT", "arguments")),
        ({"arguments": ["a\0b"]}, ("INVALID_INPUT", "arguments")),
        ({"files": [{"path": "../../etc/cron.d/x", "text": ""}]}, ("INVALID_INPUT", "files.path")),
        ({"files": [{"path": "a/../b", "text": ""}]}, ("INVALID_INPUT", "files.path")),
        ({"files": [{"path": "/etc/passwd", "text": ""}]}, ("INVALID_INPUT", "files.path")),
        ({"files": [{"path": "a\0b", "text": ""}]}, ("INVALID_INPUT", "files.path")),
        ({"files": [{"path": "", "text": ""}]}, ("INVALID_INPUT", "files.path")),
        ({"files": [{"path": "./a", "text": ""}]}, ("INVALID_INPUT", "files.path")),
        ({"files": [{"path": "out", "text": ""}]}, ("INVALID_INPUT", "files.path")),
        ({"files": [{"path": "main.py", "text": ""}]}, ("INVALID_INPUT", "files")),
        ({"files": [{"path": "a"}]}, ("INVALID_INPUT", "files")),
        ({"files": [{"path": f"{number}", "text": ""} for number in range(64)]}, ("INVALID_INPUT", "files")),
        ({"files": [{"path": "a", "artifact": "QXJ0aWZhY3Q6MQ=="}]}, ("INVALID_INPUT", "files.artifact")),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_held(
    programs: Programs, given: dict[str, Any], refusal: tuple[str, str]
) -> None:
    assert programs.refused(**{"source": "print(1)"} | given) == refusal


def test_an_unknown_language_is_refused_and_the_known_ones_are_named(programs: Programs) -> None:
    (error,) = programs.ask("print(1)", "COBOL")["errors"]
    assert error["extensions"]["code"] == "BAD_VARIABLE"
    languages = programs.server.graphql("{ codeLanguages { language main available } }")["data"]
    assert {one["language"]: one["main"] for one in languages["codeLanguages"]} == {
        "PYTHON": "main.py",
        "JAVASCRIPT": "main.js",
        "C": "main.c",
        "SHELL": "main.sh",
    }


def test_files_that_are_too_large_together_are_refused(programs: Programs) -> None:
    large = programs.upload(bytes(9 << 20), "large.bin")
    files = [{"path": path, "artifact": large} for path in ("a", "b")]
    assert programs.refused("print(1)", files=files) == ("INVALID_INPUT", "files")
    assert programs.run("import os; print(os.stat('a').st_size)", files=files[:1])["stdout"] == f"{9 << 20}\n"


def test_a_file_in_the_place_of_a_folder_is_refused_for_free(programs: Programs) -> None:
    files = [{"path": "a", "text": ""}, {"path": "a/b", "text": ""}]
    assert programs.refused("print(1)", files=files)[0] == "INVALID_INPUT"


def test_a_key_without_the_scope_runs_nothing(programs: Programs) -> None:
    create = 'mutation { keyCreate(input: { name: "chat", scopes: ["chat:complete"] }) { secret } }'
    answer = programs.server.graphql(create)
    key = answer["data"]["keyCreate"]["secret"]
    query = 'mutation { codeRun(input: { language: PYTHON, source: "print(1)" }) { stdout } }'
    (error,) = programs.server.graphql(query, key=key)["errors"]
    assert error["extensions"]["code"] == "SCOPE_MISSING"
