"""`skyhook plugins check`: each check passes on a sound plugin, and fails on one that breaks it."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, text

from skyhook.conformance.running import CHECKS, judge
from skyhook.conformance.subject import Subject
from skyhook.errors import NotFound
from skyhook.graphql.context import Context
from skyhook.plugins.host import PluginHost
from skyhook.plugins.manifest import ConsoleForm, ConsolePage, Example, Meter, Model, Operation, Plugin, Scope
from skyhook_console.plugin_templates import templates_of

FUNCTIONS = """
from msgspec import Struct
from skyhook.function import function

class Asked(Struct):
    place: str

@function(requirements=("numpy",))
class Forecaster:
    def forecast(self, asked: Asked) -> Asked:
        return asked
"""
SCHEMA = """
from typing import Annotated
import strawberry
from skyhook.plugin import Info

Place = Annotated[str, strawberry.argument(description="Where.")]

@strawberry.type(description="The weather to come.")
class WeatherForecast:
    text: str = strawberry.field(description="In words.")

@strawberry.type
class WeatherQuery:
    @strawberry.field(description="Forecasts the weather.")
    async def weather_forecast(self, info: Info, place: Place) -> WeatherForecast:
        return WeatherForecast(text="sun")
"""
FORECAST = Example(
    slug="forecast",
    title="Forecast",
    description="The weather of a place.",
    document="query Forecast($place: String!) { weatherForecast(place: $place) { text } }",
    variables={"place": "Oslo"},
    text="weatherForecast.text",
)
TEMPLATE = """
{% call console.form("log", "Log it") %}{{ console.field("text", "What falls") }}{% endcall %}
{% call console.table(["Text"]) %}{% for one in log %}<tr><td>{{ one }}</td></tr>{% endfor %}{% endcall %}
"""
MIGRATION = """
import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
def upgrade():
    op.create_table("weather_log", sa.Column("id", sa.Integer(), primary_key=True))
"""


async def show(context: Context, query: Mapping[str, str]) -> Mapping[str, Any]:
    """What is logged, by the plugin's own table."""
    async with context.services.database.read() as session:
        return {"log": (await session.execute(text("SELECT id FROM weather_log"))).all()}


async def log(context: Context, fields: Mapping[str, str]) -> None:
    raise AssertionError("a check sends no form")


async def show_nothing(context: Context, query: Mapping[str, str]) -> Mapping[str, Any]:
    raise NotFound("Name a place.")


PAGE = ConsolePage(
    slug="log",
    title="Log",
    template="sound_weather:templates/log.html",
    scope="weather:read",
    show=show,
    forms=(ConsoleForm("log", "weather:read", log),),
)


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    """A plugin that keeps the contract, whose files a test can write anew before it is checked."""
    package = tmp_path / "sound_weather"
    (package / "migrations").mkdir(parents=True)
    (package / "weights").mkdir()
    (package / "weights" / "model.bin").write_bytes(b"1")
    (package / "__init__.py").write_text("")
    (package / "schema.py").write_text(SCHEMA)
    (package / "migrations" / "0001_log.py").write_text(MIGRATION)
    (package / "templates").mkdir()
    (package / "templates" / "log.html").write_text(TEMPLATE)
    (tmp_path / "sound_weather_functions.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(str(tmp_path))
    templates_of.cache_clear()
    before = set(sys.modules)
    tables = MetaData()
    Table("weather_log", tables, Column("id", Integer, primary_key=True))
    plugin = Plugin(
        name="weather",
        version="1.0",
        title="Weather",
        description="Tells the weather.",
        query=importlib.import_module("sound_weather.schema").WeatherQuery,
        operations=(Operation("weatherForecast", "weather:read", ("weather.calls",)),),
        functions=(importlib.import_module("sound_weather_functions").Forecaster,),
        meters=(Meter("weather.calls", "Calls", "call", 100),),
        scopes=(Scope("weather:read", "Read the weather"),),
        models=(Model("clouds", "Clouds", "sound_weather:weights", "small"),),
        playground=(FORECAST,),
        pages=(PAGE,),
        tables=tables,
        migrations="sound_weather:migrations",
    )
    others = PluginHost.discover().loaded
    packages = {other.name: f"skyhook_{other.name}" for other in others}
    yield Subject(plugin, "sound_weather", others, packages)
    for name in set(sys.modules) - before:
        if name.startswith("sound_weather"):
            del sys.modules[name]


def problems(subject: Subject, check: str) -> str:
    return "; ".join(CHECKS[check](subject))


def with_manifest(subject: Subject, **changes: Any) -> Subject:
    return replace(subject, plugin=replace(subject.plugin, **changes))


def test_a_sound_plugin_passes_every_check(sound: Subject) -> None:
    verdicts = list(judge(sound))
    assert {verdict.check: verdict.problems for verdict in verdicts} == {name: [] for name in CHECKS}


@pytest.mark.parametrize(
    ("check", "changes", "told"),
    [
        ("manifest", {"scopes": ()}, "which it doesn't declare"),
        ("manifest", {"settings": dict}, "must be a frozen msgspec Struct"),
        ("contract", {"api": 2}, "speaks plugin API 2"),
        (
            "collisions",
            {"models": (Model("skyhook-small", "x", "p:m", "small"),)},
            "collides with one of chat",
        ),
        ("collisions", {"meters": (Meter("chat.input_tokens", "x", "x", 1),)}, "is already that of chat"),
        ("collisions", {"scopes": (Scope("keys:read", "x"),)}, "is already that of the core"),
        ("meters", {"meters": (Meter("weather.calls", "Calls", "call", -1),)}, "must be whole nano-dollars"),
        ("meters", {"meters": (Meter("weather.calls", "", "call", 1),)}, "needs a title and a unit"),
        ("meters", {"operations": ()}, "no operation uses the meter weather.calls"),
        ("meters", {"models": (Model("m", "M", "p:m", "small", prices={"weather.x": 1}),)}, "no meter"),
        ("operations", {"operations": (Operation("weatherWarn", "weather:read"),)}, "is no root field"),
        ("operations", {"scopes": ()}, "which is not the plugin's"),
        ("operations", {"scopes": (Scope("weather:read", ""),)}, "needs a title"),
        ("manifest", {"playground": (FORECAST, FORECAST)}, "'forecast' is declared twice"),
        ("manifest", {"playground": (replace(FORECAST, slug="Rain!"),)}, "lower-case words"),
        ("manifest", {"playground": (replace(FORECAST, title=""),)}, "needs a title and a description"),
        (
            "playground",
            {"playground": (replace(FORECAST, variables={}),)},
            "example forecast: Variable '$place'",
        ),
        ("playground", {"playground": (replace(FORECAST, samples={"place": "p:x"}),)}, "has no file at p:x"),
        ("manifest", {"pages": (PAGE, PAGE)}, "its page 'log' is declared twice"),
        ("manifest", {"pages": (replace(PAGE, slug="Rain!"),)}, "lower-case words"),
        ("manifest", {"pages": (replace(PAGE, title=""),)}, "its page log needs a title"),
        ("manifest", {"pages": (replace(PAGE, template="../log.html"),)}, "not written as package:path"),
        ("manifest", {"pages": (replace(PAGE, scope="account:write"),)}, "which it doesn't declare"),
        ("manifest", {"pages": (replace(PAGE, show=lambda *_: {}),)}, "needs an async function"),
        ("manifest", {"pages": (replace(PAGE, forms=PAGE.forms * 2),)}, "'log' is declared twice"),
        ("manifest", {"pages": (replace(PAGE, forms=(ConsoleForm("log", "x", log),)),)}, "the scope 'x'"),
        ("pages", {"pages": (replace(PAGE, template="sound_weather:no.html"),)}, "there is no such file"),
        ("pages", {"pages": (replace(PAGE, template="no_such_package:no.html"),)}, "No module named"),
        ("pages", {"pages": (replace(PAGE, forms=()),)}, "the page log has no form 'log'"),
        ("pages", {"pages": (replace(PAGE, show=log, forms=PAGE.forms),)}, "a check sends no form"),
        ("pages", {"pages": (replace(PAGE, show=show_nothing),)}, ""),
        ("models", {"models": (Model("m", "M", "sound_weather:nothing", "small"),)}, "has no files"),
        ("models", {"models": (Model("m", "M", "no_such_package:x", "small"),)}, "has no files"),
        ("migrations", {"migrations": None}, "go together"),
        ("migrations", {"tables": MetaData()}, "'weather_log', which no model describes"),
    ],
)
def test_a_manifest_that_breaks_a_check_fails_it(
    sound: Subject, check: str, changes: dict[str, Any], told: str
) -> None:
    assert told in problems(with_manifest(sound, **changes), check)


def test_a_table_of_the_core_is_not_the_plugins(sound: Subject) -> None:
    tables = MetaData()
    Table("login_failures", tables, Column("id", Integer))
    changed = with_manifest(sound, name="login", tables=tables)
    assert "'login_failures' is already that of the core" in problems(changed, "collisions")


def test_migrations_that_leave_a_column_out_fail(sound: Subject) -> None:
    assert sound.plugin.tables is not None
    sound.plugin.tables.tables["weather_log"].append_column(Column("place", String(20)))
    assert "add_column" in problems(sound, "migrations")


def test_a_page_that_is_not_shown_in_time_fails(sound: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(context: Context, query: Mapping[str, str]) -> Mapping[str, Any]:
        await asyncio.sleep(60)
        return {}

    monkeypatch.setattr("skyhook.conformance.pages.SHOW_S", 0.1)
    changed = with_manifest(sound, pages=(replace(PAGE, show=wait),))
    assert problems(changed, "pages") == "its page log is not shown within 0.1 s"


def test_a_second_revision_without_a_downgrade_fails(sound: Subject, tmp_path: Path) -> None:
    second = MIGRATION.replace('"0001"', '"0002"').replace("down_revision = None", 'down_revision = "0001"')
    path = tmp_path / "sound_weather" / "migrations" / "0002_more.py"
    path.write_text(second)
    assert "its revision 0002 has no downgrade" in problems(sound, "reversals")
    path.write_text(f"{second}def downgrade():\n    pass\n")
    assert problems(sound, "reversals") == ""


def test_migrations_that_cannot_run_fail_with_the_reason(sound: Subject, tmp_path: Path) -> None:
    migration = tmp_path / "sound_weather" / "migrations" / "0001_log.py"
    migration.write_text(MIGRATION.replace("op.create_table", "op.no_such_thing"))
    verdict = next(one for one in judge(sound) if one.check == "migrations")
    assert "no_such_thing" in verdict.problems[0]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{% if %}", "log.html:1: Expected an expression"),
        ("{{ log | shout }}", "No filter named 'shout'"),
        ("{{ nothing }}", "its page log cannot be shown: UndefinedError: 'nothing' is undefined"),
        ("<script>alert(1)</script>", "has a <script>, which browsers ignore here"),
        ('<p style="color: red">', "has style= on <p>"),
        ('<a onclick="go()">', "has onclick= on <a>"),
        ('<a href="javascript:go()">', "has href= on <a>"),
        ('<form method="post"><input name="x"></form>', "without the console's token"),
        ('<form method="get"><input name="x"></form>', ""),
    ],
)
def test_a_page_that_cannot_be_shown_as_it_is_fails(
    sound: Subject, tmp_path: Path, written: str, told: str
) -> None:
    (tmp_path / "sound_weather" / "templates" / "log.html").write_text(written)
    found = problems(sound, "pages")
    assert told in found
    assert bool(told) == bool(found)


@pytest.mark.parametrize(
    ("check", "written", "instead", "told"),
    [
        (
            "descriptions",
            ' = strawberry.field(description="In words.")',
            "",
            "WeatherForecast.text has no description",
        ),
        (
            "descriptions",
            'strawberry.argument(description="Where.")',
            '"where"',
            "Query.weatherForecast(place:) has no description",
        ),
        (
            "collisions",
            "WeatherForecast",
            "ChatModel",
            "its type 'ChatModel' is already that of plugin 'chat'",
        ),
        ("collisions", "weather_forecast", "rain_forecast", "must begin with the plugin's name"),
    ],
)
def test_a_schema_that_is_not_described_or_takes_a_name_fails(
    sound: Subject, tmp_path: Path, check: str, written: str, instead: str, told: str
) -> None:
    (tmp_path / "sound_weather" / "other_schema.py").write_text(SCHEMA.replace(written, instead))
    schema = importlib.import_module("sound_weather.other_schema")
    assert told in problems(with_manifest(sound, query=schema.WeatherQuery), check)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import numpy", "imports numpy: import it in `load`"),
        ("from skyhook.plugin import Plugin", "keep functions in modules of their own"),
        ("raise SystemExit(3)", "cannot be imported"),
    ],
)
def test_a_function_that_needs_more_than_its_contract_to_be_imported_fails(
    sound: Subject, tmp_path: Path, line: str, told: str
) -> None:
    (tmp_path / "sound_weather_functions.py").write_text(f"{line}\n{FUNCTIONS}")
    assert told in problems(sound, "functions")


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("schema.py", "import skyhook.billing", "a plugin imports skyhook.plugin only"),
        ("schema.py", "from skyhook import database", "imports skyhook.database"),
        ("schema.py", "from skyhook_chat.scopes import READ", "which is of the plugin chat"),
        ("schema.py", "import skyhook_functions.chat.local", "which is of the functions of chat"),
        ("schema.py", "from skyhook_console import routes", "which is of the console"),
        (
            "../sound_weather_functions.py",
            "import skyhook.plugin",
            "a function imports skyhook.function only",
        ),
    ],
)
def test_an_import_of_what_is_not_its_own_fails(
    sound: Subject, tmp_path: Path, file: str, line: str, told: str
) -> None:
    path = tmp_path / "sound_weather" / file
    path.write_text(f"{path.read_text()}\ndef later():\n    {line}\n")
    assert told in problems(sound, "imports")


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "no description"),
        ({"Summary": "x", "Project-URL": "Documentation, docs/weather.md"}, "must begin with https://"),
        ({"Summary": "x", "Project-URL": "Documentation, https://example.com"}, ""),
    ],
)
def test_a_distribution_says_what_it_is_and_where_it_is_explained(
    sound: Subject, headers: dict[str, str], told: str
) -> None:
    metadata = Message()
    for name, value in headers.items():
        metadata[name] = value
    distribution = cast(Distribution, SimpleNamespace(metadata=metadata))
    assert told in problems(replace(sound, distribution=distribution), "documentation")


def test_a_plugin_says_what_it_is_for(sound: Subject) -> None:
    silent = replace(sound, plugin=replace(sound.plugin, description=""))
    assert "does not say what it is for" in problems(silent, "documentation")


def run(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`skyhook plugins check`, in an installation that has the plugins in `path` as well."""
    paths = [str(path)] if path else []
    paths += filter(None, [os.environ.get("PYTHONPATH")])
    return subprocess.run(
        [sys.executable, "-m", "skyhook", "plugins", "check", *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_built_in_plugin_keeps_the_contract() -> None:
    checked = run()
    assert checked.returncode == 0, checked.stdout + checked.stderr
    lines = [line.split() for line in checked.stdout.splitlines()]
    names = {"chat", "code", "imagine", "macrohard", "money", "voice"}
    assert {(line[0], line[1]) for line in lines} >= {(name, check) for name in names for check in CHECKS}
    assert {line[2] for line in lines} == {"ok"}


def test_a_named_plugin_is_checked_alone_and_a_broken_one_fails(tmp_path: Path) -> None:
    for name, more in {"rain": "", "snow": ", api=99", "hail": ""}.items():
        (tmp_path / f"{name}_plugin.py").write_text(
            "from skyhook.plugin import Meter, Plugin\n"
            f"plugin = Plugin(name={name!r}, version='1', title='x', "
            f"meters=(Meter('{name}.drops', 'Drops', 'drop', 1),){more})\n"
        )
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[skyhook.plugins]\n{name} = {name}_plugin:plugin\n")
    (tmp_path / "hail_plugin.py").write_text(
        "from skyhook.plugin import ConsolePage, Plugin, Scope\nasync def show(context, query): return {}\n"
        "page = ConsolePage('list', 'List', 'hail_plugin:list.html', 'hail:read', show)\n"
        "scopes = (Scope('hail:read', 'Read'),)\n"
        "plugin = Plugin(name='hail', version='1', title='x', scopes=scopes, pages=(page,))\n"
    )
    checked = run("rain", "snow", "hail", path=tmp_path)
    assert checked.returncode == 1
    assert {line.split()[0] for line in checked.stdout.splitlines()} == {"rain", "snow", "hail"}
    assert "no operation uses the meter rain.drops" in checked.stdout
    assert "it speaks plugin API 99" in checked.stdout
    assert "the template hail_plugin:list.html of its page list cannot be read" in checked.stdout


def test_a_plugin_that_is_not_installed_cannot_be_checked() -> None:
    unknown = run("hail")
    assert unknown.returncode == 1
    assert "No plugin 'hail' is installed" in unknown.stderr
