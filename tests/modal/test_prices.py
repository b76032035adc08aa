"""What runs cost on Modal: a container's time divided among its calls, and prices for it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from compute_helpers import configuration
from hypothesis import given
from hypothesis import strategies as st

from skyhook.compute.modal.body import gpu_here
from skyhook.compute.modal.prices import FILE, Prices, read_prices, refreshed, write_prices
from skyhook.compute.modal.shares import Share, Shares
from skyhook.compute.protocol import Ran
from skyhook.errors import InvalidInput

PRICES = Prices(
    date(2026, 7, 1), "here", 13_100, 2_220, {"H100": 1_097_000, "A100-80GB": 694_000, "A10": 306_000}
)


class Time:
    """A container's clock and processor, which pass as a test says."""

    def __init__(self) -> None:
        self.now = self.cores = 0.0
        self.shares = Shares("", lambda: self.now, lambda: self.cores)

    def end(self, share: Share) -> Ran:
        """What a call has had that ends."""
        had = self.shares.so_far(share)
        self.shares.end()
        return had

    def passes(self, seconds: float, core_seconds: float = 0.0) -> None:
        self.now += seconds
        self.cores += core_seconds


def test_calls_that_run_at_a_time_divide_the_time_among_them() -> None:
    time = Time()
    time.passes(5, 5)
    first = time.shares.begin()
    time.passes(2, 1)
    second = time.shares.begin()
    time.passes(4, 8)
    assert time.shares.so_far(second) == Ran(2, 4, "")
    assert time.end(first) == Ran(4, 5, "")
    time.passes(1, 1)
    assert time.end(second) == Ran(3, 5, "")


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100), st.integers(0, 400)), max_size=60))
def test_the_shares_add_up_to_the_time_in_which_there_was_a_call(steps: list[tuple[bool, int, int]]) -> None:
    time, running, had = Time(), list[Share](), list[Ran]()
    busy = used = 0
    for begins, seconds, cores in steps:
        if begins:
            running.append(time.shares.begin())
        elif running:
            had.append(time.end(running.pop(0)))
        time.passes(seconds, cores)
        busy, used = (busy + seconds, used + cores) if running else (busy, used)
    had += [time.end(share) for share in running]
    assert sum(ran.seconds for ran in had) == pytest.approx(busy)
    assert sum(ran.core_seconds for ran in had) == pytest.approx(used)


@pytest.mark.parametrize(
    ("ran", "nano"),
    [
        (Ran(10, 0.5, ""), 10 * 2_220 * 2 + 10 * 0.125 * 13_100),  # a quarter of 8 GiB, an eighth of a core
        (Ran(10, 20.0, ""), 10 * 2_220 * 2 + 20 * 13_100),
        (Ran(1, 0.0, "H100"), 1_097_000 + 2_220 * 2 + 13_100 / 8),
        (Ran(1, 0.0, "H100:2"), 2_194_000 + 2_220 * 2 + 13_100 / 8),
        (Ran(1, 0.0, "H100!"), 1_097_000 + 2_220 * 2 + 13_100 / 8),
        (Ran(1, 0.0, "NVIDIA H100 80GB HBM3:1"), 1_097_000 + 2_220 * 2 + 13_100 / 8),
        (Ran(1, 0.0, "NVIDIA A100-SXM4-80GB:1"), 694_000 + 2_220 * 2 + 13_100 / 8),
        (Ran(1, 0.0, "NVIDIA A10G:1"), 306_000 + 2_220 * 2 + 13_100 / 8),
    ],
)
def test_a_run_costs_what_its_container_reserves_and_the_cores_beyond(ran: Ran, nano: float) -> None:
    assert PRICES.expense(ran, memory_gib=8) == round(nano)


def test_a_sandbox_is_paid_for_by_prices_of_its_own() -> None:
    expense = PRICES.expense(Ran(10, 0.5, ""), memory_gib=8, in_sandbox=True)
    assert expense == 10 * 6_670 * 2 + 10 * 0.125 * 39_420


@pytest.mark.parametrize("gpu", ["A100-40GB", "NVIDIA A100-SXM4-40GB:1", "any", "H100,A100-80GB"])
def test_a_gpu_without_a_price_makes_the_cost_unknown_rather_than_nothing(gpu: str) -> None:
    assert PRICES.expense(Ran(1, 0.0, gpu), memory_gib=8) is None


@pytest.mark.parametrize(
    ("wanted", "told", "gpu"),
    [
        ("", "NVIDIA L4", ""),
        ("H100:2", "NVIDIA H200", "H100:2"),  # Modal may give a better one, and charges what was asked for
        ("H100,A100-80GB", "NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB:1"),
        ("H100:2,A10:2", "NVIDIA A10G\nNVIDIA A10G", "NVIDIA A10G:2"),
        ("any", "NVIDIA L4", "NVIDIA L4:1"),
        ("any", None, "any"),
    ],
)
def test_which_of_several_gpus_a_container_has_its_driver_tells(
    wanted: str, told: str | None, gpu: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if told is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\nprintf '{told}\\n'\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setenv("SKYHOOK_GPU", wanted)
    assert gpu_here() == gpu


def test_prices_that_ship_are_used_until_others_are_kept(tmp_path: Path) -> None:
    shipped = read_prices(configuration(tmp_path))
    assert shipped.gpus["L4"] == 222_000
    assert shipped.source.startswith("https://")
    write_prices(configuration(tmp_path), PRICES)
    assert read_prices(configuration(tmp_path)) == PRICES
    kept = [line for line in (tmp_path / FILE).read_text().splitlines() if "sandbox" not in line]
    (tmp_path / FILE).write_text("\n".join(kept))  # as an older version has written it
    assert read_prices(configuration(tmp_path)) == PRICES
    (tmp_path / FILE).write_text("core = 'x'")
    with pytest.raises(InvalidInput, match=FILE):
        read_prices(configuration(tmp_path))


def test_what_modal_does_not_tell_keeps_its_price_and_is_named() -> None:
    rates = {
        "cpu_core_hour": Decimal("0.0472"),
        "memory_gib_hour": Decimal("0.008"),
        "gpu_h100_hour": Decimal("3.6"),
        "sandbox_cpu_core_hour": Decimal("0.15"),
        "gpu_a100_80gb_hour": Decimal("2.5"),
        "volume_gib_month": Decimal(9),
    }
    found, untold = refreshed(PRICES, rates, date(2026, 11, 26))
    assert (found.core, found.memory_gib) == (13_111, 2_222)
    assert found.gpus == {"H100": 1_000_000, "A100-80GB": 694_444, "A10": 306_000}
    assert (found.sandbox_core, found.sandbox_memory_gib) == (41_667, 6_670)
    assert untold == ["A10", "sandbox memory"]
    assert found.date == date(2026, 11, 26)
