"""Trains a model on the backend, goes on where something ended it, and publishes what passes the gate."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from skyhook.catalogue.errors import ModelChanged, WeightsNotStored
from skyhook.catalogue.service import Catalogue
from skyhook.catalogue.versions import take_in, version_folder
from skyhook.compute.backend import Compute, Detached
from skyhook.compute.errors import FunctionInterrupted, FunctionTimeout, NotAnswered
from skyhook.configuration import Configuration
from skyhook.errors import SkyhookError
from skyhook.function import CANDIDATE, Evaluated, Progress, Score, TrainingEvent, TrainingRequest
from skyhook.plugins.host import PluginHost
from skyhook.plugins.manifest import Training
from skyhook.training.errors import TrainingElsewhere, TrainingNotFound, TrainingStuck
from skyhook.training.gate import reasons_against
from skyhook.training.runs import Run, RunFile
from skyhook.training.store import CheckpointStore

TRIES = 3
"""How often a run is begun again without getting any further."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended."""

    scores: list[Score]
    reasons: list[str]
    """Why nothing was published; empty where it was."""
    candidate: str
    """Where the weights lie."""
    version: int | None
    """What was published."""


class Trainings:
    """The trainings of the loaded plugins, run by this process."""

    def __init__(
        self,
        configuration: Configuration,
        plugins: PluginHost,
        catalogue: Catalogue,
        compute: Compute,
        store: CheckpointStore,
        tell: Callable[[str], None],
    ) -> None:
        """`tell` is given a line of progress now and then."""
        self._configuration = configuration
        self._plugins = plugins
        self._catalogue = catalogue
        self._compute = compute
        self._store = store
        self._tell = tell

    async def train(self, model: str, *, steps: int | None, anew: bool) -> Outcome:
        """Trains until the end, from the last run's checkpoints on unless `anew`, evaluates, and publishes.

        What runs on Modal goes on where this is cancelled, and is found again by the next call. Raises
        TrainingNotFound, TrainingBusy, TrainingElsewhere, TrainingStuck, ModelChanged, what the function
        reports, and the backend's errors.
        """
        training, file = self._find(model), self._file(model)
        with file.alone():
            run = file.read()
            if run is None or anew:
                if run is not None:
                    await self._forget(run)
                run = file.begin(self._configuration.compute)
            self._require_here(run)
            scores = await self._evaluated(training, file, run, steps)
            reasons = reasons_against(scores, training.gate)
            candidate = f"{run.checkpoints}/{CANDIDATE}"
            if reasons:
                file.leave_call(run)
                return Outcome(scores, reasons, self._store.place(candidate), None)
            try:
                version, folder = await self._publish(model, candidate, scores, run.compared_with)
            except ModelChanged:
                file.leave_call(run)
                raise
            file.end()
            await self._store.remove(run.checkpoints)
            return Outcome(scores, [], str(folder), version)

    async def stop(self, model: str) -> bool:
        """Stops the call that trains the model and that nobody watches; its checkpoints stay.

        Whether there was one. Raises TrainingNotFound, TrainingBusy, TrainingElsewhere or what the backend
        raises.
        """
        self._find(model)
        file = self._file(model)
        with file.alone():
            run = file.read()
            if run is None or run.token is None or not isinstance(self._compute, Detached):
                return False
            self._require_here(run)
            await self._compute.cancel(run.token, run.call_id)
            file.leave_call(run)
        return True

    def _find(self, model: str) -> Training:
        known = {one.model.name: one for plugin in self._plugins.loaded for one in plugin.trainings}
        if model not in known:
            names = ", ".join(sorted(known)) or "none"
            raise TrainingNotFound(f"No plugin has {model!r} trained. Known: {names}.", field="name")
        return known[model]

    def _file(self, model: str) -> RunFile:
        return RunFile(self._configuration.data / "training", model)

    def _require_here(self, run: Run) -> None:
        if run.compute != self._configuration.compute:
            raise TrainingElsewhere(
                f"The run that is to go on has its checkpoints on {run.compute}: set "
                f"SKYHOOK_COMPUTE={run.compute}, or begin another with --anew."
            )

    async def _forget(self, run: Run) -> None:
        """Stops a run and deletes its checkpoints, where this backend has them."""
        if run.compute != self._configuration.compute:
            return
        if run.token is not None and isinstance(self._compute, Detached):
            await self._compute.cancel(run.token, run.call_id)
        await self._store.remove(run.checkpoints)

    async def _evaluated(self, training: Training, file: RunFile, run: Run, steps: int | None) -> list[Score]:
        """The scores at the end of the run. A call that ended early is followed by another, within bounds."""
        while True:
            before = run.reached
            try:
                async with aclosing(self._attempt(training, file, run, steps)) as events:
                    async for event in events:
                        if isinstance(event, Evaluated):
                            await self._catch_up(file, run)
                            return event.scores
                        self._note(file, run, event)
                raise RuntimeError(f"{training.train.__qualname__} ended without having evaluated")
            except (FunctionInterrupted, FunctionTimeout) as error:
                await self._catch_up(file, run)
                run.tries = 0 if run.reached > before else run.tries + 1
                is_stuck = run.tries >= TRIES
                run.tries = 0 if is_stuck else run.tries
                file.leave_call(run)
                if is_stuck:
                    raise TrainingStuck(
                        f"The training was interrupted {TRIES} times without getting beyond step "
                        f"{run.reached}: {error.message} Find the cause, then run the command again to go on."
                    ) from error
                self._tell(f"Interrupted ({error.code}); going on from step {run.reached}.")

    async def _attempt(
        self, training: Training, file: RunFile, run: Run, steps: int | None
    ) -> AsyncGenerator[TrainingEvent, None]:
        """The events of one call: of the one that was begun before, or of a new one."""
        if not isinstance(self._compute, Detached):
            request = await self._request(training, run, steps)
            file.write(run)
            async with aclosing(self._compute.stream(training.train, request)) as events:
                async for event in events:
                    yield event
            return
        try:
            call_id = await self._call(self._compute, training, file, run, steps)
            async with aclosing(self._compute.collect(call_id, training.train)) as events:
                async for event in events:
                    yield event
        except NotAnswered:
            raise  # the call goes on
        except SkyhookError:
            file.leave_call(run)
            raise

    async def _call(
        self, compute: Detached, training: Training, file: RunFile, run: Run, steps: int | None
    ) -> str:
        """The id of the call that was begun before, or that is begun now.

        Its token is noted before it is begun: so a command that died in between does not make it two.
        """
        if run.token is None:
            run.token = secrets.token_hex(16)
            file.write(run)
        else:
            run.call_id = run.call_id or await compute.find(run.token)
        if run.call_id is not None:
            self._tell(f"Watching the call {run.call_id}, which was begun before.")
            return run.call_id
        request = await self._request(training, run, steps)
        run.call_id = await compute.spawn(training.train, request, run.token)
        file.write(run)
        self._tell(f"Begun as the call {run.call_id}, which goes on if this command ends.")
        return run.call_id

    async def _request(self, training: Training, run: Run, steps: int | None) -> TrainingRequest:
        """What is asked of the function, and in the run what it will compare with."""
        model = await self._catalogue.current(training.model.name)
        run.compared_with = model.version if model else None
        return TrainingRequest(
            checkpoints=run.checkpoints, steps=steps, published=model.location if model else None
        )

    async def _catch_up(self, file: RunFile, run: Run) -> None:
        """Notes how far the checkpoints go, also where nobody was told of the last ones."""
        if (reached := await self._store.reached(run.checkpoints)) is not None:
            self._note(file, run, reached)

    def _note(self, file: RunFile, run: Run, progress: Progress) -> None:
        """Tells of progress, and notes what has a checkpoint; what is known already is passed over."""
        if progress.is_saved:
            if progress.step <= run.reached:
                return
            run.reached = progress.step
            file.write(run)
        held_out = "" if progress.held_out_loss is None else f" (held out {progress.held_out_loss:.4f})"
        self._tell(
            f"step {progress.step:,} of {progress.steps:,}, loss {progress.loss:.4f}{held_out}, "
            f"{progress.tokens_per_s:,.0f} tokens/s{', saved' if progress.is_saved else ''}"
        )

    async def _publish(
        self, model: str, candidate: str, scores: list[Score], compared_with: int | None
    ) -> tuple[int, Path]:
        """Brings the weights to the models and lets the name mean them; before that nothing has changed."""
        models = self._configuration.data / "models"
        version = await self._catalogue.versions.next_number(model)
        folder = version_folder(models, model, version)
        partial = folder.with_name(f".{folder.name}.partial")
        try:
            models.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(partial, ignore_errors=True)
            await self._store.fetch(candidate, partial)
            take_in(partial, folder)
        except OSError as error:
            raise WeightsNotStored(
                f"The trained weights cannot be stored in {folder}: {error.strerror}. Make room, and run the "
                "command again."
            ) from error
        await self._store.deliver(folder, self._tell)
        await self._catalogue.versions.publish(model, version, folder, scores, after=compared_with)
        return version, folder
