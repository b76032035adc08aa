"""`skyhook artifacts`: what files say about themselves."""

from __future__ import annotations

from pathlib import Path

import click

from skyhook.artifacts.provenance import Notary, Statement
from skyhook.cli.run import configuration, run_loop


@click.group()
def artifacts() -> None:
    """Artifacts: read what a file says about its origin."""


@artifacts.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(file: Path) -> None:
    """Print what FILE says about its origin; exits with 1 unless a signature holds."""
    try:
        notary = Notary(configuration())
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    statement = run_loop(notary.read(file))
    if statement is None:
        raise click.ClickException(f"{file} says nothing about its origin.")
    _print(statement)
    if not statement.holds:
        raise click.ClickException("The signature does not hold: the file was changed after it was signed.")


def _print(statement: Statement) -> None:
    signer = "this instance" if statement.is_ours else "a certificate that this instance does not know"
    lines = [
        ("signature", "holds" if statement.holds else "DOES NOT HOLD"),
        ("signed by", f"{statement.signed_by} ({signer})"),
        ("made with", statement.generator),
        ("by a model", ("yes" if statement.is_generated else "not said")),
        ("model", statement.model),
        ("operation", statement.operation),
        ("job", statement.job_id),
        ("edited from", ", ".join(statement.parents)),
        ("problems", "; ".join(statement.problems)),
    ]
    for name, value in lines:
        if value:
            # A file may say anything: nothing of it may steer the terminal.
            printable = "".join(letter if letter.isprintable() else "?" for letter in value)
            click.echo(f"{name + ':':13}{printable}")
