"""Where the pages of the console are, for its tabs and its command palette."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skyhook.accounts.models import Member
from skyhook.operations.caller import Caller
from skyhook.plugins.manifest import Plugin

PAGES = (
    ("", "Overview"),
    ("/playground", "Playground"),
    ("/keys", "Keys"),
    ("/usage", "Usage"),
    ("/billing", "Billing"),
    ("/jobs", "Jobs"),
    ("/files", "Files"),
    ("/plugins", "Plugins"),
    ("/functions", "Functions"),
    ("/members", "Members"),
    ("/audit", "Audit log"),
    ("/organization", "Organization"),
)
"""Of an organization: the address below its own, and the name."""
INSTANCE = (
    ("/console/instance/plugins", "Plugins of the instance"),
    ("/console/instance/functions", "Functions of the instance"),
)
"""For those who administer it."""
ACTS = (("/keys/new", "Create a key"),)
"""What the palette offers beside the pages."""


@dataclass(frozen=True, slots=True)
class Link:
    """A page to go to."""

    address: str
    title: str
    group: str = ""


def home(member: Member) -> str:
    """The address of an organization's overview."""
    return f"/console/o/{member.organization.slug}"


def tabs(member: Member) -> list[Link]:
    """The pages of an organization."""
    return [Link(home(member) + address, title) for address, title in PAGES]


def pages_of(plugin: Plugin, member: Member, caller: Caller) -> list[Link]:
    """The pages of a plugin's own that somebody may see in an organization; none where it is switched off."""
    if plugin.name in caller.disabled_plugins:
        return []
    address = f"{home(member)}/plugins/{plugin.name}/pages"
    return [
        Link(f"{address}/{page.slug}", page.title, plugin.title)
        for page in plugin.pages
        if caller.has_scope(page.scope)
    ]


def entries(
    members: Iterable[Member],
    member: Member | None,
    administers_instance: bool,
    pages_of_plugins: Iterable[Link],
) -> list[Link]:
    """Everything that the palette leads to; pages of other organizations by their overview."""
    here = [
        Link(home(member) + address, title, member.organization.name)
        for address, title in (*PAGES, *ACTS)
        if member is not None
    ]
    others = [
        Link(home(one), one.organization.name, "Organization")
        for one in members
        if member is None or one.id != member.id
    ]
    instance = [Link(*one, "Instance") for one in INSTANCE if administers_instance]
    api = f"/graphql?organization={member.organization.slug}" if member else "/graphql"
    return [
        *here,
        *pages_of_plugins,
        *others,
        *instance,
        Link("/console/account", "Account", "You"),
        Link(api, "GraphiQL", "API"),
    ]
