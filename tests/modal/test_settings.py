"""What the operator decides about functions: read from a file, and told to Modal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sample_functions as sample
from compute_helpers import configuration
from modal_server import ModalServer
from modal_state import Function
from sample_functions import Text, Tool

from skyhook.compute.modal import app as app_module
from skyhook.compute.modal.backend import ModalCompute
from skyhook.compute.modal.settings import FunctionSettings, read_settings
from skyhook.errors import InvalidInput
from skyhook.function import FunctionSpec, spec_of

TOOL = spec_of(Tool)
ALONE = spec_of(sample.Alone)
STATEFUL = replace(spec_of(sample.Serial), stateful=True)
INSTALLED = [TOOL, STATEFUL, ALONE, spec_of(sample.Answerer)]


def written(folder: Path, text: str) -> dict[str, FunctionSettings]:
    """The settings as a file has them."""
    (folder / "functions.toml").write_text(text)
    return dict(read_settings(configuration(folder), INSTALLED))


def deployed(server: ModalServer, spec: FunctionSpec, settings: FunctionSettings) -> Function:
    """The function as Modal is told of it."""
    app_module.build([Tool], {spec.name: settings}).deploy(name="settings")
    app = server.state.deployed("settings")
    assert app is not None
    (function_id,) = app.function_ids.values()
    return server.state.functions[function_id]


def test_settings_are_read_by_the_names_of_classes(tmp_path: Path) -> None:
    found = written(tmp_path, '[Tool]\nmin_containers = 1\ngpu = ["H100", "A100-80GB"]\nregions = ["us"]')
    assert found == {
        TOOL.name: FunctionSettings(min_containers=1, gpu=("H100", "A100-80GB"), regions=("us",))
    }
    assert found[TOOL.name].gpus(TOOL) == ("H100", "A100-80GB")


def test_no_file_is_no_settings_but_a_named_one_must_be_there(tmp_path: Path) -> None:
    assert read_settings(configuration(tmp_path), INSTALLED) == {}
    with pytest.raises(InvalidInput, match="SKYHOOK_FUNCTIONS"):
        read_settings(replace(configuration(tmp_path), functions=tmp_path / "none.toml"), INSTALLED)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[Tool]\nmin_conainers = 1", "min_conainers"),
        ("[Tol]\nmin_containers = 1", "no function 'Tol'"),
        ("[Tool]\nmin_containers = 3\nmax_containers = 2", "3 containers at least and 2 at most"),
        ("[Tool]\nmax_containers = 0", "at most 1 or more"),
        ("[Tool]\ngpu_snapshot = true", "no GPU"),
        ("[Serial]\nmin_containers = 2", "stateful"),
        ("[Answerer]\nmin_containers = 1", "containers for each model"),
        ("[Alone]\nmin_containers = 1", "regions only"),
        ('[Alone]\ngpu = "L4"', "regions only"),
        ("[Tool", "cannot be read"),
    ],
)
def test_wrong_settings_are_told_with_their_file(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"functions\.toml") as raised:
        written(tmp_path, text)
    assert sentence in raised.value.message


def test_modal_is_told_of_containers_regions_and_the_gpus_in_their_order(modal_server: ModalServer) -> None:
    made = deployed(
        modal_server,
        TOOL,
        FunctionSettings(
            min_containers=1,
            buffer_containers=2,
            max_containers=5,
            regions=("us", "eu"),
            gpu=("H100", "A100-80GB:2"),
            gpu_snapshot=True,
        ),
    )
    scaling = made.definition.autoscaler_settings
    assert (scaling.min_containers, scaling.buffer_containers, scaling.max_containers) == (1, 2, 5)
    assert list(made.definition.scheduler_placement.regions) == ["us", "eu"]
    assert [(one.resources.gpu_config.gpu_type, one.resources.gpu_config.count) for one in made.ranked] == [
        ("H100", 1),
        ("A100-80GB", 2),
    ]
    assert made.definition.checkpointing_enabled
    assert dict(made.definition.experimental_options) == {"enable_gpu_snapshot": "True"}
    (secret,) = made.definition.secret_ids
    assert modal_server.state.secrets[secret]["SKYHOOK_GPU"] == "H100,A100-80GB:2"


def test_a_function_with_a_gpu_runs_without_a_snapshot_unless_that_is_asked_for(
    modal_server: ModalServer,
) -> None:
    made = deployed(modal_server, TOOL, FunctionSettings(gpu="T4"))
    assert made.definition.resources.gpu_config.gpu_type == "T4"
    assert not made.definition.checkpointing_enabled
    assert not made.definition.experimental_options


async def test_a_container_runs_what_the_settings_have_changed(
    modal_server: ModalServer, tmp_path: Path
) -> None:
    app = app_module.build([Tool], {TOOL.name: FunctionSettings(gpu=("H100", "T4"), gpu_snapshot=True)})
    await app.deploy.aio(name="skyhook")
    backend = ModalCompute(configuration(tmp_path), {})
    assert await backend.call(Tool.echo, Text("hello")) == Text("hello")
    await backend.close()
