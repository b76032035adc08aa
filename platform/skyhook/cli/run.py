"""How a command runs: services of its own, and errors as one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import uvloop
from sqlalchemy.exc import DBAPIError

from skyhook.app import load_plugins
from skyhook.configuration import Configuration
from skyhook.errors import SkyhookError
from skyhook.services import Services

T = TypeVar("T")


def configuration() -> Configuration:
    """The environment's configuration; a malformed variable ends the command with a sentence."""
    try:
        return Configuration.from_environment()
    except ValueError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Ends the command with an error's message and its code."""
    try:
        yield
    except SkyhookError as error:
        raise click.ClickException(f"{error.message} ({error.code})") from error


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Runs a command to its end, on the fast event loop; what stops it is told in a sentence."""
    try:
        with errors_as_sentences(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main)
    except DBAPIError as error:
        raise click.ClickException(
            f"The database cannot be used: {error.orig}. Has `skyhook migrate` been run?"
        ) from error


def build_services() -> Services:
    """Services by the environment's configuration, over the plugins that are sound."""
    try:
        return Services.build(configuration(), load_plugins())
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def with_services(work: Callable[[Services], Awaitable[T]]) -> T:
    """Runs `work` with services that are not started."""

    async def run() -> T:
        services = build_services()
        try:
            return await work(services)
        finally:
            await services.database.close()

    return run_loop(run())
