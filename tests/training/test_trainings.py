"""Trainings on this machine: killed, gone on with, refused, published, and taken back."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.training.bench import MODEL, Bench, nothing, orders, probe, until

from skyhook.catalogue.errors import ModelChanged, ModelExists, ModelNotFound, WeightsNotStored
from skyhook.catalogue.service import Catalogue
from skyhook.catalogue.versions import Versions
from skyhook.cli import main
from skyhook.compute.errors import FunctionReported
from skyhook.compute.local import LocalCompute
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.function import Compared, Score
from skyhook.training.errors import (
    TrainingBusy,
    TrainingElsewhere,
    TrainingNotFound,
    TrainingStuck,
)
from skyhook.training.store import LocalCheckpoints


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.setenv("PROBE_TRAINING", str(tmp_path / "orders.json"))
    return orders(tmp_path / "orders.json")


@pytest.fixture
async def bench(tmp_path: Path, sqlite_url: Callable[[], str], order: object) -> AsyncIterator[Bench]:
    data = tmp_path / "data"
    compute = LocalCompute(Configuration(data, 8000, "127.0.0.1", "sqlite://"))
    await compute.start()
    database = Database(sqlite_url())
    yield Bench(data, database, compute, LocalCheckpoints(data))
    await compute.close()
    await database.close()


def line_of(folder: str) -> dict[str, float]:
    """The weights in a folder."""
    line: dict[str, float] = json.loads((Path(folder) / "line.json").read_text())
    return line


async def test_a_killed_worker_is_followed_by_one_that_goes_on(
    bench: Bench, order: Callable[..., None]
) -> None:
    order(kill_at=[25, 45])
    outcome = await bench.train()
    assert (outcome.reasons, outcome.version) == ([], 1)
    assert bench.told.count("Interrupted (FUNCTION_INTERRUPTED)") == 2
    saved = [line.partition(" of")[0] for line in bench.lines if line.endswith("saved")]
    assert saved == [f"step {step}" for step in range(10, 70, 10)], "a step was trained twice"
    assert line_of(outcome.candidate)["slope"] == pytest.approx(3.0, abs=0.01)
    assert bench.run() is None
    assert not list((bench.data / "checkpoints" / MODEL).iterdir())


async def test_what_gets_no_further_is_given_up_and_can_be_gone_on_with(
    bench: Bench, order: Callable[..., None]
) -> None:
    order(kill_always=25)
    with pytest.raises(TrainingStuck, match="3 times without getting beyond step 20"):
        await bench.train()
    order()
    bench.lines.clear()
    assert (await bench.train()).version == 1
    assert bench.lines[0].startswith("step 20 of 60")


async def test_a_command_that_ends_is_gone_on_with_by_the_next(
    bench: Bench, order: Callable[..., None]
) -> None:
    order(pause_s=0.02)
    training = asyncio.create_task(bench.train())
    await until(lambda: "step 20" in bench.told)
    training.cancel()
    with pytest.raises(asyncio.CancelledError):
        await training
    bench.lines.clear()
    order()
    assert (await bench.train()).version == 1
    assert bench.lines[0].startswith(("step 20 of", "step 30 of"))


async def test_what_a_training_reports_ends_it_with_its_error(
    bench: Bench, order: Callable[..., None]
) -> None:
    order(refuse_at=15)
    with pytest.raises(FunctionReported, match="The probe refuses"):
        await bench.train()
    assert bench.run() is not None


async def test_a_gate_that_refuses_changes_nothing_and_longer_training_passes_it(bench: Bench) -> None:
    outcome = await bench.train(steps=3)
    assert outcome.version is None
    assert outcome.reasons[0].startswith("near is ")
    assert line_of(outcome.candidate)["step"] == 3
    assert await bench.catalogue.current(MODEL) is None
    assert (await bench.train(steps=60)).version == 1
    assert bench.lines[-1].startswith("step 60 of 60")


async def test_a_run_begun_anew_leaves_nothing_of_the_one_before(bench: Bench) -> None:
    first = await bench.train(steps=3)
    second = await bench.train(steps=4, anew=True)
    with pytest.raises(FileNotFoundError):
        line_of(first.candidate)
    assert line_of(second.candidate)["step"] == 4


async def test_a_version_is_called_by_the_models_name_until_it_is_taken_back(bench: Bench) -> None:
    for version in (1, 2):
        outcome = await bench.train()
        current = await bench.catalogue.get("probe", MODEL)
        assert (current.version, current.source, current.location) == (version, "trained", outcome.candidate)
    assert [score.compared is None for score in outcome.scores] == [False, False]
    await bench.catalogue.versions.withdraw(MODEL)
    assert (await bench.catalogue.get("probe", MODEL)).version == 1
    await bench.catalogue.versions.withdraw(MODEL)
    with pytest.raises(ModelNotFound):
        await bench.catalogue.get("probe", MODEL)
    with pytest.raises(ModelNotFound, match="No trained version"):
        await bench.catalogue.versions.withdraw(MODEL)
    with pytest.raises(ModelExists):
        await bench.catalogue.require_free(MODEL)
    assert (await bench.train()).version == 3, "a number was given twice"


def test_commands_show_versions_and_take_them_back(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(sqlite_template, tmp_path / "skyhook.db")
    monkeypatch.setenv("SKYHOOK_DATA", str(tmp_path))

    async def publish() -> None:
        database = Database(f"sqlite:///{tmp_path}/skyhook.db")
        scores = [Score(name="names", right=9, cases=10, compared=Compared(gained=1, lost=2))]
        await Versions(database, lambda: None).publish(
            "skyhook-small", 1, tmp_path / "new", scores, after=None
        )
        await database.close()

    asyncio.run(publish())
    assert "skyhook-small                  chat       trained" in command("models", "list")
    shown = command("models", "versions", "skyhook-small")
    assert shown.startswith("skyhook-small@1")
    assert "current" in shown
    assert "names: 90.0% (9 of 10), published 100.0%" in shown
    assert "skyhook-small is now the bundled model in" in command("models", "withdraw", "skyhook-small")
    assert "withdrawn" in command("models", "versions", "skyhook-small")
    assert "MODEL_NOT_FOUND" in command("models", "withdraw", "skyhook-small", code=1)
    assert "TRAINING_NOT_FOUND" in command("train", "nothing", code=1)


def command(*arguments: str, code: int = 0) -> str:
    """What a command prints."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == code, done.output
    return done.output


async def test_what_is_worse_than_the_published_model_is_refused(bench: Bench) -> None:
    await bench.train()
    outcome = await bench.train(steps=14)
    assert any("is worse than what is published" in reason for reason in outcome.reasons)
    assert (await bench.catalogue.get("probe", MODEL)).version == 1


async def test_a_publication_that_fails_leaves_the_model_as_it_was(bench: Bench) -> None:
    first = await bench.train()
    in_the_way = bench.data / "models" / f".{MODEL}@2.partial"
    in_the_way.write_text("no folder")
    with pytest.raises(WeightsNotStored):
        await bench.train()
    assert (await bench.catalogue.get("probe", MODEL)).location == first.candidate
    in_the_way.unlink()
    assert (await bench.train()).version == 2


async def test_two_commands_do_not_train_the_same_model_at_once(
    bench: Bench, order: Callable[..., None]
) -> None:
    order(pause_s=0.02)
    training = asyncio.create_task(bench.train())
    await until(lambda: bench.lines)
    with pytest.raises(TrainingBusy):
        await bench.train()
    with pytest.raises(TrainingBusy):
        await bench.trainings.stop(MODEL)
    await training


async def test_a_run_is_gone_on_with_where_its_checkpoints_are(bench: Bench) -> None:
    await bench.train(steps=3)
    other = Bench(bench.data, bench.database, bench.compute, bench.store, where="modal")
    with pytest.raises(TrainingElsewhere, match="SKYHOOK_COMPUTE=local"):
        await other.train()
    with pytest.raises(TrainingNotFound, match="Known: probe-line"):
        await other.trainings.train("nothing", steps=None, anew=False)


async def test_nothing_is_published_where_the_model_changed_meanwhile(
    database: Database, tmp_path: Path
) -> None:
    catalogue = Catalogue(database, nothing)
    catalogue.bring([probe()])
    versions = catalogue.versions
    await versions.publish(MODEL, 1, tmp_path / "1", [], after=None)
    with pytest.raises(ModelChanged, match="has changed since"):
        await versions.publish(MODEL, 2, tmp_path / "2", [], after=None)
    with pytest.raises(ModelChanged, match="Another version 1"):
        await versions.publish(MODEL, 1, tmp_path / "3", [], after=1)
    assert (await catalogue.get("probe", MODEL)).location == str(tmp_path / "1")
    await versions.withdraw(MODEL)
    assert await versions.next_number(MODEL) == 2
    await versions.publish(MODEL, 2, tmp_path / "2", [], after=None)
    assert [row.version for row in await versions.of(MODEL)] == [2, 1]
