"""What the owners of an organization are told when its plan is not paid."""

from __future__ import annotations

from enum import Enum

from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts.models import Organization
from skyhook.accounts.service import emails_for_billing
from skyhook.mail.message import Letter
from skyhook.payments.plan_models import Plan, Subscription


class Subject(Enum):
    """What a mail is about."""

    NOT_PAID = "not paid"
    ENDED = "ended"


async def letters(session: AsyncSession, address: str, row: Subscription, about: Subject) -> list[Letter]:
    """To those who look after the money, once for each unpaid invoice and at the end."""
    organization = await session.get_one(Organization, row.organization_id)
    plan = await session.get(Plan, row.next_plan or row.plan or "")
    emails = await emails_for_billing(session, organization.id)
    title = plan.title if plan is not None else "plan"
    if about is Subject.NOT_PAID:
        subject = f"The plan of {organization.name} could not be renewed"
        paragraphs = [
            f"Stripe tried to charge the saved card for another month of {title} and could not.",
            "Change the card, or pay the open invoice: both are on the plan's page. Stripe tries again in a "
            "few days. After a week the plan's discount ends, and after the last try the plan does.",
            "Credit that was given or bought stays, and calls go on as long as there is some.",
        ]
    else:
        subject = f"The plan of {organization.name} has ended"
        paragraphs = [
            f"{title} was not paid, so it has ended, with its discount. Nothing more is charged for it.",
            "Credit that is left stays until it expires. You can choose a plan again at any time.",
        ]
    page = f"{address}/console/o/{organization.slug}/billing/plan"
    return [Letter(email, subject, paragraphs, "Open the plan's page", page) for email in emails]
