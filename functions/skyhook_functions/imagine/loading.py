"""Loads diffusers pipelines from a folder: whole, from safetensors, and with none of the folder's code."""

from __future__ import annotations

import gc
import importlib.util
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from skyhook.function import FunctionError
from skyhook_functions.imagine.abilities import PIPELINE, family_of, invalid, read_json

if TYPE_CHECKING:
    import torch

M = TypeVar("M")

GIB = 1 << 30
MOST_MODELS = 2
WEIGHTS_BYTES = 6 * GIB
"""Bounds the weights of all models that are kept; a larger one is kept while it is alone."""
HALF = ".fp16.safetensors"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


class Models(Generic[M]):
    """The models that were used last. For one thread."""

    def __init__(self, load: Callable[[Path], M]) -> None:
        self._load = load
        self._held: OrderedDict[Path, tuple[M, int]] = OrderedDict()

    def get(self, folder: Path) -> M:
        """The model in a folder, loaded if it is not yet. Raises what `load` raises."""
        folder = folder.resolve()
        if folder not in self._held:
            size = weights_bytes(folder)
            self._make_room(size)
            self._held[folder] = self._load(folder), size
        self._held.move_to_end(folder)
        return self._held[folder][0]

    def _make_room(self, size: int) -> None:
        while self._held and (
            len(self._held) >= MOST_MODELS
            or sum(held for _, held in self._held.values()) + size > WEIGHTS_BYTES
        ):
            self._held.popitem(last=False)
            gc.collect()  # modules are full of cycles


def weights_bytes(folder: Path) -> int:
    """Size of a model's weights in bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def import_torch() -> None:
    """Imports torch, in a way that leaves other processes their cores."""
    # Threads that spin while they wait make a step ten times as slow when other processes need the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported
    import torch  # noqa: F401


def is_out_of_memory(error: Exception) -> bool:
    """Whether a library failed for want of memory, which is no fault of a model's files."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"MemoryError", "OutOfMemoryError"}) or "can't allocate memory" in str(error)


def device_and_type() -> tuple[str, torch.dtype]:
    """Where a pipeline runs and in what numbers."""
    import torch

    if not torch.cuda.is_available():
        return "cpu", torch.float32
    return "cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def load_pipeline(folder: Path) -> Any:
    """The pipeline of a folder, ready to run. Raises MODEL_INVALID and MODEL_UNSUPPORTED."""
    for package in family_of(folder).packages:
        if importlib.util.find_spec(package) is None:
            raise invalid(folder, f"it needs the Python package {package}; install it beside torch")
    import diffusers

    _silence()
    device, dtype = device_and_type()
    try:
        modules = _modules(folder, dtype)
        pipeline = diffusers.DiffusionPipeline.from_pretrained(
            folder,
            **modules,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
        return pipeline.to(device)
    except FunctionError:
        raise
    except Exception as error:  # whatever a broken file makes the libraries raise
        if is_out_of_memory(error):
            raise
        raise invalid(folder, f"{type(error).__name__}: {error}") from error


def _silence() -> None:
    """Keeps the libraries from bars and from the advice that they give at every load."""
    import diffusers
    import transformers

    for logging in (diffusers.utils.logging, transformers.utils.logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()


def _modules(folder: Path, dtype: torch.dtype) -> dict[str, Any]:
    """The components that have weights, loaded one by one, since only so do they say which tensors they lack.

    A tensor that a file lacks would be drawn at random, and the pictures would be noise.
    """
    modules = {}
    for name, entry in read_json(folder, PIPELINE).items():
        if not (isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)):
            continue
        part = folder / name
        files = [file.name for file in part.glob("*.safetensors")]
        if not files:
            if any(next(part.glob(pattern), None) for pattern in PICKLES):
                raise invalid(folder, f"its {name} has only pickles, which can run code when they are loaded")
            continue
        kind = _class(folder, name, *entry)
        is_half = all(file.endswith(HALF) or ".fp16-" in file for file in files)
        module, report = kind.from_pretrained(
            part,
            dtype=dtype,
            variant="fp16" if is_half else None,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
        lost = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
        if lost:
            raise invalid(
                folder, f"{len(lost)} tensors of its {name} are missing or misshapen, such as {lost[0]}"
            )
        modules[name] = module
    return modules


def _class(folder: Path, name: str, library: str, kind: str) -> Any:
    """The class of a component, from the libraries alone."""
    import diffusers
    import transformers

    homes = {"diffusers": diffusers, "transformers": transformers}
    home = homes.get(library) or getattr(diffusers.pipelines, library, None)
    found = getattr(home, kind, None) if home is not None else None
    if found is None or not hasattr(found, "from_pretrained"):
        raise invalid(folder, f"its {name} is {library}.{kind}, which neither diffusers nor transformers has")
    return found
