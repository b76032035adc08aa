"""How long a container takes to import the deployed app, for each function, and that torch is not among it.

    python benchmarks/modal_imports.py [--rounds N]

Each import is in a process of its own, as in a container. `with Modal's client` is from the process's first
import; `app` is without the client, which a container's entry point has imported before. Fails where the
first takes more than two seconds, or torch comes with it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

from skyhook.compute.modal.installed import installed_functions
from skyhook.compute.modal.naming import FUNCTION
from skyhook.function import spec_of

LIMIT_S = 2.0
HEAVY = ("torch", "transformers", "diffusers", "numpy", "PIL", "playwright", "onnxruntime")
CODE = f"""
import json, sys, time
began = time.perf_counter()
import modal
between = time.perf_counter()
import skyhook.compute.modal.app
took = time.perf_counter()
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print(json.dumps([took - began, took - between, heavy, len(sys.modules)]))
"""


def imported(function: str) -> tuple[float, float, list[str], int]:
    """The seconds with and without Modal's client, the heavy modules, and how many modules there are then."""
    environment = os.environ | {FUNCTION: function}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    whole, app, heavy, modules = json.loads(done.stdout)
    return whole, app, heavy, modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    failed = False
    print("| function | with Modal's client, s | most | app, s | most | heavy modules | modules |")
    print("|---|---|---|---|---|---|---|")
    for function in installed_functions():
        name = spec_of(function).name
        rounds = [imported(name) for _ in range(given.rounds)]
        whole, app = ([times[index] for times in rounds] for index in (0, 1))
        heavy, modules = rounds[0][2:]
        failed |= statistics.median(whole) > LIMIT_S or "torch" in heavy
        columns = [f"{value(times):.3f}" for times in (whole, app) for value in (statistics.median, max)]
        print(
            f"| `{name.partition(':')[2]}` | {' | '.join(columns)} | {', '.join(heavy) or '-'} | {modules} |"
        )
    sys.exit(failed)


if __name__ == "__main__":
    main()
