"""Runs every check on a plugin; what each finds is sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TypeAlias

from skyhook.conformance import documentation, functions, manifest, pages, sources, tables
from skyhook.conformance.subject import Subject
from skyhook.plugins.host import GROUP, PluginHost

Check: TypeAlias = Callable[[Subject], Iterable[str]]

CHECKS: Mapping[str, Check] = {
    "manifest": manifest.holds_together,
    "contract": manifest.speaks_this_contract,
    "collisions": manifest.collides_with_nobody,
    "meters": manifest.has_prices,
    "operations": manifest.reaches_operations,
    "playground": manifest.can_be_tried,
    "pages": pages.can_be_shown,
    "descriptions": documentation.describes_its_schema,
    "documentation": documentation.says_what_it_is,
    "migrations": tables.migrates_to_its_tables,
    "downgrades": tables.undoes_its_migrations,
    "reversals": tables.can_take_upgrades_back,
    "models": manifest.ships_models,
    "functions": functions.can_be_imported,
    "imports": sources.imports_what_it_may,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found."""

    plugin: str
    check: str
    problems: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        """Whether there is nothing to mend."""
        return not self.problems


def judge(subject: Subject) -> Iterator[Verdict]:
    """Every check of one plugin; one that cannot be run counts as failed."""
    for name, check in CHECKS.items():
        try:
            problems = list(check(subject))
        except Exception as error:
            problems = [f"the check could not be run: {type(error).__name__}: {error}"]
        yield Verdict(subject.plugin.name, name, problems)


def judge_all(host: PluginHost, names: Sequence[str] = ()) -> Iterator[Verdict]:
    """Every check of the installed plugins, or of those that are named; what cannot be loaded has failed."""
    entries = {entry.name: entry for entry in entry_points(group=GROUP)}
    for broken in host.broken:
        if not names or broken.name in names:
            yield Verdict(broken.name, "loads", [broken.reason])
    for plugin in host.loaded:
        if not names or plugin.name in names:
            others = [other for other in host.loaded if other is not plugin]
            entry = entries[plugin.name]
            packages = {
                other.name: entries[other.name].module.partition(".")[0]
                for other in others
                if other.name in entries
            }
            yield from judge(Subject(plugin, entry.module.partition(".")[0], others, packages, entry.dist))
