"""Who is calling: an API key or a console session, resolved once for each request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from skyhook.errors import Forbidden
from skyhook.plugins.errors import PluginDisabled


@dataclass(frozen=True, slots=True)
class Caller:
    """The one identity that every service takes."""

    organization_id: UUID
    user_id: UUID | None
    """The member behind a session, or the one who made the key."""
    key_id: UUID | None
    """None for a console session."""
    scopes: frozenset[str]
    limits_key_id: UUID | None = None
    """The key whose rate limit and budget are drawn from; rotated keys share those of the first one."""
    rate_limit_per_minute: int | None = None
    """In points."""
    monthly_budget: int | None = None
    """In nano-dollars for each calendar month in UTC."""
    expires_at: datetime | None = None
    allowed_ips: tuple[str, ...] = ()
    """The key's allow-list, checked already."""
    disabled_plugins: frozenset[str] = frozenset()
    """The plugins that the organization has switched off."""
    is_recent: bool = True
    """Whether whoever is behind a session has shown lately who they are; always so for a key."""

    def has_scope(self, scope: str) -> bool:
        """Whether the caller carries `scope` itself, its plugin's `*`, or the `*` of everything."""
        domain, _, _ = scope.partition(":")
        return not self.scopes.isdisjoint((scope, f"{domain}:*", "*"))

    def covers(self, scope: str) -> bool:
        """Whether everything that `scope` allows, which may be a `*` itself, is allowed to the caller."""
        return "*" in self.scopes if scope == "*" else self.has_scope(scope)

    def require(self, scope: str) -> None:
        """Raises Forbidden: ScopeMissing without `scope`, PluginDisabled where its plugin is switched off."""
        if self.disabled_plugins and (plugin := scope.partition(":")[0]) in self.disabled_plugins:
            raise PluginDisabled(plugin)
        if not self.has_scope(scope):
            if self.key_id is None:
                raise ScopeMissing(f"Your role lacks the scope {scope!r}. Ask an owner or an administrator.")
            raise ScopeMissing(
                f"This key lacks the scope {scope!r}. Create a key that has it, or ask an administrator."
            )

    def require_recent(self) -> None:
        """Raises LoginTooOld before what is dangerous in a browser that somebody left alone, or lost."""
        if not self.is_recent:
            raise LoginTooOld(
                "Your login is a while ago. Do this in the console, which asks once more who you are, "
                "or log in again."
            )


class LoginTooOld(Forbidden):
    """What is dangerous needs a login of the last 15 minutes."""

    code = "LOGIN_TOO_OLD"


class ScopeMissing(Forbidden):
    """The key, or the member's role, lacks the scope that the operation needs."""

    code = "SCOPE_MISSING"
