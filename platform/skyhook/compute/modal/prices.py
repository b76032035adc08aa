"""What Modal charges for containers: prices with a date, and the expense of a run by them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from skyhook.compute.protocol import Ran
from skyhook.errors import InvalidInput

if TYPE_CHECKING:  # a container has no configuration
    from skyhook.configuration import Configuration

RESERVED_MEMORY = 4
"""Of the memory that a container may use, one part in so many is reserved, and paid for in any case;"""
RESERVED_CORES = 0.125
"""as are so many cores, which is the least that Modal reserves."""
FILE = "modal-prices.toml"
_ALIASES = {"A10G": "A10"}
_UNITS = {"", "gpu", "nvidia", "per", "hour", "physical", "core", "cores", "gib"}
_HOUR_S = 3600


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nano-dollars for a second."""

    date: datetime.date
    """When they held."""
    source: str
    core: int
    """Of a physical core."""
    memory_gib: int
    gpus: dict[str, int]
    """Of one GPU, by Modal's name of it."""
    sandbox_core: int = 39_420
    """Of a physical core of a sandbox, which Modal charges more for than for a function's;"""
    sandbox_memory_gib: int = 6_670
    """and of its memory."""

    def expense(self, ran: Ran, memory_gib: float, *, in_sandbox: bool = False) -> int | None:
        """What a run cost in nano-dollars, in a container or sandbox that may use so much memory.

        That is what the container reserves, for as long as the run had it, and the cores that it used beyond.
        None where its GPU has no price.
        """
        gpu = self._gpu(ran.gpu)
        if gpu is None:
            return None
        core, gib = self.core, self.memory_gib
        if in_sandbox:
            core, gib = self.sandbox_core, self.sandbox_memory_gib
        each_second = gpu + gib * memory_gib / RESERVED_MEMORY
        cores = max(ran.core_seconds, ran.seconds * RESERVED_CORES)
        return round(ran.seconds * each_second + cores * core)

    def _gpu(self, name: str) -> int | None:
        """The price of what a container has: `H100`, `H100:2`, or a device's own name like `NVIDIA L4:1`."""
        kind, _, count = name.partition(":")
        if not kind:
            return 0
        parts = {_ALIASES.get(part, part) for part in re.split(r"[ -]", kind.rstrip("!").upper())}
        found = [price for gpu, price in self.gpus.items() if set(gpu.split("-")) <= parts]
        return found[0] * int(count or 1) if len(found) == 1 else None


def read_prices(configuration: Configuration) -> Prices:
    """The prices that were asked for last, or else those that ship. Raises InvalidInput."""
    path = configuration.data / FILE
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        written = resources.files("skyhook.compute.modal").joinpath("prices.toml").read_bytes()
    try:
        return msgspec.toml.decode(written, type=Prices)
    except (UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}. Delete it for the prices that ship.") from error


def write_prices(configuration: Configuration, prices: Prices) -> Path:
    """Keeps prices in place of those that ship; where."""
    path = configuration.data / FILE
    lines = [f"date = {prices.date}", f"source = {msgspec.json.encode(prices.source).decode()}"]
    lines += [f"core = {prices.core}", f"memory_gib = {prices.memory_gib}"]
    lines += [f"sandbox_core = {prices.sandbox_core}", f"sandbox_memory_gib = {prices.sandbox_memory_gib}"]
    lines += ["", "[gpus]"]
    lines += [f"{name} = {price}" for name, price in prices.gpus.items()]
    configuration.data.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def refreshed(prices: Prices, rates: Mapping[str, Decimal], date: datetime.date) -> tuple[Prices, list[str]]:
    """The prices by what Modal charges for an hour now, and the names of those that it does not tell.

    What Modal calls things is not written down: a rate counts where its name, without units, is one of ours.
    """
    known = {_plain(name): rate for name, rate in rates.items()}
    untold = []

    def price(name: str, before: int) -> int:
        rate = known.get(_plain(name))
        if rate is None:
            untold.append(name)
            return before
        return round(rate * 1_000_000_000 / _HOUR_S)

    told = Prices(
        date=date,
        source="Modal's billing rates",
        core=price("cpu", prices.core),
        memory_gib=price("memory", prices.memory_gib),
        gpus={name: price(name, before) for name, before in prices.gpus.items()},
        sandbox_core=price("sandbox cpu", prices.sandbox_core),
        sandbox_memory_gib=price("sandbox memory", prices.sandbox_memory_gib),
    )
    return told, untold


def _plain(name: str) -> str:
    words = re.split(r"[^a-z0-9]+", name.lower())
    return "".join(word for word in words if word not in _UNITS)
