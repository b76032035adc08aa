"""What each role may do, as scopes."""

from __future__ import annotations

from collections.abc import Iterable

from skyhook.accounts.models import Role
from skyhook.scopes import ACCOUNT_READ, ACCOUNT_WRITE, BILLING_READ, BILLING_WRITE, KEYS_READ, USAGE_READ

_OF_BILLING = frozenset({ACCOUNT_READ, BILLING_READ, BILLING_WRITE, KEYS_READ, USAGE_READ})


def scopes_of(role: Role, known: Iterable[str]) -> frozenset[str]:
    """A member's scopes, of all that the core and the plugins know.

    Owners and administrators may do everything, developers all but change members and spend
    money; billing sees what is spent and by whom, and buys credit; viewers read.
    """
    match role:
        case Role.OWNER | Role.ADMIN:
            return frozenset({"*"})
        case Role.DEVELOPER:
            return frozenset(known) - {ACCOUNT_WRITE, BILLING_WRITE}
        case Role.BILLING:
            return _OF_BILLING
        case Role.VIEWER:
            return frozenset(scope for scope in known if scope.endswith(":read"))


POWERFUL = (Role.OWNER, Role.ADMIN)
"""Whoever gets one of these could keep the others out."""
MAY = {
    Role.OWNER: "Everything, and make others owners.",
    Role.ADMIN: "Everything, but not change or remove owners.",
    Role.DEVELOPER: "Call the API, manage keys, jobs, artifacts and webhooks. See members.",
    Role.BILLING: "Buy credit. See the balance, usage, keys and members.",
    Role.VIEWER: "See everything, change nothing.",
}
"""The same in words, for people."""
