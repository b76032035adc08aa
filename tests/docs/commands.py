"""The commands that the documentation may name without running them, and how each is known to exist."""

from __future__ import annotations

import re
import shlex

import click
from tests.docs.blocks import ROOT

from skyhook.cli import main

ASSIGNMENT = re.compile(r"([A-Z_]+)=")
TOOLS = {"pre-commit", "uv", "modal", "export"}
"""Of .venv/bin, beside python and skyhook, and of the shell."""
MODULES = {"pip", "pytest"}


def check(line: str, place: str) -> None:
    """Fails for a command that does not exist."""
    words = shlex.split(line, comments=True)
    while words and ASSIGNMENT.match(words[0]):
        words.pop(0)
    if not words:
        return
    program, *arguments = words
    program = program.removeprefix(".venv/bin/")
    if program == "make":
        for target in arguments:
            assert target in targets(), f"{place}: the Makefile has no target {target!r}"
    elif program == "skyhook":
        command(arguments, place)
    elif program == "python":
        assert arguments[0] != "-m" or arguments[1] in MODULES, f"{place}: {line}"
        for path in (word for word in arguments if word.startswith(("bin/", "tests/"))):
            assert (ROOT / path).exists(), f"{place}: there is no {path}"
    else:
        assert program in TOOLS, f"{place}: {program!r} is not in the list of commands"


def targets() -> set[str]:
    """The Makefile's targets."""
    return set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def command(words: list[str], place: str) -> None:
    """Fails where `skyhook` has no such command, or the command no such option or argument."""
    context = click.Context(main, info_name="skyhook")
    current: click.Command = main
    while isinstance(current, click.Group):
        assert words, f"{place}: skyhook {current.name} needs a command"
        name, *words = words
        found = current.get_command(context, name)
        assert found is not None, f"{place}: skyhook has no command {name!r}"
        current = found
        context = click.Context(current, parent=context, info_name=name)
    try:
        _, rest, _ = current.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        raise AssertionError(f"{place}: {error.format_message()}") from error
    assert not rest, f"{place}: {rest} is too much"


def command_lines(group: click.Group = main, prefix: str = "skyhook") -> set[str]:
    """Every command, such as `skyhook keys create`, those of plugins included."""
    found: set[str] = set()
    context = click.Context(group)
    for name in group.list_commands(context):
        child = group.get_command(context, name)
        line = f"{prefix} {name}"
        found |= command_lines(child, line) if isinstance(child, click.Group) else {line}
    return found
