"""`skyhook invoices`: billing documents, as their operator sees them."""

from __future__ import annotations

import click
from sqlalchemy import select

from skyhook.accounts.models import Organization
from skyhook.cli.run import with_services
from skyhook.invoices.models import BillingDocument
from skyhook.invoices.sheet import dollars
from skyhook.services import Services


@click.group()
def invoices() -> None:
    """Invoices: issue those of a month, list what was issued."""


@invoices.command()
@click.option("--month", help="A month that is over, such as 2026-11; without it, all that are due.")
def issue(month: str | None) -> None:
    """Issue what is due: servers do so by themselves an hour after a month is over in UTC."""

    async def work(services: Services) -> list[BillingDocument]:
        if month is not None:
            return await services.invoices.issue_month(month)
        return await services.invoices.upkeep.round()

    issued = with_services(work)
    for document in issued:
        click.echo(f"{document.number}  {dollars(document.total)}")
    click.echo(f"{len(issued)} issued.")


@invoices.command("list")
@click.argument("organization", required=False)
def list_documents(organization: str | None) -> None:
    """List the documents of ORGANIZATION (its slug), or of all, oldest first."""

    async def work(services: Services) -> list[tuple[BillingDocument, str]]:
        query = (
            select(BillingDocument, Organization.slug)
            .join(Organization, Organization.id == BillingDocument.organization_id)
            .order_by(BillingDocument.id)
        )
        if organization is not None:
            found = await services.accounts.organization_named(organization)
            query = query.where(BillingDocument.organization_id == found.id)
        async with services.database.read() as session:
            return [(document, slug) for document, slug in await session.execute(query)]

    for document, slug in with_services(work):
        click.echo(
            f"{document.number}  {document.issued_at:%Y-%m-%d}  {slug}  {document.month or '-'}  "
            f"{dollars(document.total)}"
        )
