"""`skyhook train`: a plugin's model is trained, and published past its gate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from skyhook.cli.run import with_services
from skyhook.services import Services
from skyhook.training.gate import share
from skyhook.training.service import Outcome, Trainings
from skyhook.training.store import store_of

T = TypeVar("T")


@click.command()
@click.argument("name")
@click.option(
    "--steps", type=click.IntRange(min=1), help="How long to train; the default is the training's own."
)
@click.option(
    "--resume/--anew",
    default=True,
    help="Go on with the last run that was not published (the default), or leave it and begin another.",
)
@click.option("--stop", is_flag=True, help="Stop what trains NAME on Modal; its checkpoints stay.")
def train(name: str, steps: int | None, resume: bool, stop: bool) -> None:
    """Train the model NAME of a plugin, and publish it if it passes its gate.

    It runs where functions run, by SKYHOOK_COMPUTE: on this machine it ends with this command, on Modal it
    goes on without it. Run again, the command goes on with what it finds. Exits with 1 where the gate refuses
    the model: then nothing has changed, and its weights stay with the checkpoints.
    """
    if stop:
        stopped = _with_trainings(lambda trainings: trainings.stop(name))
        click.echo(f"Stopped; `skyhook train {name}` goes on." if stopped else f"Nothing trains {name}.")
        return
    try:
        outcome = _with_trainings(lambda trainings: trainings.train(name, steps=steps, anew=not resume))
    except KeyboardInterrupt:
        click.echo(
            f"\nRun `skyhook train {name}` to go on; what runs on Modal runs until `--stop`.", err=True
        )
        raise SystemExit(130) from None
    _show(name, outcome)


def _with_trainings(work: Callable[[Trainings], Awaitable[T]]) -> T:
    async def run(services: Services) -> T:
        compute = services.compute
        await compute.start()
        try:
            store = store_of(services.configuration)
            return await work(
                Trainings(
                    services.configuration, services.plugins, services.catalogue, compute, store, click.echo
                )
            )
        finally:
            await compute.close()

    return with_services(run)


def _show(name: str, outcome: Outcome) -> None:
    for score in outcome.scores:
        click.echo(f"{score.name}: {share(score)}")
    if outcome.version is not None:
        click.echo(
            f"Published as {name}@{outcome.version} in {outcome.candidate}. A running server knows it within "
            f"seconds; `skyhook models withdraw {name}` takes it back."
        )
        return
    for reason in outcome.reasons:
        click.secho(reason, fg="red")
    click.echo(
        f"Not published: nothing has changed. The weights are {outcome.candidate}. Train it for longer with "
        "--steps, or anew with --anew."
    )
    raise SystemExit(1)
