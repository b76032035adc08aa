"""`skyhook functions`: the functions of the installed plugins, and how they stand on Modal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from skyhook.cli.run import configuration, errors_as_sentences, run_loop
from skyhook.compute.choice import require_modal
from skyhook.compute.modal.installed import installed_functions
from skyhook.function import spec_of

if TYPE_CHECKING:
    from skyhook.compute.modal.deployment import Standing

_COLOURS = {"deployed": "green", "changed": "yellow", "missing": "yellow", "removed": "red"}


@click.group()
def functions() -> None:
    """Functions: list them with how they stand on Modal, deploy them there."""


@functions.command("list")
def list_functions() -> None:
    """List the functions; with SKYHOOK_COMPUTE=modal also whether the installed version is deployed.

    `changed`: Modal has another version; `missing`: it has none; `removed`: it has one that is not installed.
    Exits with 1 where something is not `deployed`.
    """
    if configuration().compute == "local":
        for function in installed_functions():
            click.echo(f"{spec_of(function).name:60} local")
        return
    with errors_as_sentences():
        require_modal()
    from skyhook.compute.modal.deployment import standings

    found = run_loop(standings(configuration()))
    _show(found)
    if any(standing.drift != "deployed" for standing in found):
        raise SystemExit(1)


@functions.command()
def deploy() -> None:
    """Deploy the functions of all installed plugins to Modal, and take away those that are not installed.

    Running calls end in the containers that they are in. The token is read from MODAL_TOKEN_ID and
    MODAL_TOKEN_SECRET, or from what `modal setup` has written.
    """
    with errors_as_sentences():
        require_modal()
    from skyhook.compute.modal.deployment import deploy as deploy_all

    _show(run_loop(deploy_all(configuration())))


def _show(found: Sequence[Standing]) -> None:
    for standing in found:
        gpus = " or ".join(standing.gpus) or "-"
        click.echo(f"{standing.name:60} {gpus:8} ", nl=False)
        click.secho(standing.drift, fg=_COLOURS[standing.drift])
