"""A training that takes a second: a line is fitted to points by gradient descent, and scored on others.

What the file says that PROBE_TRAINING names is done on the way; it is read as the training goes on.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skyhook.function import (
    CANDIDATE,
    Compared,
    Evaluated,
    FunctionError,
    Progress,
    Score,
    TrainingEvent,
    TrainingRequest,
    function,
)

SLOPE, HEIGHT = 3.0, -1.0
STEPS, SAVE_EVERY = 60, 10
POINTS = 200


@function(memory_gib=0.5, timeout_s=60.0, gpu="T4", keep_warm_s=0.0)
class LineTraining:
    """Learns a line."""

    def train(self, request: TrainingRequest) -> Iterator[TrainingEvent]:
        """The fit, from the last checkpoint on."""
        folder, steps = Path(request.checkpoints), request.steps or STEPS
        saved = folder / "line.json"
        line = json.loads(saved.read_text()) if saved.exists() else {"step": 0, "slope": 0.0, "height": 0.0}
        rng = random.Random(line["step"])
        yield Progress(step=line["step"], steps=steps, loss=0.0, tokens_per_s=0.0)
        while line["step"] < steps:
            loss = fit(line, rng)
            line["step"] += 1
            obey(line["step"])
            if line["step"] % SAVE_EVERY == 0 or line["step"] == steps:
                saved.write_text(json.dumps(line))
                yield Progress(step=line["step"], steps=steps, loss=loss, tokens_per_s=16.0, is_saved=True)
        (folder / CANDIDATE).mkdir(exist_ok=True)
        (folder / CANDIDATE / "line.json").write_text(json.dumps(line))
        yield Evaluated(scores(line, request.published))


def fit(line: dict[str, Any], rng: random.Random) -> float:
    """One step on sixteen points; gives the loss before it."""
    points = [rng.uniform(-1, 1) for _ in range(16)]
    errors = [line["slope"] * x + line["height"] - (SLOPE * x + HEIGHT) for x in points]
    line["slope"] -= 0.3 * sum(e * x for e, x in zip(errors, points, strict=True)) / 16 * 2
    line["height"] -= 0.3 * sum(errors) / 16 * 2
    return sum(e * e for e in errors) / 16


def scores(line: dict[str, Any], published: str | None) -> list[Score]:
    """How many held-out points are near to where they should be, and on the right side."""
    rng = random.Random("held out")
    points = [rng.uniform(-1, 1) for _ in range(POINTS)]
    before = json.loads((Path(published) / "line.json").read_text()) if published else None
    kinds = {"near": lambda y, true: abs(y - true) < 0.1, "sign": lambda y, true: (y < 0) == (true < 0)}
    found = []
    for name, is_right in kinds.items():
        true = [SLOPE * x + HEIGHT for x in points]
        right, other = (
            [is_right(one["slope"] * x + one["height"], y) for x, y in zip(points, true, strict=True)]
            for one in (line, before or line)
        )
        compared = Compared(
            sum(a and not b for a, b in zip(right, other, strict=True)),
            sum(b and not a for a, b in zip(right, other, strict=True)),
        )
        found.append(Score(name=name, right=sum(right), cases=POINTS, compared=compared if before else None))
    return found


def obey(step: int) -> None:
    """Does what the file orders: `pause_s` each step, `kill_at` a step once or `kill_always`, `refuse_at`."""
    path = os.environ.get("PROBE_TRAINING")
    if path is None or not Path(path).exists():
        return
    orders = json.loads(Path(path).read_text())
    time.sleep(orders.get("pause_s", 0.0))
    trace = Path(f"{path}.{step}")
    if orders.get("kill_always") == step or (step in orders.get("kill_at", []) and not trace.exists()):
        trace.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if orders.get("refuse_at") == step:
        raise FunctionError("PROBE_REFUSED", "The probe refuses: ask for something else.")
