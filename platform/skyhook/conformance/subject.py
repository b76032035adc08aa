"""What is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution

from skyhook.plugins.manifest import Plugin


@dataclass(frozen=True, slots=True)
class Subject:
    """A plugin with all that a check looks at."""

    plugin: Plugin
    package: str
    """The top-level package or module that its entry point is in."""
    others: Sequence[Plugin] = ()
    """The other plugins of this installation."""
    packages_of_others: Mapping[str, str] = field(default_factory=dict)
    """By the plugin's name."""
    distribution: Distribution | None = None
