"""The one shape of a training as a function: trained, answered, scored, compared, and given a card."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from skyhook.function import CANDIDATE, Evaluated, Progress, TrainingEvent, TrainingRequest

C = TypeVar("C")
A = TypeVar("A")


class ModelTraining(ABC, Generic[C, A]):
    """Trains a model and evaluates it on held-out cases of type C, which it answers with an A each.

    A subclass is marked as a function and has a method `train` of its own, since the mark is of the class that
    has the method. What it says below it imports where it says it: the server imports the class without torch.
    """

    model: ClassVar[str]
    """The model's name, which is that of the folder with the weights that ship, and their card."""

    def _run(self, request: TrainingRequest) -> Iterator[TrainingEvent]:
        """Trains from the last checkpoint on, and evaluates; the published weights answer the same cases."""
        from skyhook_functions.training.scoring import scores, with_card

        checkpoints = Path(request.checkpoints)
        candidate = checkpoints / CANDIDATE
        yield from self._trained(checkpoints, candidate, request.steps)
        cases = self._cases()
        answers = self._answers(candidate, cases)
        published = None
        if request.published is not None:
            theirs = self._answers(Path(request.published), cases)
            published = [is_right for _, is_right in self._judged(cases, theirs)]
        judged = self._judged(cases, answers)
        with_card(candidate, self.model, self._table(candidate, cases, answers))
        yield Evaluated(scores([row for row, _ in judged], [is_right for _, is_right in judged], published))

    @abstractmethod
    def _trained(self, checkpoints: Path, out: Path, steps: int | None) -> Iterator[Progress]:
        """Trains from what is in the checkpoints on, so many steps or as many as are right, and writes to `out`."""

    @abstractmethod
    def _cases(self) -> list[C]:
        """What is to be answered, the same each time, and never trained."""

    @abstractmethod
    def _answers(self, weights: Path, cases: list[C]) -> list[A]:
        """What the model in a folder answers to each case."""

    @abstractmethod
    def _judged(self, cases: list[C], answers: list[A]) -> list[tuple[str, bool]]:
        """The scores' rows for which a case counts, each with whether the answer is right; in an order by the cases alone."""

    @abstractmethod
    def _table(self, weights: Path, cases: list[C], answers: list[A]) -> str:
        """The scores as the card's markdown table."""
