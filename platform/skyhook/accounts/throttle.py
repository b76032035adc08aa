"""How often somebody who is not logged in may try, for an e-mail address and from a network address."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from skyhook.accounts.errors import LoginThrottled, MailThrottled
from skyhook.accounts.models import LoginFailure, MailRequest
from skyhook.clock import now
from skyhook.database import Database

THROTTLED_FOR = timedelta(minutes=15)
MOST_FAILURES_OF_EMAIL = 10
MOST_FAILURES_OF_ADDRESS = 50
MOST_MAILS_TO_EMAIL = 3
MOST_MAILS_OF_ADDRESS = 20


async def tried(
    database: Database, table: type[LoginFailure | MailRequest], email: str, address: str
) -> tuple[int, int]:
    """How many rows of the last quarter of an hour are of an e-mail address, and of a network address."""
    recent = select(func.count()).select_from(table).where(table.created_at > now() - THROTTLED_FOR)
    async with database.read() as session:
        of_email = await session.scalar(recent.where(table.email == email))
        of_address = await session.scalar(recent.where(table.address == address))
    return of_email or 0, of_address or 0


async def check_failures(database: Database, email: str, address: str) -> None:
    """Raises LoginThrottled where too many logins failed lately."""
    of_email, of_address = await tried(database, LoginFailure, email, address)
    if of_email >= MOST_FAILURES_OF_EMAIL or of_address >= MOST_FAILURES_OF_ADDRESS:
        raise LoginThrottled(
            "Too many logins failed. Wait a quarter of an hour and try again.",
            retry_after_s=THROTTLED_FOR.total_seconds(),
        )


async def count_failure(database: Database, email: str, address: str) -> None:
    """Counts a login that failed."""
    async with database.write() as session:
        session.add(LoginFailure(email=email, address=address))


async def count_mail(database: Database, email: str, address: str) -> None:
    """Counts a mail that is asked for. Raises MailThrottled, for addresses of nobody alike."""
    of_email, of_address = await tried(database, MailRequest, email, address)
    if of_email >= MOST_MAILS_TO_EMAIL or of_address >= MOST_MAILS_OF_ADDRESS:
        raise MailThrottled(
            "Too many mails were asked for. Look among the spam as well, or wait a quarter of an hour.",
            retry_after_s=THROTTLED_FOR.total_seconds(),
        )
    async with database.write() as session:
        session.add(MailRequest(email=email, address=address))
