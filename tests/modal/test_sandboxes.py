"""Isolated functions against the stand-in: each call has a machine of its own, which ends with it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import modal
import pytest
from compute_helpers import configuration, eventually
from modal_server import ModalServer
from sample_functions import Alone, AloneBroken, Blob, Number, Text

from skyhook.compute import breaker, errors
from skyhook.compute.expenses import Expenses
from skyhook.compute.modal import sandboxes
from skyhook.compute.modal.app import build
from skyhook.compute.modal.backend import ModalCompute
from skyhook.compute.modal.deployment import publish
from skyhook.compute.modal.errors import ModalNotDeployed, ModalQuotaExceeded, ModalUnauthorized
from skyhook.compute.modal.prices import RESERVED_CORES, Prices
from skyhook.function import spec_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the stand-in's machines")


@pytest.fixture(scope="module")
def deployed(modal_server: ModalServer) -> ModalServer:
    build([Alone, AloneBroken], {}).deploy(name="skyhook")

    async def images() -> None:
        app = await modal.App.lookup.aio("skyhook")
        await publish([spec_of(Alone), spec_of(AloneBroken)], app)

    asyncio.run(images())
    return modal_server


@pytest.fixture
async def compute(deployed: ModalServer, tmp_path: Path) -> AsyncGenerator[ModalCompute, None]:
    backend = ModalCompute(configuration(tmp_path / "data"), {})
    yield backend
    await backend.close()
    assert deployed.machines.running == []


async def test_each_call_has_a_machine_of_its_own_without_a_network(
    compute: ModalCompute, deployed: ModalServer
) -> None:
    before = len(deployed.machines.all)
    said = [await compute.call(Alone.where, Text(text)) for text in ("one", "two")]
    assert [text.text.split()[0] for text in said] == ["True", "True"]
    assert {text.text.split()[2] for text in said} == {"lo"}
    one, other = deployed.machines.all[before:]
    assert one.is_blocked
    assert other.is_blocked
    assert one.definition.timeout_secs == 20 + 60
    assert one.definition.idle_timeout_secs == 20
    resources = one.definition.resources
    assert (resources.memory_mb, resources.memory_mb_max) == (128, 512)
    assert (resources.milli_cpu, resources.milli_cpu_max) == (125, 2000)
    assert not one.definition.secret_ids
    assert not one.definition.volume_mounts
