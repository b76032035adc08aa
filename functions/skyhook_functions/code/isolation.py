"""Which sandbox programs have: it depends on whom the machine belongs to."""

from __future__ import annotations

from skyhook.function import has_own_machine
from skyhook_functions.code.bubblewrap import BubblewrapSandbox
from skyhook_functions.code.own_machine import OwnMachineSandbox
from skyhook_functions.code.sandbox import Sandbox


def isolation() -> type[Sandbox]:
    """That of the machine on which this runs."""
    return OwnMachineSandbox if has_own_machine() else BubblewrapSandbox
