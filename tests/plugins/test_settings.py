"""Settings of plugins: what may be declared, what text means, which source wins, who learns of a change."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct
from sqlalchemy import select

from skyhook.accounts.models import AuditEvent
from skyhook.accounts.service import Accounts
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.operations.caller import Caller
from skyhook.plugins.configuring import PluginSettings
from skyhook.plugins.errors import PluginBroken, SettingInvalid
from skyhook.plugins.host import PluginHost
from skyhook.plugins.manifest import Operation, Plugin, Scope
from skyhook.plugins.models import PluginSetting
from skyhook.plugins.settings import SECRET, from_environment, settings_of

INSTANCE_SECRET = b"s" * 32


class Weather(Struct, frozen=True):
    """One setting of each kind."""

    cold: Annotated[bool, Meta(description="x")] = False
    hours: Annotated[int, Meta(description="x", ge=1, le=48)] = 24
    weight: Annotated[float, Meta(description="x", gt=0)] = 1.5
    unit: Annotated[Literal["C", "F"], Meta(description="x")] = "C"
    places: Annotated[tuple[str, ...], Meta(description="x", max_length=2)] = ()
    station: Annotated[str, Meta(description="x", max_length=5)] = ""
    token: Annotated[str, Meta(description="x", max_length=9, extra=SECRET)] = ""


PLUGIN = Plugin(
    name="weather",
    version="1",
    title="Weather",
    operations=(Operation("weatherForecast", "weather:read"),),
    scopes=(Scope("weather:read", "Read"),),
    settings=Weather,
)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("cold", "true", True),
        ("cold", "False", False),
        ("cold", " ", False),
        ("hours", " 12 ", 12),
        ("hours", "", 24),
        ("weight", "2", 2.0),
        ("unit", "F", "F"),
        ("places", "Oslo, New York,", ("Oslo", "New York")),
        ("station", " a b", " a b"),
    ],
)
def test_text_becomes_a_value_and_nothing_the_default(name: str, text: str, value: object) -> None:
    (setting,) = [one for one in settings_of(PLUGIN) if one.name == name]
    parsed = setting.parse(text)
    assert (parsed, type(parsed)) == (value, type(value))
    assert setting.parse(setting.text(parsed)) == parsed


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("COLD", "maybe", "must be true or false, not 'maybe'"),
        ("HOURS", "nonsense", "must be a whole number from 1 to 48, not 'nonsense'"),
        ("HOURS", "49", "must be a whole number from 1 to 48, not '49'"),
        ("HOURS", "1.5", "must be a whole number from 1 to 48, not '1.5'"),
        ("WEIGHT", "0", "must be a number above 0, not '0'"),
        ("UNIT", "K", "must be one of C, F, not 'K'"),
        ("PLACES", "a,b,c", "must be texts with commas between them of 0 to 2 items"),
        ("STATION", "too long", "must be text of 0 to 5 characters, not 'too long'"),
    ],
)
def test_a_wrong_variable_breaks_the_plugin_and_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, told: str
) -> None:
    monkeypatch.setenv(f"SKYHOOK_WEATHER_{variable}", text)
    with pytest.raises(PluginBroken) as caught:
        from_environment(PLUGIN)
    assert f"SKYHOOK_WEATHER_{variable} {told}" in caught.value.reason


def test_a_wrong_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYHOOK_WEATHER_TOKEN", "too long a secret")
    with pytest.raises(PluginBroken) as caught:
        from_environment(PLUGIN)
    assert "SKYHOOK_WEATHER_TOKEN must be" in caught.value.reason
    assert "too long" not in caught.value.reason


def test_a_wrong_variable_harms_no_other_plugin() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "skyhook", "plugins", "list"],
        env=os.environ | {"SKYHOOK_VOICE_SESSION_S": "nonsense"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "voice        broken: SKYHOOK_VOICE_SESSION_S must be a whole number" in done.stdout
    assert "chat         0.1.0" in done.stdout


class Thawed(Struct):
    hours: Annotated[int, Meta(description="x")] = 1


class Undescribed(Struct, frozen=True):
    hours: int = 1


class Required(Struct, frozen=True, kw_only=True):
    hours: Annotated[int, Meta(description="x")]


class Odd(Struct, frozen=True):
    hours: Annotated[dict[str, int] | None, Meta(description="x")] = None


class OutOfBounds(Struct, frozen=True):
    hours: Annotated[int, Meta(description="x", ge=5)] = 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (dict, "must be a frozen msgspec Struct"),
        (Thawed, "must be a frozen msgspec Struct"),
        (Undescribed, "its setting hours has no description"),
        (Required, "its setting hours has no default"),
        (Odd, "its setting hours must be a bool, int"),
        (OutOfBounds, "the default of its setting hours must be a whole number from 5"),
    ],
)
def test_a_settings_class_that_does_not_say_all_is_refused(settings: type, told: str) -> None:
    with pytest.raises(PluginBroken) as caught:
        settings_of(Plugin(name="weather", version="1", title="x", settings=settings))
    assert told in caught.value.reason


async def administrator(database: Database) -> Caller:
    accounts = Accounts(database)
    user = await accounts.create_user("owner@example.com", "Owner")
    organization = await accounts.create_organization("Example", "example", user.id)
    return Caller(organization.id, user.id, None, frozenset({"*"}))


def process(database: Database, secret: bytes = INSTANCE_SECRET) -> tuple[PluginSettings, PluginHost]:
    """What one server process has."""
    host = PluginHost([PLUGIN])
    return PluginSettings(database, secret, host), host


async def started(database: Database, secret: bytes = INSTANCE_SECRET) -> tuple[PluginSettings, PluginHost]:
    settings, host = process(database, secret)
    await settings.start()
    await settings.close()
    return settings, host


async def test_the_environment_wins_over_what_is_saved_and_that_over_the_default(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYHOOK_WEATHER_UNIT", "F")
    caller = await administrator(database)
    settings, _ = process(database)
    await settings.save(caller, "weather", {"unit": "C", "hours": "12"})
    assert settings.of(Weather) == Weather(unit="F", hours=12)
    assert {one.setting.name: one.source for one in settings.known("weather")} == {
        "unit": "environment", "hours": "saved", "cold": "default", "weight": "default",
        "places": "default", "station": "default", "token": "default",
    }  # fmt: skip
    await settings.save(caller, "weather", {"hours": ""})
    assert settings.of(Weather) == Weather(unit="F")
    async with database.read() as session:
        assert list(await session.scalars(select(PluginSetting))) == []


async def test_other_processes_learn_of_a_change_within_seconds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skyhook.plugins.configuring.REFRESH_S", 0.01)
    here, _ = process(database)
    elsewhere, _ = process(database)
    await elsewhere.start()
    try:
        await here.save(await administrator(database), "weather", {"cold": "true"})
        async with asyncio.timeout(10):
            while not elsewhere.of(Weather).cold:  # noqa: ASYNC110 (another process tells nobody)
                await asyncio.sleep(0.01)
    finally:
        await elsewhere.close()


async def test_a_wrong_value_is_refused_by_its_field_and_nothing_is_saved(database: Database) -> None:
    settings, _ = process(database)
    caller = await administrator(database)
    with pytest.raises(SettingInvalid) as caught:
        await settings.save(caller, "weather", {"cold": "true", "hours": "100"})
    assert caught.value.field == "hours"
    assert settings.of(Weather) == Weather()
    with pytest.raises(NotFound):
        await settings.save(caller, "nothing", {})


async def test_a_secret_is_encrypted_where_it_is_stored_and_not_in_the_audit_log(database: Database) -> None:
    settings, _ = process(database)
    await settings.save(await administrator(database), "weather", {"token": "s3cret", "station": "north"})
    again, _ = await started(database)
    assert again.of(Weather).token == "s3cret"
    async with database.read() as session:
        stored = {row.name: row.value for row in await session.scalars(select(PluginSetting))}
        (event,) = await session.scalars(select(AuditEvent).where(AuditEvent.action.startswith("plugin.")))
    assert stored["station"] == b'"north"'
    assert b"s3cret" not in stored["token"]
    assert (event.action, event.details) == (
        "plugin.set",
        {"plugin": "weather", "settings": ["station", "token"]},
    )


async def test_a_secret_of_another_instance_breaks_the_plugin_until_it_is_set_anew(
    database: Database,
) -> None:
    settings, _ = process(database)
    caller = await administrator(database)
    await settings.save(caller, "weather", {"token": "s3cret"})
    moved, host = await started(database, b"t" * 32)
    assert "its setting token was encrypted under another SKYHOOK_SECRET" in host.broken[0].reason
    assert host.loaded == []
    assert host.operations == {}
    await moved.save(caller, "weather", {"token": "new"})
    assert (await started(database, b"t" * 32))[1].broken == []


async def test_what_a_newer_version_no_longer_allows_breaks_the_plugin_with_the_reason(
    database: Database,
) -> None:
    async with database.write() as session:
        session.add(PluginSetting(plugin="weather", name="hours", value=b"1000"))
    _, host = await started(database)
    assert host.broken[0].reason == "its setting hours must be a whole number from 1 to 48, not 1000"


async def test_only_a_plugins_own_class_has_settings(database: Database) -> None:
    settings, _ = process(database)
    other: Any = Thawed
    with pytest.raises(TypeError, match="not the settings class"):
        settings.of(other)
