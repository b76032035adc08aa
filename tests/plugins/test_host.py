"""The plugin host: what it loads, what it refuses, and that a broken plugin harms nobody."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table

from skyhook.function import Evaluated, TrainingEvent, TrainingRequest, function
from skyhook.plugins.checks import check
from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.host import GROUP, PluginHost
from skyhook.plugins.manifest import (
    Bar,
    JobSpec,
    Meter,
    Model,
    Operation,
    Plugin,
    Scope,
    Training,
    WebSocketRoute,
)
from skyhook.plugins.websocket import WebSocket


async def watch(socket: WebSocket) -> None:
    await socket.close()


ROUTE = WebSocketRoute("/v1/watch", "weather:read", watch)
GOOD = Plugin(
    name="weather",
    version="1.0",
    title="Weather",
    operations=(Operation("weatherForecast", "weather:read", ("weather.calls",)),),
    meters=(Meter("weather.calls", "Calls", "call", 100),),
    scopes=(Scope("weather:read", "Read the weather"),),
    routes=(ROUTE,),
)


@function()
class Learner:
    def train(self, request: TrainingRequest) -> Iterator[TrainingEvent]:
        yield Evaluated([])

    def guess(self, request: TrainingRequest) -> Evaluated:
        return Evaluated([])


RAIN = Model("rain", "Rain", "skyhook:weights/rain", "small")
TRAINING = Training(RAIN, Learner.train, (Bar("dry", 0.5),))
LEARNING = replace(GOOD, functions=(Learner,), trainings=(TRAINING,))


def entry(name: str, module: str) -> EntryPoint:
    return EntryPoint(name=name, value=f"{module}:plugin", group=GROUP)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that can be imported for the length of the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("host_test_"):
            del sys.modules[name]


def write(modules: Path, name: str, body: str) -> str:
    module = f"host_test_{name}"
    (modules / f"{module}.py").write_text(body)
    return module


MANIFEST = "from skyhook.plugin import Plugin\nplugin = Plugin(name={name!r}, version='1', title='x'{more})\n"


def test_a_sound_plugin_is_loaded(modules: Path) -> None:
    host = PluginHost.discover([entry("rain", write(modules, "rain", MANIFEST.format(name="rain", more="")))])
    assert [plugin.name for plugin in host.loaded] == ["rain"]
    assert host.broken == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("plugin = 7", "must name a skyhook.plugin.Plugin"),
        ("x = 1", "AttributeError"),
        (MANIFEST.format(name="other", more=""), "its manifest is named 'other'"),
        (MANIFEST.format(name="rain", more=", api=99"), "speaks plugin API 99"),
    ],
)
def test_a_broken_plugin_is_shown_with_its_reason_and_harms_no_other(
    modules: Path, body: str, reason: str
) -> None:
    host = PluginHost.discover(
        [
            entry("rain", write(modules, "rain", body)),
            entry("snow", write(modules, "snow", MANIFEST.format(name="snow", more=""))),
        ]
    )
    assert [plugin.name for plugin in host.loaded] == ["snow"]
    assert host.broken[0].name == "rain"
    assert reason in host.broken[0].reason


def test_the_second_plugin_of_one_name_is_refused(modules: Path) -> None:
    first = write(modules, "first", MANIFEST.format(name="rain", more=""))
    second = write(modules, "second", MANIFEST.format(name="rain", more=""))
    host = PluginHost.discover([entry("rain", first), entry("rain", second)])
    assert len(host.loaded) == 1
    assert "another plugin of this name" in host.broken[0].reason


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (replace(GOOD, name="Weather"), "lower-case"),
        (replace(GOOD, name="billing"), "reserved"),
        (replace(GOOD, meters=(Meter("chat.tokens", "t", "token", 1),)), "must begin with 'weather.'"),
        (replace(GOOD, meters=(GOOD.meters[0], GOOD.meters[0])), "declared twice"),
        (replace(GOOD, meters=(Meter("weather.calls", "t", "call", -1),)), "negative price"),
        (replace(GOOD, scopes=(Scope("weather:other", "x"),)), "doesn't declare"),
        (replace(GOOD, meters=()), "doesn't declare"),
        (replace(GOOD, functions=(int,)), "not marked"),
        (replace(GOOD, operations=(replace(GOOD.operations[0], job=JobSpec(dict, dict, print)),)), "Structs"),
        (replace(GOOD, routes=(ROUTE, ROUTE)), "'/v1/watch' is declared twice"),
        (replace(GOOD, routes=(replace(ROUTE, path="watch"),)), "must begin with '/'"),
        (replace(GOOD, routes=(replace(ROUTE, path="/../watch"),)), "must be a path of"),
        (replace(GOOD, routes=(replace(ROUTE, scope="chat:complete"),)), "which it doesn't declare"),
        (
            replace(GOOD, trainings=(TRAINING,)),
            "Learner.train, which trains rain, is of none of its functions",
        ),
        (replace(GOOD, trainings=(replace(TRAINING, train=print),)), "is of none of its functions"),
        (replace(LEARNING, trainings=(TRAINING, TRAINING)), "'rain' is declared twice"),
        (replace(LEARNING, trainings=(replace(TRAINING, gate=()),)), "needs bars"),
        (replace(LEARNING, trainings=(replace(TRAINING, gate=(Bar("dry", 2.0),)),)), "at most 1"),
        (
            replace(LEARNING, trainings=(replace(TRAINING, train=Learner.guess),)),
            "must take a TrainingRequest",
        ),
        (replace(LEARNING, models=(replace(RAIN, title="Snow"),)), "describe rain differently"),
    ],
)
def test_a_manifest_that_does_not_hold_together_is_refused(manifest: Plugin, reason: str) -> None:
    with pytest.raises(PluginBroken) as caught:
        check(manifest)
    assert reason in caught.value.reason


def test_a_model_can_be_trained_that_ships_or_not() -> None:
    check(LEARNING)
    check(replace(LEARNING, models=(RAIN,)))
    assert replace(LEARNING, models=(RAIN,)).every_model == LEARNING.every_model == (RAIN,)


def test_a_table_must_carry_the_plugins_name() -> None:
    tables = MetaData()
    Table("users", tables, Column("id", Integer, primary_key=True))
    with pytest.raises(PluginBroken, match="must begin with 'weather_'"):
        check(replace(GOOD, tables=tables))


def test_a_model_may_not_take_anothers_name(modules: Path) -> None:
    more = ", models=(Model('m', 'M', 'package:m', 'small', 10),)"
    head = "from skyhook.plugin import Model\n"
    first = write(modules, "first", head + MANIFEST.format(name="rain", more=more))
    second = write(modules, "second", head + MANIFEST.format(name="snow", more=more))
    host = PluginHost.discover([entry("rain", first), entry("snow", second)])
    assert "its model m collides with one of rain" in host.broken[0].reason


def test_the_good_manifest_passes() -> None:
    check(replace(GOOD, models=(Model("m", "M", "package:m", "small", 10),)))
