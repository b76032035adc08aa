"""`skyhook models`: the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from skyhook.catalogue.models import TrainedVersion
from skyhook.catalogue.pull import RECORD, remove_weights, weights_folder
from skyhook.catalogue.pull import pull as pull_weights
from skyhook.catalogue.service import CatalogueModel
from skyhook.cli.run import configuration, errors_as_sentences, run_loop, with_services
from skyhook.compute.choice import require_modal
from skyhook.errors import InvalidInput
from skyhook.function import Score
from skyhook.services import Services
from skyhook.training.gate import share


def _options_of_every_model(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that a pulled model and an added one share."""
    for option in (
        click.option("--price", "prices", multiple=True, metavar="METER=NANO", help="Nano-dollars a unit."),
        click.option(
            "--tier", type=click.Choice(["small", "medium", "large"]), default="medium", show_default=True
        ),
        click.option("--plugin", default="chat", show_default=True, help="The plugin that the model is for."),
        click.option("--base", metavar="MODEL", help="It is a LoRA adapter of this model of the catalogue."),
        click.option("--engine", help="What runs it, such as vllm; else the base's, or the plugin's own."),
    ):
        command = option(command)
    return command


@click.group()
def models() -> None:
    """Models: list them; pull, add and remove one; what was trained of one, and taking that back."""


@models.command("list")
def list_models() -> None:
    """List the models of the catalogue."""
    for model in with_services(lambda services: services.catalogue.list()):
        line = f"{model.name:30} {model.plugin:10} {model.source:9} {model.tier:7} {model.context_tokens}"
        click.echo(f"{line:70} {model.engine}" if model.engine else line)


@models.command()
@click.argument("name")
@click.option("--from", "repository", metavar="OWNER/REPO", help="The repository on the hub.")
@click.option("--revision", help="A branch, a tag or a commit; the default is the main branch.")
@click.option(
    "--context-tokens", type=click.IntRange(min=1), help="The default is what the model's files say."
)
@click.option(
    "--to", "target", type=click.Choice(["modal"]), help="Copy the weights to Modal's volume as well."
)
@_options_of_every_model
def pull(
    name: str,
    repository: str | None,
    revision: str | None,
    context_tokens: int | None,
    target: str | None,
    plugin: str,
    tier: str,
    prices: tuple[str, ...],
    base: str | None,
    engine: str | None,
) -> None:
    """Download the model NAME from the Hugging Face hub and add it.

    It must be a causal language model, a LoRA adapter of one (with --base) or a diffusers pipeline, with
    safetensors weights. NAME is what callers name, or OWNER/REPO: then the model is called REPO, in lower
    case. Weights that are there already are not downloaded again, and an interrupted pull goes on where it
    stopped. HF_TOKEN and HF_ENDPOINT are read from the environment.

    With --to modal the weights are copied to the volume that functions on Modal have; for a model that was
    pulled before, its NAME alone is enough.
    """
    if target is not None:
        with errors_as_sentences():
            require_modal()
            is_pulled = "/" not in name and (weights_folder(_models_folder(), name) / RECORD).is_file()
        if repository is None and is_pulled:
            _copy_to_modal(name)
            return
    if repository is None:
        if "/" not in name:
            raise click.UsageError("Give --from OWNER/REPO, or OWNER/REPO as the name.")
        repository, name = name, name.rpartition("/")[2].lower()
    price_list = _prices(prices)

    async def check(services: Services) -> CatalogueModel | None:
        weights_folder(services.configuration.data, name)
        base_model = await services.catalogue.base(plugin, base) if base else None
        services.catalogue.require_engine(
            plugin, _engine(engine, base_model), for_adapter=base_model is not None
        )
        await services.catalogue.require_free(name)
        if plugin not in {loaded.name for loaded in services.plugins.loaded}:
            raise InvalidInput(f"There is no plugin {plugin!r}.", field="plugin")
        if unknown := price_list.keys() - {meter.name for meter in services.plugins.meters}:
            raise InvalidInput(f"There is no meter {min(unknown)!r}.", field="price")
        return base_model

    base_model = with_services(check)  # before the long part
    with errors_as_sentences():
        pulled = pull_weights(
            _models_folder(), name, repository, revision, click.echo, is_adapter=base_model is not None
        )
        longest = base_model.context_tokens if base_model else pulled.context_tokens
        tokens = context_tokens or longest
        if tokens is None:
            raise InvalidInput(
                f"The files of {repository} name no context length: run the command again with "
                "--context-tokens; nothing is downloaded twice."
            )
        if longest is not None and tokens > longest:
            raise InvalidInput(f"{repository} takes {longest} tokens, not {tokens}.")
    _add(
        CatalogueModel(
            name=name,
            plugin=plugin,
            title=name,
            source="hub",
            location=base_model.location if base_model else str(pulled.folder),
            tier=tier,
            context_tokens=tokens,
            description="",
            engine=_engine(engine, base_model),
            adapter=str(pulled.folder) if base_model else None,
        ),
        price_list,
    )
    if target is not None:
        _copy_to_modal(name)


@models.command()
@click.argument("name")
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--upstream", help="The base URL of an OpenAI-compatible server, such as http://host:8001/v1.")
@click.option("--upstream-name", help="The model's name there; the default is NAME.")
@click.option("--api-key-variable", help="The environment variable that holds the upstream's key.")
@click.option("--context-tokens", type=click.IntRange(min=1), help="Needed but with --base.")
@_options_of_every_model
def add(
    name: str,
    folder: Path | None,
    upstream: str | None,
    upstream_name: str | None,
    api_key_variable: str | None,
    context_tokens: int | None,
    plugin: str,
    tier: str,
    prices: tuple[str, ...],
    base: str | None,
    engine: str | None,
) -> None:
    """Add the model NAME: a folder with Hugging Face-format weights, or a model of an upstream server.

    With --base the folder has a LoRA adapter in PEFT's format.
    """
    if (folder is None) == (upstream is None):
        raise click.UsageError("Give --folder or --upstream, one of them.")
    if upstream is not None and (base or engine):
        raise click.UsageError("--base and --engine are for a model whose weights are here: give --folder.")
    base_model = with_services(lambda services: services.catalogue.base(plugin, base)) if base else None
    tokens = context_tokens or (base_model.context_tokens if base_model else None)
    if tokens is None:
        raise click.UsageError("Give --context-tokens.")
    source: Literal["hub", "upstream"] = "upstream" if upstream else "hub"
    place = upstream or str(folder and folder.absolute())
    _add(
        CatalogueModel(
            name=name,
            plugin=plugin,
            title=name,
            source=source,
            location=base_model.location if base_model else place,
            tier=tier,
            context_tokens=tokens,
            description="",
            upstream_name=upstream_name,
            api_key_variable=api_key_variable,
            engine=_engine(engine, base_model),
            adapter=place if base_model else None,
        ),
        _prices(prices),
    )


@models.command()
@click.argument("name")
@click.option("--weights", is_flag=True, help="Delete what was pulled for it, finished or not, as well.")
def remove(name: str, weights: bool) -> None:
    """Remove the model NAME from the catalogue; its weights stay where they are."""
    known = {model.name: model for model in with_services(lambda services: services.catalogue.list())}
    with errors_as_sentences():
        if weights and name in known:
            folder = weights_folder(_models_folder(), name)
            if Path(known[name].folder).resolve() != folder.resolve():
                raise InvalidInput(f"The weights of {name!r} were not pulled; they are {known[name].folder}.")
            others = (one.name for one in known.values() if one.adapter and one.location == str(folder))
            if of := ", ".join(others):
                raise InvalidInput(f"Adapters need the weights of {name!r}: remove {of} first.")
        # Weights may be all that is left, of an interrupted pull or of a model that was removed without them.
        if name in known or not (weights and remove_weights(_models_folder(), name)):
            with_services(lambda services: services.catalogue.remove(name))
            if weights:
                remove_weights(_models_folder(), name)
    click.echo(f"Removed {name}.")


@models.command()
@click.argument("name")
def versions(name: str) -> None:
    """List the versions of NAME that were trained and published here, the latest first, with their scores."""
    current = with_services(lambda services: services.catalogue.current(name))
    found = with_services(lambda services: services.catalogue.versions.of(name))
    for one in found:
        state = "withdrawn" if one.withdrawn_at else "current" if one.location == _location(current) else ""
        click.echo(f"{name}@{one.version}  {one.published_at:%Y-%m-%d %H:%M} UTC  {state or 'earlier'}")
        for score in msgspec.json.decode(one.scores, type=list[Score]):
            click.echo(f"  {score.name}: {share(score)}")
    if not found:
        click.echo(f"No version of {name} was published here: skyhook train {name}")


@models.command()
@click.argument("name")
def withdraw(name: str) -> None:
    """Take the current trained version of NAME back: the one before it is called again, or what ships."""

    async def work(services: Services) -> tuple[TrainedVersion, CatalogueModel | None]:
        withdrawn = await services.catalogue.versions.withdraw(name)
        return withdrawn, await services.catalogue.current(name)

    withdrawn, left = with_services(work)
    click.echo(f"Withdrew {name}@{withdrawn.version}; its weights stay in {withdrawn.location}.")
    if left is None:
        click.echo(f"{name} cannot be called any more: nothing else of it is published, and none ships.")
    else:
        click.echo(f"{name} is now the {left.source} model in {left.location}.")


def _location(model: CatalogueModel | None) -> str | None:
    return model.location if model else None


def _engine(engine: str | None, base_model: CatalogueModel | None) -> str | None:
    return engine or (base_model.engine if base_model else None)


def _copy_to_modal(name: str) -> None:
    from skyhook.compute.modal.volume import upload

    new = run_loop(upload(weights_folder(_models_folder(), name), RECORD, click.echo))
    click.echo(
        f"The weights of {name} are on Modal, {new} files of them new. Containers that start see them."
    )


def _models_folder() -> Path:
    return configuration().data / "models"


def _add(model: CatalogueModel, prices: dict[str, int]) -> None:
    async def work(services: Services) -> None:
        # First, so that a refused model does not change another one's prices.
        await services.catalogue.require_addable(model)
        await services.seed_prices()
        await services.billing.set_prices(model.name, prices)
        await services.catalogue.add(model)

    with_services(work)
    click.echo(f"Added {model.name}. A running server knows it within seconds.")


def _prices(texts: tuple[str, ...]) -> dict[str, int]:
    prices = {}
    for text in texts:
        meter, _, price = text.partition("=")
        if not price.isdecimal():
            raise click.UsageError(f"--price takes METER=NANO, such as chat.output_tokens=400; not {text!r}.")
        prices[meter] = int(price)
    return prices
