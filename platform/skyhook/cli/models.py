"""`skyhook models`: the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from skyhook.catalogue.service import CatalogueModel
from skyhook.cli.run import with_services
from skyhook.services import Services


@click.group()
def models() -> None:
    """Models: list them, add one from a folder or an upstream server, remove one."""


@models.command("list")
def list_models() -> None:
    """List the models of the catalogue."""
    for model in with_services(lambda services: services.catalogue.list()):
        click.echo(
            f"{model.name:30} {model.plugin:10} {model.source:9} {model.tier:7} {model.context_tokens}"
        )


@models.command()
@click.argument("name")
@click.option("--plugin", default="chat", show_default=True, help="The plugin that the model is for.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--upstream", help="The base URL of an OpenAI-compatible server, such as http://host:8001/v1.")
@click.option("--upstream-name", help="The model's name there; the default is NAME.")
@click.option("--api-key-variable", help="The environment variable that holds the upstream's key.")
@click.option("--context-tokens", type=click.IntRange(min=1), required=True)
@click.option("--tier", type=click.Choice(["small", "medium", "large"]), default="medium", show_default=True)
@click.option("--price", "prices", multiple=True, metavar="METER=NANO", help="Nano-dollars for each unit.")
def add(
    name: str,
    plugin: str,
    folder: Path | None,
    upstream: str | None,
    upstream_name: str | None,
    api_key_variable: str | None,
    context_tokens: int,
    tier: str,
    prices: tuple[str, ...],
) -> None:
    """Add the model NAME: a folder with Hugging Face-format weights, or a model of an upstream server."""
    if (folder is None) == (upstream is None):
        raise click.UsageError("Give --folder or --upstream, one of them.")
    source: Literal["hub", "upstream"] = "upstream" if upstream else "hub"
    model = CatalogueModel(
        name=name,
        plugin=plugin,
        title=name,
        source=source,
        location=upstream or str(folder and folder.absolute()),
        tier=tier,
        context_tokens=context_tokens,
        description="",
        upstream_name=upstream_name,
        api_key_variable=api_key_variable,
    )

    async def work(services: Services) -> None:
        await services.seed_prices()
        await services.billing.set_prices(name, _prices(prices))
        await services.catalogue.add(model)

    with_services(work)
    click.echo(f"Added {name}. A running server knows it within seconds.")


@models.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the model NAME from the catalogue; its weights stay where they are."""
    with_services(lambda services: services.catalogue.remove(name))
    click.echo(f"Removed {name}.")


def _prices(texts: tuple[str, ...]) -> dict[str, int]:
    prices = {}
    for text in texts:
        meter, _, price = text.partition("=")
        if not price.isdecimal():
            raise click.UsageError(f"--price takes METER=NANO, such as chat.output_tokens=400; not {text!r}.")
        prices[meter] = int(price)
    return prices
