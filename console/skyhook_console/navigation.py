"""Where the pages of the console are, for its tabs and its command palette."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skyhook.accounts.models import Member

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


def entries(members: Iterable[Member], member: Member | None, administers_instance: bool) -> list[Link]:
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
        *others,
        *instance,
        Link("/console/account", "Account", "You"),
        Link(api, "GraphiQL", "API"),
    ]
